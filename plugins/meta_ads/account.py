"""Whom the sign-in reaches and what it lacks, in words an admin can act on (protocol page section 2.2)."""

from collections.abc import AsyncIterator, Iterator

from hub.connector.errors import ConnectorError, PartAccessLostError, ReauthorizationNeededError, RetryableError
from hub.connector.models import Account, AccountPart
from plugins.meta_ads.errors import NOT_VISIBLE
from plugins.meta_ads.graph import Graph, member, parsed
from plugins.meta_ads.oauth import pages_of, token_facts
from plugins.meta_ads.payloads import Id, LeadAccess, OptionalText, PageNode, TokenFacts, Wire
from plugins.meta_ads.permissions import missing_on_page, missing_permissions

ADVERTISE = "ADVERTISE"


class Me(Wire):
    """The person, or the system user, who signed in."""

    id: Id
    name: OptionalText = None


async def identify_account(graph: Graph) -> Account:
    """The person with the Pages that were shared, each with the rights that are missing there."""
    token = graph.access.token()
    me = parsed(Me, (await graph.get("me", {"fields": "id,name"})).body)
    facts = await token_facts(graph, token)
    pages = await pages_of(graph, token, facts)
    parts = [await _part(graph, page, facts) for page in pages]
    parts += [_lost_part(page_id) for page_id in graph.access.part_ids if page_id not in {page.id for page in pages}]
    missing = missing_permissions(facts.scopes)
    if not parts:
        missing.append(
            "No Page was shared. Sign in again and choose the Pages that collect leads; you need access to them in "
            "Facebook or in the Business Manager."
        )
    return Account(id=me.id, name=me.name or me.id, missing_rights=tuple(missing), parts=tuple(parts))


async def lead_access(graph: Graph, page_id: str) -> LeadAccess:
    """What the Leads Access Manager says; everything allowed where the Page does not tell."""
    answer = await graph.get(page_id, {"fields": "has_lead_access"}, part_id=page_id)
    return parsed(LeadAccess, member(answer.body, "has_lead_access") or {})


async def why_not_visible(graph: Graph, page_id: str | None, error: RetryableError) -> ConnectorError:
    """The cause behind code 100 with subcode 33: access to the Page's leads was taken away, which concerns all of
    them, or this one is really gone; then try later."""
    if page_id is None or page_id not in graph.access.part_ids:
        return error
    found = await lead_access(graph, page_id)
    if found.is_given:
        return error
    return PartAccessLostError(_no_lead_access(found), part_id=page_id, detail=error.detail, code="lead_access_removed")


async def _part(graph: Graph, page: PageNode, facts: TokenFacts) -> AccountPart:
    missing = list(_missing_on(page, facts))
    if page.id in graph.access.part_ids:
        missing += [each async for each in _lead_access_problem(graph, page.id)]
    else:
        missing.append("The sign-in holds no key for this Page. Sign in again and choose it.")
    return AccountPart(id=page.id, name=page.name or page.id, missing_rights=tuple(missing))


def _lost_part(page_id: str) -> AccountPart:
    """A Page that the grant has a key for, and that is not listed any more."""
    missing = "This Page is no longer shared, or the person has no role on it. Sign in again as somebody who has."
    return AccountPart(id=page_id, name=page_id, missing_rights=(missing,))


async def _lead_access_problem(graph: Graph, page_id: str) -> AsyncIterator[str]:
    """Why leads of a Page cannot be read, if so. A refusal here speaks of this Page, not of the sign-in."""
    try:
        found = await lead_access(graph, page_id)
    except ReauthorizationNeededError as error:
        yield error.user_message
    except RetryableError as error:
        if error.code != NOT_VISIBLE:
            raise
        yield error.user_message
    else:
        if not found.is_given:
            yield _no_lead_access(found)


def _missing_on(page: PageNode, facts: TokenFacts) -> Iterator[str]:
    if ADVERTISE not in page.tasks:
        yield "Your role on this Page does not include advertising. Ask an admin of the Page for full control or Ads."
    yield from missing_on_page(page.id, facts.granular_scopes)


def _no_lead_access(found: LeadAccess) -> str:
    said = " ".join(each for each in (found.failure_reason, found.failure_resolution) if each)
    return (
        "The Leads Access Manager of the business does not let "
        + ("this app" if not found.app_has_leads_permission else "the person who signed in")
        + " read leads of this Page. Allow it in the Business Manager under Integrations, Leads access."
        + (f" Facebook says: {said}" if said else "")
    )
