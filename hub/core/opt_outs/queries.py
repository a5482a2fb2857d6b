"""Reading who opted out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversations import Preference
from hub.core.opt_outs.addresses import AddressKey, address_key
from hub.core.opt_outs.models import opt_outs
from hub.db.types import AnyRow

_LOCK_CLASS = 0x0F7017
_SHARED = sa.text("SELECT pg_advisory_xact_lock_shared(:kind, :number)")
_ALONE = sa.text("SELECT pg_advisory_xact_lock(:kind, :number)")
_SAID_LAST = (
    sa.select(opt_outs.c.preference)
    .where(
        opt_outs.c.organisation_id == sa.bindparam("organisation"),
        opt_outs.c.scope == sa.bindparam("scope"),
        opt_outs.c.address == sa.bindparam("address"),
    )
    .order_by(opt_outs.c.said_at.desc(), opt_outs.c.preference.desc(), opt_outs.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class State:
    """What holds for an address: the opt-out or opt-in said last, where it was said, and by what it was known."""

    is_opted_out: bool
    channel: str
    cause: str
    said_at: datetime


def is_opted_out(connection: Connection, organisation_id: UUID, channel: str, address: str) -> bool:
    """Whether nothing may be sent to an address. To be asked in the transaction that marks the message as leaving.

    Until that transaction ends no opt-out of the organisation can be committed, so after one that was committed
    nothing is marked any more. Ask before taking other locks: who records an opt-out does the same.
    """
    lock(connection, organisation_id, alone=False)
    scope, plain = address_key(channel, address)
    said = connection.scalar(_SAID_LAST, {"organisation": organisation_id, "scope": scope, "address": plain})
    return said == Preference.OPT_OUT


def states_of(connection: Connection, organisation_id: UUID, keys: Collection[AddressKey]) -> dict[AddressKey, State]:
    """What holds for each of these addresses of which anything was ever said."""
    found: dict[AddressKey, State] = {}
    for row in events_of(connection, organisation_id, keys):
        key = AddressKey(row.scope, row.address)
        found[key] = State(row.preference == Preference.OPT_OUT, row.channel, row.cause, row.said_at)
    return found


def events_of(connection: Connection, organisation_id: UUID, keys: Collection[AddressKey]) -> Sequence[AnyRow]:
    """Every opt-out and opt-in of these addresses, what was said first comes first.

    What was said at the same moment ends with the opt-out.
    """
    if not keys:
        return []
    alternatives = sa.or_(
        *(sa.and_(opt_outs.c.scope == scope, opt_outs.c.address == address) for scope, address in sorted(set(keys)))
    )
    return connection.execute(
        sa.select(opt_outs)
        .where(opt_outs.c.organisation_id == organisation_id, alternatives)
        .order_by(opt_outs.c.said_at, opt_outs.c.preference, opt_outs.c.id)
    ).all()


def lock(connection: Connection, organisation_id: UUID, *, alone: bool) -> None:
    """Keep senders (together) and recorders (``alone``) of an organisation apart until the transaction ends.

    SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(organisation_id.bytes[-4:], "big", signed=True)
        connection.execute(_ALONE if alone else _SHARED, {"kind": _LOCK_CLASS, "number": number})
