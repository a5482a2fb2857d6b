"""Who calls the Graph API: the app, a person or a Page; and whether the call is proven (section 2.3)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from hub.testing.tokens import IssuedToken
from plugins.meta_ads.simulator.answers import GRAPH_METHOD, GraphError, token_error
from plugins.meta_ads.simulator.world import APP_REMOVED, EXPIRED, MetaWorld


@dataclass(frozen=True)
class Caller:
    """``page_id`` is set for a Page token, with what it ``lacks`` of the person's permissions; ``token`` is None for
    the app."""

    value: str
    token: IssuedToken | None
    page_id: str | None = None
    lacks: frozenset[str] = frozenset()

    @property
    def person_id(self) -> str | None:
        """The person behind the token."""
        return self.token.facts["person"] if self.token else None

    def require_scope(self, scope: str) -> None:
        """Refuse where the permission is missing, code 200."""
        if self.token is not None and (scope not in self.token.scopes or scope in self.lacks):
            raise GraphError(200, f"(#200) Requires {scope} permission to manage the object")

    def require_page(self, page_id: str) -> None:
        """Refuse anybody but this Page's own token."""
        if self.page_id is None:
            raise GraphError(190, "This method must be called with a Page Access Token")
        if self.page_id != page_id:
            raise GraphError(200, "(#200) The token belongs to another Page")

    def require_app(self) -> None:
        """Refuse anybody but the app."""
        if self.token is not None:
            raise GraphError(15, "(#15) This method must be called with an app access token")


def caller_of(world: MetaWorld, request: web.Request, params: Mapping[str, str]) -> Caller:
    """The caller by its token, which must live and be proven."""
    value = _token_value(request, params)
    if value is None:
        raise GraphError(2500, "An active access token must be used to query information about the current user.")
    caller = _known(world, value)
    _check_proof(world, value, params.get("appsecret_proof"))
    if caller.token is not None:
        _check_data_access(world, caller)
    return caller


def check_living(world: MetaWorld, token: IssuedToken) -> None:
    """Refuse a dead token with the cause of its death."""
    if token.is_revoked:
        raise token_error(world.deaths.get(token.value, APP_REMOVED))
    if world.tokens.is_expired(token):
        raise token_error(EXPIRED)
    page = world.pages.get(token.facts.get("page", ""))
    if page is not None and page.is_dead:
        raise token_error(page.death)


def _token_value(request: web.Request, params: Mapping[str, str]) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "oauth") and value:
        return value
    return params.get("access_token")


def _known(world: MetaWorld, value: str) -> Caller:
    if "|" in value:
        if value != world.app_token or world.is_client_refused:
            raise GraphError(190, "Invalid OAuth access token signature.")
        return Caller(value, None)
    token = world.tokens.find(value)
    if token is None or token.kind not in ("short", "access", "page"):
        raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
    check_living(world, token)
    page = world.pages.get(token.facts.get("page", ""))
    return Caller(value, token, page.id, frozenset(page.taken)) if page else Caller(value, token)


def _check_proof(world: MetaWorld, value: str, given: str | None) -> None:
    if given is None:
        if world.requires_proof:
            raise GraphError(100, "API calls from the server require an appsecret_proof argument", kind=GRAPH_METHOD)
        return
    secret = world.webhook_secret.get_secret_value().encode()
    if not hmac.compare_digest(given, hmac.new(secret, value.encode(), hashlib.sha256).hexdigest()):
        raise GraphError(100, "Invalid appsecret_proof provided in the API argument", kind=GRAPH_METHOD)


def _check_data_access(world: MetaWorld, caller: Caller) -> None:
    person = world.people[caller.person_id or ""]
    if person.data_access_until is not None and person.data_access_until <= world.clock.now():
        raise token_error(None)
