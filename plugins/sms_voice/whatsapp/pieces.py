"""A stored message in the hub's words (protocol page sections 3.1 to 3.4 and 7). Pure."""

from dataclasses import dataclass, replace

from pydantic import JsonValue

from hub.connector.conversations import Channel, Message, MessageKind, Preference
from hub.connector.errors import BadPayloadError
from hub.connector.models import Answer, Campaign, Identity, RawSubmission, Submission
from hub.connector.text import storable
from plugins.sms_voice.conversation import (
    MESSAGE,
    NAME,
    PHONE,
    WHATSAPP,
    answers_to,
    click_to_chat,
    message_thread,
)
from plugins.sms_voice.whatsapp.contents import Content, content_of
from plugins.sms_voice.whatsapp.numbers import e164_of
from plugins.sms_voice.whatsapp.payloads import (
    Change,
    Contact,
    InboundMessage,
    Metadata,
    Referral,
    StoredPiece,
    UserPreference,
)
from plugins.sms_voice.wire import read

SYSTEM = "system"
EDIT = "edit"
REVOKE = "revoke"
PREFERENCES = {"stop": Preference.OPT_OUT, "resume": Preference.OPT_IN}
PARENT_SCOPE = "whatsapp:linked"
"""Ids of portfolios that Meta linked hold in all of them."""
NUMBER_SCOPE = "whatsapp:number"
LONGEST_ADDRESS = 200


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote, as far as Meta tells: the raw WhatsApp id, ids, and what he calls himself.

    People with a username have no ``wa_id``.
    """

    account_id: str
    wa_id: str = ""
    user_id: str = ""
    parent_user_id: str = ""
    name: str = ""
    username: str = ""

    @property
    def phone(self) -> str | None:
        """The number (E.164), where he shows it."""
        return e164_of(self.wa_id) if self.wa_id else None

    @property
    def address(self) -> str:
        """Where a reply goes: the number if there is one, so that Meta goes on telling it."""
        return self.phone or self.user_id or self.wa_id or self.parent_user_id

    @property
    def key(self) -> str:
        """What stays the same in a conversation, also when the number is hidden one day."""
        return self.user_id or self.wa_id or self.parent_user_id

    @property
    def identities(self) -> tuple[Identity, ...]:
        """The ids, each with what it is unique within."""
        scoped = (
            (f"whatsapp:{self.account_id}", self.user_id),
            (PARENT_SCOPE, self.parent_user_id),
            (NUMBER_SCOPE, self.wa_id),
        )
        return tuple(Identity(scope=scope, value=value) for scope, value in scoped if value)


def read_piece(raw: RawSubmission, content: JsonValue) -> Submission:
    """One message or preference. Raises ``BadPayloadError`` with the path of the first field that cannot be read."""
    stored = read(StoredPiece, content)
    if stored.preference is not None:
        return _preference(raw, stored)
    message = read(InboundMessage, stored.message, at="message")
    writer = _writer(stored, message)
    if message.type == SYSTEM and message.system is not None:
        return _changed_identity(raw, stored.metadata, message, message.system, writer)
    if not writer.address:
        raise BadPayloadError("Nobody is named who wrote this.", path="message.from")
    if message.type == EDIT and message.edit is not None:
        said = content_of(message.edit.message, stored.metadata.phone_number_id)
        return _piece(raw, stored.metadata, message, writer, said, MessageKind.EDIT, message.edit.original_message_id)
    if message.type == REVOKE and message.revoke is not None:
        amends = message.revoke.original_message_id
        return _piece(raw, stored.metadata, message, writer, Content(), MessageKind.REVOCATION, amends)
    said = content_of(message, stored.metadata.phone_number_id)
    return _piece(raw, stored.metadata, message, writer, said, MessageKind.MESSAGE)


def _writer(stored: StoredPiece, message: InboundMessage) -> Writer:
    contact = stored.contact or Contact()
    profile = contact.profile
    return Writer(
        account_id=stored.account_id,
        wa_id=(message.sender or contact.wa_id)[:LONGEST_ADDRESS],
        user_id=(contact.user_id or message.from_user_id)[:LONGEST_ADDRESS],
        parent_user_id=contact.parent_user_id[:LONGEST_ADDRESS],
        name=profile.name if profile else "",
        username=profile.username if profile else "",
    )


def _piece(
    raw: RawSubmission,
    metadata: Metadata,
    message: InboundMessage,
    writer: Writer,
    said: Content,
    kind: MessageKind,
    amends: str | None = None,
) -> Submission:
    given = ((PHONE, _own_phone(said) or writer.phone or ""), (NAME, writer.name), (MESSAGE, _answer_text(said, kind)))
    return Submission(
        source_id=message.id,
        form_id=raw.form_id,
        submitted_at=message.timestamp,
        answers=_beside(said.answers, answers_to(given)),
        campaign=_campaign(metadata, message.referral),
        message=Message(
            channel=Channel.WHATSAPP,
            kind=kind,
            thread=message_thread(Channel.WHATSAPP, writer.key, metadata.phone_number_id),
            sender=writer.address,
            recipient=metadata.phone_number_id,
            text=said.text,
            amends=amends,
            media=said.media,
            detail=_facts(metadata, message, writer, said),
        ),
        identities=writer.identities,
        source=WHATSAPP,
    )


_PLAIN = str.maketrans("", "", " ()-./")


def _own_phone(said: Content) -> str:
    """The number that the writer gave; one without a country code stays as it is, for the mapping knows the country."""
    plain = said.own_phone.translate(_PLAIN)
    return (e164_of(plain) or said.own_phone) if plain.startswith("+") else said.own_phone


def _answer_text(said: Content, kind: MessageKind) -> str:
    """What becomes an answer: a new message's words. A change of old words, and the word with which WhatsApp confirms
    a form, stand in the conversation only."""
    return said.text if kind is MessageKind.MESSAGE and not said.answers else ""


def _beside(form: tuple[Answer, ...], own: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The answers of a form, and what is known without it: what the person typed wins."""
    typed = {each.key for each in form}
    return (*form, *(each for each in own if each.key not in typed))


