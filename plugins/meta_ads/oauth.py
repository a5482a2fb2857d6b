"""Signing in: code, short token, long token, one token per Page (protocol page section 2.3)."""

from datetime import UTC, datetime

from pydantic import SecretStr

from hub.connector.errors import PermanentError, ReauthorizationNeededError, RetryableError
from hub.connector.models import Grant
from hub.connector.oauth import Redirect, read_token_answer
from plugins.meta_ads.errors import REFUSED, error_of_code
from plugins.meta_ads.graph import Graph, member, parsed
from plugins.meta_ads.payloads import PageNode, TokenFacts

PAGE_FIELDS = "id,name,access_token,tasks"


async def grant_of_code(graph: Graph, code: SecretStr, redirect: Redirect) -> Grant:
    """A lasting grant for the code of a redirect. Raises ``ReauthorizationNeededError`` (``invalid_grant``)
    for a code that is used, over, or was issued for another redirect address."""
    params = {"redirect_uri": redirect.redirect_uri, "code": code.get_secret_value()}
    if graph.settings.use_pkce and redirect.code_verifier is not None:
        params["code_verifier"] = redirect.code_verifier.get_secret_value()
    try:
        short = await _token_call(graph, params)
    except PermanentError as error:
        if error.code != REFUSED:
            raise
        raise ReauthorizationNeededError(
            "Facebook did not accept the sign-in. Start it again; if that fails too, compare the redirect address "
            "in the app's dashboard with the one shown here.",
            detail=error.detail,
            code="invalid_grant",
        ) from None
    facts = await token_facts(graph, short.access_token)
    if facts.expires_at == 0:
        return await _complete(graph, short, facts)
    return await renewed_grant(graph, short.access_token)


async def renewed_grant(graph: Graph, token: SecretStr) -> Grant:
    """A grant of about 60 days for a token that still lives; one that has expired cannot be exchanged."""
    params = {"grant_type": "fb_exchange_token", "fb_exchange_token": token.get_secret_value()}
    lasting = await _token_call(graph, params)
    return await _complete(graph, lasting, await token_facts(graph, lasting.access_token))


async def token_facts(graph: Graph, token: SecretStr) -> TokenFacts:
    """What Meta knows of a token: scopes, both dates, and the reason if it is dead (raised as an error)."""
    answer = await graph.call_as_app("GET", "debug_token", params={"input_token": token.get_secret_value()})
    facts = parsed(TokenFacts, member(answer.body, "data"))
    if not facts.is_valid:
        raise error_of_code(facts.error.code, facts.error.subcode) if facts.error else error_of_code(190, None)
    return facts


async def pages_of(graph: Graph, token: SecretStr, facts: TokenFacts) -> list[PageNode]:
    """The Pages that the person shared with the app; none where the permission to list them was withheld."""
    if "pages_show_list" not in facts.scopes:
        return []
    items = graph.items_of("me/accounts", {"fields": PAGE_FIELDS}, token=token)
    return [parsed(PageNode, item) async for item in items]


async def _complete(graph: Graph, grant: Grant, facts: TokenFacts) -> Grant:
    pages = await pages_of(graph, grant.access_token, facts)
    return Grant(
        access_token=grant.access_token,
        expires_at=grant.expires_at if facts.expires_at is None else _moment(facts.expires_at),
        authorised_until=_moment(facts.data_access_expires_at),
        scopes=tuple(facts.scopes),
        part_tokens={page.id: page.access_token for page in pages if page.access_token is not None},
    )


async def _token_call(graph: Graph, params: dict[str, str]) -> Grant:
    """GET, as Meta documents it. Meta answers a wrong app secret with the code of passing trouble: one call as
    the app tells the two apart, so that nobody waits for a retry that cannot succeed."""
    client = {"client_id": graph.settings.app_id, "client_secret": graph.settings.app_secret.get_secret_value()}
    try:
        answer = await graph.send("GET", "oauth/access_token", None, params={**client, **params})
    except RetryableError as error:
        if error.code == "temporary":
            await graph.call_as_app("GET", f"{graph.settings.app_id}/subscriptions")
        raise
    return read_token_answer(answer.body, graph.access.clock.now())


def _moment(seconds: int | None) -> datetime | None:
    """Unix seconds as a moment; 0 and absence say that there is no date."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
