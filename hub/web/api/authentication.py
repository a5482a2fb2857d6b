"""Who is calling: an API key in ``Authorization: Bearer``, else the session cookie, else nobody.

A header that is there but wrong is a 401 and never falls back to the cookie.
"""

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from hub.core.accounts import api_keys, queries, sessions
from hub.core.accounts.principal import Principal
from hub.web.cookies import read_session
from hub.web.problems import Problem
from hub.web.services import WebServices

_SCHEME = "bearer "
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller, if any. ``session_token`` is the cookie's value as sent, also when it is worth nothing."""

    caller: Principal | None = None
    session_token: str | None = None


def find_key(request: web.Request) -> str | None:
    """The API key that the request carries. Raises ``Problem`` 401 for another kind of authorisation."""
    given = request.headers.get("Authorization")
    if given is None:
        return None
    if given[: len(_SCHEME)].lower() != _SCHEME or len(given) > _LONGEST:
        raise unauthenticated("Send an API key as Authorization: Bearer lh_..., or sign in.")
    return given[len(_SCHEME) :].strip()


async def authenticate(request: web.Request, services: WebServices, *, touch: bool) -> Identity:
    """Find the caller. ``touch``: note that session or key is in use (streams do not keep a session alive)."""
    now = services.clock.now()
    key = find_key(request)
    if key is not None:
        return await _by_key(services, key, now)
    token = read_session(request, services.settings)
    if token is None or len(token) > _LONGEST:
        return Identity()
    found = await services.database.read(queries.recognise_session, token, now)
    if found is None:
        return Identity(session_token=token)
    caller = found.principal
    if touch and found.needs_touch and caller.session_id is not None:
        await services.database.write(sessions.touch_session, caller.organisation_id, caller.session_id, now)
    return Identity(caller, token)


def unauthenticated(detail: str) -> Problem:
    """401 with the header that RFC 9110 demands."""
    return Problem(401, "not-signed-in", detail, headers={"WWW-Authenticate": 'Bearer realm="leadhub"'})


async def _by_key(services: WebServices, key: str, now: datetime) -> Identity:
    found = await services.database.read(queries.recognise_key, key, now) if key.startswith(api_keys.PREFIX) else None
    if found is None or found.principal.api_key_id is None:
        raise unauthenticated("This API key is not valid: unknown, expired or revoked. Make a new one.")
    caller = found.principal
    if found.needs_touch and caller.api_key_id is not None:
        await services.database.write(api_keys.note_use, caller.organisation_id, caller.api_key_id, now)
    return Identity(caller)