def _facts(metadata: Metadata, message: InboundMessage, writer: Writer, said: Content) -> dict[str, str]:
    facts = {
        **said.detail,
        "own_number": metadata.display_phone_number,
        "username": writer.username,
        "in_reply_to": message.context.id if message.context else "",
    }
    return {name: storable(value) for name, value in facts.items() if value}


def _campaign(metadata: Metadata, referral: Referral | None) -> Campaign:
    """The ad or post that was clicked, which comes with the first message only; always the number written to."""
    own = e164_of(metadata.display_phone_number.translate(_PLAIN)) or metadata.phone_number_id
    told = referral or Referral()
    return click_to_chat(
        own,
        kind=told.source_type,
        object_id=told.source_id,
        url=told.source_url,
        headline=told.headline,
        text=told.body,
        click_id=told.ctwa_clid,
    )


def _changed_identity(
    raw: RawSubmission, metadata: Metadata, message: InboundMessage, change: Change, writer: Writer
) -> Submission:
    """The person behind the old number or id has a new one; both are told, so that the hub ties them together."""
    before, after = _before_and_after(change, writer)
    if not after.address:
        raise BadPayloadError("Nobody is named whose number or id changed.", path="message.system")
    return Submission(
        source_id=message.id,
        form_id=raw.form_id,
        submitted_at=message.timestamp,
        answers=answers_to(((PHONE, after.phone or ""), (NAME, before.name))),
        message=Message(
            channel=Channel.WHATSAPP,
            kind=MessageKind.IDENTITY,
            thread=message_thread(Channel.WHATSAPP, before.key or after.key, metadata.phone_number_id),
            sender=after.address,
            recipient=metadata.phone_number_id,
            text=change.body,
            detail={"type": change.type} if change.type else {},
        ),
        identities=tuple(dict.fromkeys((*before.identities, *after.identities))),
        source=WHATSAPP,
    )


def _before_and_after(change: Change, writer: Writer) -> tuple[Writer, Writer]:
    before = replace(writer, user_id=(change.previous_user_id or writer.user_id)[:LONGEST_ADDRESS])
    after = replace(
        writer,
        wa_id=(change.wa_id or change.new_wa_id or writer.wa_id)[:LONGEST_ADDRESS],
        user_id=(change.user_id or writer.user_id)[:LONGEST_ADDRESS],
        parent_user_id=(change.parent_user_id or writer.parent_user_id)[:LONGEST_ADDRESS],
    )
    return before, after


def _preference(raw: RawSubmission, stored: StoredPiece) -> Submission:
    """A choice made in WhatsApp's own settings: no messages of the business any more, or again."""
    told = read(UserPreference, stored.preference, at="preference")
    writer = Writer(stored.account_id, wa_id=told.wa_id[:LONGEST_ADDRESS], user_id=told.user_id[:LONGEST_ADDRESS])
    if not writer.address or told.value not in PREFERENCES:
        raise BadPayloadError("A preference says neither who nor what.", path="preference")
    return Submission(
        source_id=raw.source_id,
        form_id=raw.form_id,
        submitted_at=told.timestamp,
        answers=answers_to(((PHONE, writer.phone or ""),)),
        message=Message(
            channel=Channel.WHATSAPP,
            kind=MessageKind.PREFERENCE,
            thread=message_thread(Channel.WHATSAPP, writer.key, stored.metadata.phone_number_id),
            sender=writer.address,
            recipient=stored.metadata.phone_number_id,
            text=told.detail,
            preference=PREFERENCES[told.value],
            detail={"category": told.category} if told.category else {},
        ),
        identities=writer.identities,
        source=WHATSAPP,
    )
