"""What was said between a lead's person and the business, and whether that person wants to be written to."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.engine import Connection

from hub.connector.conversations import Channel, MessageKind, Preference
from hub.core.accounts.permissions import Permission
from hub.core.conversations import opting, queries
from hub.core.conversations.queries import Entry, Place
from hub.core.leads.queries import find_lead
from hub.core.opt_outs.addresses import AddressKey
from hub.core.opt_outs.service import Cause
from hub.core.outbound.states import MessageState
from hub.db.types import AnyRow
from hub.web.api.failures import failures as core_failures
from hub.web.api.leads import HIDDEN, LeadPath, author, not_found, visibility
from hub.web.api.paging import PageQuery, Position, cut
from hub.web.api.routing import Call, Input, NoInput, RouteGroup

CONVERSATIONS = RouteGroup("Conversations", failures=core_failures)
_VIEW, _CONTACTS = Permission("leads", "view"), Permission("lead_contacts", "view")
_OPT = Permission("opt_outs", "edit")


class MediaShown(BaseModel):
    """A file that came with a piece, where the platform keeps it."""

    url: str
    content_type: str
    name: str


class EntryShown(BaseModel):
    """A piece that the person sent, or a message of ours.

    ``kind`` tells what a piece is; an ``edit`` or a ``revocation`` names the piece that it ``amends``, where that is
    known. On that piece ``edited_text`` is the newest wording, and ``is_revoked`` says that the person took it back.
    ``preference`` is what a piece was found to say about being written to. ``campaign`` is the advertisement that led
    to the thread. Of a message of ours ``state`` says how far it got, and ``asked_by`` who wanted it.
    Without the right to see contact data, the person's address and what they wrote are ``hidden``.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    direction: Literal["inbound", "outbound"]
    kind: MessageKind
    channel: Channel
    connection_id: UUID
    thread_id: UUID | None = None
    receipt_id: UUID | None = None
    sender: str
    recipient: str
    text: str
    said_at: datetime
    received_at: datetime | None = None
    seconds: int | None = None
    media: list[MediaShown] = []
    detail: dict[str, str] = {}
    campaign: dict[str, JsonValue] | None = None
    preference: Preference | None = None
    amends: UUID | None = None
    edited_text: str | None = None
    is_revoked: bool = False
    state: MessageState | None = None
    asked_by: str | None = None


class ConversationPage(BaseModel):
    """One page of a conversation, newest first."""

    items: list[EntryShown]
    next_cursor: str | None


class LeadAddressShown(BaseModel):
    """An address of the lead's person. ``scope`` is ``phone`` (it counts on every channel) or a channel.

    ``cause`` (``word``, ``sentence``, ``platform``, ``user``), ``channel`` and ``said_at`` tell of what was said last;
    they are null where nothing ever was.
    """

    scope: str
    address: str
    is_opted_out: bool
    cause: Cause | None
    channel: str | None
    said_at: datetime | None


class LeadAddresses(BaseModel):
    """Every address at which the lead's person can be reached, and what that person wants."""

    items: list[LeadAddressShown]


class NamedAddress(Input):
    """One of the lead's addresses, as they are listed."""

    scope: Annotated[str, Field(min_length=1, max_length=16)]
    address: Annotated[str, Field(min_length=1, max_length=200)]


class NewPreference(Input):
    """What the person wants, and how one knows. Without ``address`` it holds for all addresses of the lead."""

    preference: Preference
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
    address: NamedAddress | None = None


@CONVERSATIONS.route(
    "GET",
    "/api/v1/leads/{lead_id}/conversation",
    permission=_VIEW,
    path=LeadPath,
    query=PageQuery,
    answers=ConversationPage,
    summary="Show a lead's conversation",
)
async def show_conversation(call: Call[LeadPath, PageQuery, NoInput]) -> ConversationPage:
    """Messages, calls, recordings and transcripts of the person, and our messages, newest first."""
    entries = await call.services.database.read(_load, call)
    shown, cursor = cut(entries, call.query.limit, lambda entry: Position(*entry.place))
    sees = call.principal.permissions.scope(_CONTACTS) is not None
    return ConversationPage(items=[_masked(_shown(entry), sees) for entry in shown], next_cursor=cursor)


