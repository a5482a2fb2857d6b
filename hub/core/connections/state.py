"""The states of a connection and the only function that decides about them. Pure.

Retries, rate limits and bad payloads are no events here: they change health facts, never the state.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ConnectionState(StrEnum):
    """Where a connection stands; what people read is derived from it (``labels``)."""

    AUTHORIZATION_NEEDED = "authorization_needed"
    ACTIVE = "active"
    INACTIVE = "inactive"
    DISCONNECTED = "disconnected"


class GrantFate(StrEnum):
    """What becomes of the stored grant."""

    KEPT = "kept"
    REPLACED = "replaced"
    DESTROYED = "destroyed"


@dataclass(frozen=True)
class ConnectionFacts:
    """What a decision needs to know.

    ``account_id`` is the account this connection was made for, once known. ``needs_grant`` is False where the hub
    itself is the source.
    """

    state: ConnectionState
    reason: str | None = None
    has_grant: bool = False
    needs_grant: bool = True
    account_id: str | None = None
    authorised_until: datetime | None = None


@dataclass(frozen=True)
class Authorised:
    """An admin signed in at the platform: connect, re-sync or authorise."""

    account_id: str


@dataclass(frozen=True)
class GrantLost:
    """The grant is dead; ``reason`` is the code of the error that said so."""

    reason: str


@dataclass(frozen=True)
class Deactivated:
    """An admin switched the connection off."""


@dataclass(frozen=True)
class Activated:
    """An admin switched the connection on again."""


@dataclass(frozen=True)
class Disconnected:
    """An admin ended the connection and said why."""

    reason: str


@dataclass(frozen=True)
class Deleted:
    """An admin removed the connection and said why."""

    reason: str


Event = Authorised | GrantLost | Deactivated | Activated | Disconnected | Deleted


@dataclass(frozen=True)
class Change:
    """What an event makes of a connection. ``state`` None: the connection is gone."""

    state: ConnectionState | None
    reason: str | None
    grant: GrantFate
    admins_are_told: bool = False


class EventRefusedError(Exception):
    """The event has no place in this state. ``code`` is stable, the text says what to do."""

    def __init__(self, user_message: str, code: str) -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.code = code


def transition(facts: ConnectionFacts, event: Event, now: datetime) -> Change:
    """Decide what an event does. Raises ``EventRefusedError`` for everything that the table does not list."""
    match event:
        case Authorised(account_id):
            return _authorised(facts, account_id)
        case GrantLost(reason):
            return _grant_lost(facts, reason)
        case Deactivated():
            return _deactivated(facts)
        case Activated():
            return _activated(facts, now)
        case Disconnected(reason):
            return _disconnected(facts, reason)
        case Deleted(reason):
            return Change(None, _given(reason), GrantFate.DESTROYED)


def has_living_grant(facts: ConnectionFacts, now: datetime) -> bool:
    """Whether there is a grant that an admin need not renew. ``expires_at`` does not count: the hub renews."""
    if not facts.needs_grant:
        return True
    return facts.has_grant and (facts.authorised_until is None or facts.authorised_until > now)


def _authorised(facts: ConnectionFacts, account_id: str) -> Change:
    if facts.account_id is not None and facts.account_id != account_id:
        raise EventRefusedError(
            "You signed in with another account than this connection belongs to. Sign in with the same account, "
            "or connect the other one as a new connection.",
            "wrong_account",
        )
    state = ConnectionState.INACTIVE if facts.state is ConnectionState.INACTIVE else ConnectionState.ACTIVE
    return Change(state, None, GrantFate.REPLACED)


def _grant_lost(facts: ConnectionFacts, reason: str) -> Change:
    if facts.state is ConnectionState.INACTIVE:
        return Change(ConnectionState.INACTIVE, reason, GrantFate.DESTROYED)
    if facts.state is ConnectionState.ACTIVE:
        return Change(ConnectionState.AUTHORIZATION_NEEDED, reason, GrantFate.DESTROYED, admins_are_told=True)
    raise _refused(facts, "has no grant to lose")


def _deactivated(facts: ConnectionFacts) -> Change:
    if facts.state in (ConnectionState.ACTIVE, ConnectionState.AUTHORIZATION_NEEDED):
        return Change(ConnectionState.INACTIVE, facts.reason, GrantFate.KEPT)
    raise _refused(facts, "cannot be switched off")


def _activated(facts: ConnectionFacts, now: datetime) -> Change:
    if facts.state is not ConnectionState.INACTIVE:
        raise _refused(facts, "cannot be switched on")
    if has_living_grant(facts, now):
        return Change(ConnectionState.ACTIVE, None, GrantFate.KEPT)
    return Change(ConnectionState.AUTHORIZATION_NEEDED, facts.reason or "expired", GrantFate.DESTROYED)


def _disconnected(facts: ConnectionFacts, reason: str) -> Change:
    if facts.state is ConnectionState.DISCONNECTED:
        raise _refused(facts, "cannot be disconnected again")
    return Change(ConnectionState.DISCONNECTED, _given(reason), GrantFate.DESTROYED)


def _given(reason: str) -> str:
    if not reason.strip():
        raise EventRefusedError("Give a reason before you go on.", "reason_required")
    return reason.strip()


def _refused(facts: ConnectionFacts, why: str) -> EventRefusedError:
    return EventRefusedError(f"A connection in the state {facts.state.value!r} {why}.", "not_in_this_state")
