"""Which Ads accounts a sign-in reaches, and through which manager (protocol page section 4.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from hub.connector.errors import PartAccessLostError, PermanentError
from hub.connector.models import Account, AccountPart
from plugins.google_ads.api import GoogleAdsApi
from plugins.google_ads.errors import ACCOUNT_CLOSED, NO_ACCESS
from plugins.google_ads.payloads import ClientRow
from plugins.google_ads.scopes import ADS, SCOPES, missing_scopes

TREE = (
    "SELECT customer_client.id, customer_client.descriptive_name, customer_client.manager, customer_client.level, "
    "customer_client.status, customer_client.time_zone FROM customer_client"
)
ONE_OF_TREE = "SELECT customer_client.id FROM customer_client WHERE customer_client.id = {}"
WITHOUT_LEADS = ("CANCELED", "CLOSED")

NO_ACCOUNT = (
    "No Google Ads account with lead forms can be reached. Sign in as somebody who can open the account in Google Ads; "
    "read-only access is enough."
)


@dataclass(frozen=True)
class Customer:
    """An account with leads, and the manager account through which it is reached; None where directly."""

    id: str
    name: str
    manager_id: str | None


@dataclass(frozen=True)
class Reach:
    """All accounts with leads by id, and the refusals of others."""

    customers: Mapping[str, Customer]
    refusals: tuple[PartAccessLostError, ...]


async def identify_account(api: GoogleAdsApi) -> Account:
    """The person with the Ads accounts, and what is missing."""
    person = await api.person()
    granted = api.access.scopes or SCOPES  # silence means that all was granted (RFC 6749 section 5.1)
    missing = missing_scopes(granted)
    reach = Reach({}, ())
    if ADS in granted:
        reach = await accounts_in_reach(api)
        missing += [] if reach.customers else [NO_ACCOUNT]
    parts = [AccountPart(id=each.id, name=each.name) for each in reach.customers.values()]
    parts += [_refusing(refusal) for refusal in reach.refusals if refusal.code != ACCOUNT_CLOSED]
    name = person.email or person.name or person.sub
    return Account(id=person.sub, name=name, missing_rights=tuple(missing), parts=tuple(parts))


async def accounts_in_reach(api: GoogleAdsApi) -> Reach:
    """Every account with leads, each once; the direct way to it is preferred to one through a manager.

    Raises ``PermanentError`` where the manager account of the settings refuses: then none can be reached.
    """
    chosen = api.settings.login_customer_id
    found: dict[str, Customer] = {}
    refusals: list[PartAccessLostError] = []
    for root in [chosen] if chosen else await api.accessible():
        try:
            for customer in await _below(api, root, is_chosen=chosen is not None):
                if customer.id not in found or customer.manager_id is None:
                    found[customer.id] = customer
        except PartAccessLostError as refusal:
            if chosen:
                raise PermanentError(refusal.user_message, detail=refusal.detail, code=refusal.code) from None
            refusals.append(refusal)
    return Reach(found, tuple(refusals))


async def manager_of(api: GoogleAdsApi, customer_id: str) -> str | None:
    """The manager account through which an account is reached; None where directly.

    Raises ``PartAccessLostError`` (``no_access``) where it is not reached at all (any more).
    """
    if api.settings.login_customer_id is not None:
        return api.settings.login_customer_id
    roots = await api.accessible()
    if customer_id in roots:
        return None
    for root in roots:
        try:
            rows = await api.page_of(root, ONE_OF_TREE.format(customer_id), manager_id=root)
        except PartAccessLostError:
            continue
        if rows.rows:
            return root
    raise PartAccessLostError(
        "The person who signed in does not reach this Ads account any more. Give access again in Google Ads under "
        "Access and security.",
        part_id=customer_id,
        code=NO_ACCESS,
    )


def _refusing(refusal: PartAccessLostError) -> AccountPart:
    """An account of which nothing is known but its number, and why."""
    return AccountPart(id=refusal.part_id, name=refusal.part_id, missing_rights=(refusal.user_message,))


async def _below(api: GoogleAdsApi, root: str, *, is_chosen: bool) -> list[Customer]:
    clients = [row.client async for row in api.all_of(ClientRow, root, TREE, manager_id=root)]
    return [
        Customer(each.id, each.name or each.id, None if each.id == root and not is_chosen else root)
        for each in clients
        if not each.is_manager and each.status not in WITHOUT_LEADS
    ]