@CONVERSATIONS.route(
    "GET",
    "/api/v1/leads/{lead_id}/opt-outs",
    permission=_VIEW,
    path=LeadPath,
    answers=LeadAddresses,
    summary="Show which addresses of a lead are opted out",
)
async def show_opt_outs(call: Call[LeadPath]) -> LeadAddresses:
    """Nothing is sent to an address that is opted out, whoever asks for it."""
    return await call.services.database.read(_load_addresses, call)


@CONVERSATIONS.route(
    "POST",
    "/api/v1/leads/{lead_id}/opt-outs",
    permission=_OPT,
    path=LeadPath,
    body=NewPreference,
    answers=LeadAddresses,
    status=201,
    summary="Note an opt-out or an opt-in",
)
async def note_preference(call: Call[LeadPath, NoInput, NewPreference]) -> LeadAddresses:
    """It holds at once, and stands in the journey and in the audit record with its reason."""
    address = call.body.address
    await call.services.database.write(
        opting.note_by_hand,
        call.reach.organisation_id,
        call.path.lead_id,
        preference=call.body.preference,
        address=AddressKey(address.scope, address.address) if address is not None else None,
        reason=call.body.reason,
        author=author(call),
        now=call.now,
    )
    return await call.services.database.read(_load_addresses, call)


def _lead(connection: Connection, call: Call[LeadPath, Any, Any]) -> AnyRow:
    lead = find_lead(connection, call.reach.organisation_id, visibility(call.reach), call.path.lead_id)
    if lead is None:
        raise not_found()
    return lead


def _load(connection: Connection, call: Call[LeadPath, PageQuery, NoInput]) -> list[Entry]:
    lead, before = _lead(connection, call), call.query.before
    return queries.conversation_of(
        connection,
        call.reach.organisation_id,
        lead.id,
        before=Place(*before) if before is not None else None,
        limit=call.query.limit + 1,
    )


def _load_addresses(connection: Connection, call: Call[LeadPath, Any, Any]) -> LeadAddresses:
    sees = call.principal.permissions.scope(_CONTACTS) is not None
    found = opting.addresses_of(connection, call.reach.organisation_id, _lead(connection, call))
    return LeadAddresses(
        items=[
            LeadAddressShown(
                scope=each.key.scope,
                address=each.key.address if sees else HIDDEN,
                is_opted_out=each.is_opted_out,
                cause=Cause(each.state.cause) if each.state is not None else None,
                channel=each.state.channel or None if each.state is not None else None,
                said_at=each.state.said_at if each.state is not None else None,
            )
            for each in found
        ]
    )


def _shown(entry: Entry) -> EntryShown:
    row = entry.row._asdict()
    if entry.is_inbound:
        beside = {"amends": entry.amends, "edited_text": entry.edited_text, "is_revoked": entry.is_revoked}
        return EntryShown.model_validate({**row, **beside, "direction": "inbound"})
    ours = {"direction": "outbound", "kind": MessageKind.MESSAGE, "said_at": row["asked_at"], "detail": {}}
    return EntryShown.model_validate({**row, **ours})


def _masked(entry: EntryShown, sees_contacts: bool) -> EntryShown:
    if sees_contacts:
        return entry
    if entry.direction == "outbound":
        return entry.model_copy(update={"recipient": HIDDEN})
    hidden = {"sender": HIDDEN, "text": entry.text and HIDDEN, "edited_text": entry.edited_text and HIDDEN}
    return entry.model_copy(update={**hidden, "media": [], "detail": {}})
