"""The addresses of a lead's person, and opt-outs and opt-ins that a user notes for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.conversations import Channel, Preference
from hub.core.audit import service as audit
from hub.core.conversations.models import threads
from hub.core.conversations.pieces import OPT_STEPS
from hub.core.leads.journey import add_step
from hub.core.leads.models import person_contacts
from hub.core.leads.service import Author, locked_lead
from hub.core.opt_outs.addresses import PHONE, AddressKey, address_key, is_one_persons
from hub.core.opt_outs.queries import State, lock, states_of
from hub.core.opt_outs.service import Cause, record
from hub.core.organisations.errors import RefusedChangeError
from hub.db.types import AnyRow


@dataclass(frozen=True, slots=True)
class LeadAddress:
    """An address at which a lead's person is written to or called; ``state`` None: nothing was ever said of it."""

    key: AddressKey
    state: State | None

    @property
    def is_opted_out(self) -> bool:
        """Whether nothing may be sent there."""
        return self.state is not None and self.state.is_opted_out


def addresses_of(connection: Connection, organisation_id: UUID, lead: AnyRow) -> list[LeadAddress]:
    """The lead's phone, the other phones of its person, and whatever the person wrote from."""
    keys = _keys_of(connection, organisation_id, lead)
    states = states_of(connection, organisation_id, keys)
    return [LeadAddress(key, states.get(key)) for key in keys]


def note_by_hand(
    connection: Connection,
    organisation_id: UUID,
    lead_id: UUID,
    *,
    preference: Preference,
    address: AddressKey | None,
    reason: str,
    author: Author,
    now: datetime,
) -> None:
    """Note that a lead's person does not want to be written to, or wants it again; ``reason`` says how one knows.

    For one of the lead's addresses, or for all of them. It stands in the journey and in the audit record. Raises
    ``RefusedChangeError`` for an address that the lead does not have, and where it has none at all.
    """
    lock(connection, organisation_id, alone=True)
    lead = locked_lead(connection, organisation_id, lead_id, author.visible)
    known = _keys_of(connection, organisation_id, lead)
    if not known:
        raise RefusedChangeError("this lead has no address to write to; add a phone number first", field="address")
    if address is not None and address not in known:
        raise RefusedChangeError("this lead has no such address; choose one of its addresses", field="address")
    keys = known if address is None else [address]
    record(
        connection,
        organisation_id,
        keys,
        preference=preference,
        cause=Cause.USER,
        channel="",
        actor=author.actor,
        said_at=now,
        now=now,
        reason=reason,
    )
    step = OPT_STEPS[preference]
    detail = {"cause": Cause.USER.value, "reason": reason, "scopes": sorted({key.scope for key in keys})}
    add_step(connection, organisation_id, lead_id, kind=step, actor=author.actor, detail=detail, now=now)
    audit.record(
        connection, organisation_id, actor=author.actor, action=f"lead_{step}", subject=f"lead:{lead_id}", now=now
    )


def _keys_of(connection: Connection, organisation_id: UUID, lead: AnyRow) -> list[AddressKey]:
    found = [address_key(Channel.SMS, lead.phone)] if lead.phone else []
    found += [AddressKey(PHONE, number) for number in _phones(connection, organisation_id, lead.person_id)]
    senders = connection.execute(
        sa.select(threads.c.channel, threads.c.sender)
        .where(
            threads.c.organisation_id == organisation_id,
            sa.or_(threads.c.lead_id == lead.id, threads.c.person_id == lead.person_id),
        )
        .order_by(threads.c.id)
    )
    found += [address_key(row.channel, row.sender) for row in senders]
    return [key for key in dict.fromkeys(found) if is_one_persons(key)]


def _phones(connection: Connection, organisation_id: UUID, person_id: UUID) -> Sequence[str]:
    return (
        connection.execute(
            sa.select(person_contacts.c.value)
            .where(
                person_contacts.c.organisation_id == organisation_id,
                person_contacts.c.person_id == person_id,
                person_contacts.c.kind == "phone",
            )
            .order_by(person_contacts.c.value)
        )
        .scalars()
        .all()
    )
