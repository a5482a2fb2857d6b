"""Sign-ins under way: what was asked for, by whom, in which browser. Each is good for one answer within ten minutes
(AD-07, RFC 6749 section 10.12, RFC 9700 section 4.7)."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import Connection

from hub.connector.oauth import Redirect
from hub.core.connections.models import authorisation_requests
from hub.core.connections.sealing import Sealer, UnsealError
from hub.db.guard import ALL_ORGANISATIONS

VALID_FOR = timedelta(minutes=10)
KEPT_FOR = timedelta(days=1)
"""Used and expired requests stay this long, so that a late answer is told apart from an invented one."""


@dataclass(frozen=True)
class Visitor:
    """Who stands before us: from the session, and from a cookie that is bound to nothing but the browser."""

    organisation_id: UUID
    user_id: UUID
    browser_secret: SecretStr


class CallbackRefusedError(Exception):
    """The platform's redirect is not followed. ``code`` is stable, the text says what to do."""

    def __init__(self, code: str, user_message: str) -> None:
        super().__init__(user_message)
        self.code = code
        self.user_message = user_message


@dataclass(frozen=True)
class Claim:
    """A request that was just used up, and is now to be completed."""

    app_id: UUID
    connection_id: UUID | None
    redirect: Redirect


def store_request(
    connection: Connection,
    sealer: Sealer,
    visitor: Visitor,
    *,
    app_id: UUID,
    connection_id: UUID | None,
    redirect_uri: str,
    now: datetime,
) -> tuple[str, Redirect]:
    """Remember a sign-in that begins; returns its ``state`` (256 bits) and what the token request must repeat."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    key = _digest(state)
    _forget_old(connection, visitor.organisation_id, now)
    connection.execute(
        sa.insert(authorisation_requests).values(
            state_sha256=key,
            organisation_id=visitor.organisation_id,
            user_id=visitor.user_id,
            browser_sha256=_digest(visitor.browser_secret.get_secret_value()),
            app_id=app_id,
            connection_id=connection_id,
            code_verifier=sealer.seal(
                connection,
                visitor.organisation_id,
                "authorisation_requests",
                key,
                "code_verifier",
                verifier.encode(),
            ),
            redirect_uri=redirect_uri,
            expires_at=now + VALID_FOR,
        )
    )
    return state, Redirect(redirect_uri, SecretStr(verifier))


def claim_request(
    connection: Connection,
    sealer: Sealer,
    visitor: Visitor,
    params: Mapping[str, str],
    redirect_uri: str,
    now: datetime,
) -> Claim | CallbackRefusedError:
    """Use a request up. Whoever presents its state, it is good for nothing afterwards.

    Returns the refusal instead of raising it, so that the transaction which notes the use is not rolled back.
    """
    key = _digest(params.get("state", ""))
    is_it = authorisation_requests.c.state_sha256 == key
    everyone = {ALL_ORGANISATIONS: "the state names the request; whose it is, is compared below"}
    used = connection.execute(
        sa.update(authorisation_requests)
        .where(is_it, authorisation_requests.c.used_at.is_(None))
        .values(used_at=now)
        .execution_options(**everyone)
    )
    row = connection.execute(sa.select(authorisation_requests).where(is_it).execution_options(**everyone)).first()
    if row is None:
        return _refused("unknown_state")
    if not used.rowcount:
        return _refused("used_state")
    browser = _digest(visitor.browser_secret.get_secret_value())
    for is_wrong, code in (
        (not hmac.compare_digest(row.browser_sha256, browser), "other_browser"),
        (row.organisation_id != visitor.organisation_id, "other_organisation"),
        (row.user_id != visitor.user_id, "other_user"),
        (now >= row.expires_at, "expired_state"),
        (row.redirect_uri != redirect_uri, "other_redirect_uri"),
    ):
        if is_wrong:
            return _refused(code)
    try:
        verifier = sealer.open(
            connection, row.organisation_id, "authorisation_requests", key, "code_verifier", row.code_verifier
        )
    except UnsealError:
        return _refused("unreadable_request")
    return Claim(row.app_id, row.connection_id, Redirect(row.redirect_uri, SecretStr(verifier.decode())))


def read_code(params: Mapping[str, str], issuer: str | None) -> SecretStr:
    """The authorisation code of a redirect whose state was right.

    Where the issuer is known it must be named (RFC 9207 section 2.4), also beside an error: an answer that came
    from another server proves nothing. Raises ``CallbackRefusedError``.
    """
    if issuer is not None and not hmac.compare_digest(params.get("iss", "").encode(), issuer.encode()):
        raise _refused("wrong_issuer")
    if "error" in params:
        raise _refused("access_denied" if params["error"] == "access_denied" else "platform_refused")
    if not params.get("code"):
        raise _refused("no_code")
    return SecretStr(params["code"])


_AGAIN = "Start again with Connect account, in this browser."
_REFUSALS = {
    "unknown_state": f"This sign-in was not started here. {_AGAIN}",
    "used_state": f"This sign-in was completed or broken off already. {_AGAIN}",
    "expired_state": f"The sign-in took longer than ten minutes. {_AGAIN}",
    "other_browser": f"This sign-in was started in another browser. {_AGAIN}",
    "other_user": f"This sign-in was started by another user. {_AGAIN}",
    "other_organisation": f"This sign-in was started for another organisation. {_AGAIN}",
    "other_redirect_uri": f"The platform came back to another address than agreed. {_AGAIN}",
    "unreadable_request": f"What was kept of this sign-in cannot be read. {_AGAIN}",
    "wrong_issuer": f"The answer came from another platform than the one you were sent to. {_AGAIN}",
    "access_denied": "Access was not granted at the platform. Connect again and grant the access that is listed.",
    "platform_refused": "The platform broke the sign-in off. Check the app credentials, then connect again.",
    "no_code": f"The platform's answer was incomplete. {_AGAIN}",
}


def _refused(code: str) -> CallbackRefusedError:
    return CallbackRefusedError(code, _REFUSALS[code])


def _forget_old(connection: Connection, organisation_id: UUID, now: datetime) -> None:
    connection.execute(
        sa.delete(authorisation_requests).where(
            authorisation_requests.c.organisation_id == organisation_id,
            authorisation_requests.c.expires_at < now - KEPT_FOR,
        )
    )


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
