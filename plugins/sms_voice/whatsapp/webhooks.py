"""What Meta posts to the callback address: the handshake, and signed batches of changes (protocol page section 3)."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryReport, DeliveryStatus
from hub.connector.errors import BadPayloadError, UnverifiedRequestError
from hub.connector.models import InboundRequest, RawSubmission, Received, Reply
from hub.connector.signatures import equal, hmac_sha256_hex
from plugins.sms_voice.conversation import form_id_of
from plugins.sms_voice.provider import WebhookKey
from plugins.sms_voice.whatsapp.payloads import Contact, MessageHead, Metadata, Status, UserPreference
from plugins.sms_voice.wire import Id, Wire, kept, parsed, read

SIGNATURE = "x-hub-signature-256"
VERIFY_TOKEN = "verify_token"  # noqa: S105 - the name of a fact of the key
CHALLENGE = re.compile(r"[0-9]{1,40}", re.ASCII)
ACCOUNT = "whatsapp_business_account"
MESSAGES = "messages"
PREFERENCES = "user_preferences"
PREFERENCE_VALUES = frozenset({"stop", "resume"})
REACTION = "reaction"
FLOW = "flow"
"""What a form inside WhatsApp adds to the form id of its number: its questions are its own."""

STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "played": DeliveryStatus.READ,
    "failed": DeliveryStatus.FAILED,
}
_REFUSED = "The request cannot be shown to come from Meta."


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that a batch held: something to store, a report, or (both None) something of no interest."""

    submission: RawSubmission | None = None
    report: DeliveryReport | None = None


IGNORED = Found()


class _Entry(Wire):
    id: Id


class _Value:
    """The ``value`` of a change, with what every message in it needs to know."""

    def __init__(self, account_id: str, members: Mapping[str, Any]) -> None:
        self.account_id = account_id
        self.members = members
        self.metadata = kept(members.get("metadata"))
        self.number_id = _number_id(members)
        self._contacts = [each for each in _listed(members, "contacts") if isinstance(each, dict)]
        self._by_id: dict[str, JsonValue] = {}
        for contact in self._contacts:
            for known in _ids_of(contact):
                self._by_id.setdefault(known, kept(contact))

    def writer_of(self, head: MessageHead) -> JsonValue:
        """The writer among the contacts. Who cannot be told apart is nobody: a wrong name is worse than none."""
        for known in (head.from_user_id, head.sender):
            if known and known in self._by_id:
                return self._by_id[known]
        is_alone = len(self._contacts) == 1 and len(_listed(self.members, MESSAGES)) == 1
        return kept(self._contacts[0]) if is_alone else None


def _number_id(members: Mapping[str, Any]) -> str | None:
    """The id of the business's number; None where it cannot be read."""
    try:
        return read(Metadata, members.get("metadata")).phone_number_id
    except BadPayloadError:
        return None


def _ids_of(contact: Mapping[str, Any]) -> list[str]:
    try:
        known = read(Contact, contact)
    except BadPayloadError:
        return []
    return [each for each in (known.user_id, known.wa_id) if each]


def receive(request: InboundRequest, key: WebhookKey) -> Received:
    """A handshake, or a batch: everything in it that comes from people or tells of messages to them.

    The body of a raw submission is a ``StoredPiece``.
    """
    if request.method == "GET":
        return _handshake(request, key)
    expected = f"sha256={hmac_sha256_hex(key.secret, request.body)}"
    if request.method != "POST" or not equal(request.headers.get(SIGNATURE, ""), expected):
        raise UnverifiedRequestError(_REFUSED)
    found = list(_contents(parsed(request.body)))
    return Received(
        submissions=tuple(each.submission for each in found if each.submission),
        reports=tuple(each.report for each in found if each.report),
        ignored=found.count(IGNORED),
    )


def _handshake(request: InboundRequest, key: WebhookKey) -> Received:
    """Only a short number is sent back, as plain text, so that nothing can be smuggled in."""
    expected, challenge = key.facts.get(VERIFY_TOKEN, ""), request.query.get("hub.challenge", "")
    is_known = bool(expected) and equal(request.query.get("hub.verify_token", ""), expected)
    if not is_known or request.query.get("hub.mode") != "subscribe" or not CHALLENGE.fullmatch(challenge):
        raise UnverifiedRequestError(_REFUSED)
    return Received(reply=Reply(body=challenge.encode()))


def _contents(body: Any) -> Iterator[Found]:
    if not isinstance(body, dict):
        raise BadPayloadError("Meta's message is no object.", path="")
    if body.get("object") != ACCOUNT:
        yield IGNORED
        return
    entries = body.get("entry")
    if not isinstance(entries, list):
        raise BadPayloadError("Meta's message has no list of entries.", path="entry")
    for entry in entries:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            yield _unreadable(None, entry)
            continue
        account_id = _account_id(entry)
        for change in changes:
            yield from _changes(account_id, change)


def _account_id(entry: Mapping[str, Any]) -> str:
    try:
        return read(_Entry, entry).id
    except BadPayloadError:
        return ""


def _changes(account_id: str, change: Any) -> Iterator[Found]:
    """What one change holds. One that cannot be read is kept as it came, and the others go on."""
    field = change.get("field") if isinstance(change, dict) else None
    if isinstance(field, str) and field not in (MESSAGES, PREFERENCES):
        yield IGNORED
        return
    value = change.get("value") if isinstance(change, dict) else None
    if not isinstance(value, dict) or field is None:
        yield _unreadable(None, change)
        return
    yield from _contents_of(_Value(account_id, value), field)


def _contents_of(value: _Value, field: Any) -> Iterator[Found]:
    if field == PREFERENCES:
        yield from (_preference(value, each) for each in _listed(value.members, PREFERENCES))
        return
    messages, statuses = _listed(value.members, MESSAGES), _listed(value.members, "statuses")
    yield from (_message(value, each) for each in messages)
    yield from (_status(each) for each in statuses)
    if not messages and not statuses:
        yield IGNORED


def _listed(members: Mapping[str, Any], name: str) -> Sequence[Any]:
    """The members of a list; what is no list counts as one member, so that it is kept."""
    found = members.get(name)
    return found if isinstance(found, list) else () if found is None else (found,)


def _message(value: _Value, message: Any) -> Found:
    try:
        head = read(MessageHead, message)
    except BadPayloadError:
        return _unreadable(value, message)
    if head.type == REACTION or _is_new_security_code(message):
        return IGNORED
    content = _content(value, "message", message, value.writer_of(head))
    return Found(_submission(value, head.id, content, is_form=_is_flow(message)))


def _is_new_security_code(message: Mapping[str, Any]) -> bool:
    """Whether the person has another phone, with the same number and id."""
    system = message.get("system")
    return isinstance(system, dict) and system.get("type") == "customer_identity_changed"


def _is_flow(message: Mapping[str, Any]) -> bool:
    interactive = message.get("interactive")
    return isinstance(interactive, dict) and "nfm_reply" in interactive


def _status(status: Any) -> Found:
    try:
        told = read(Status, status)
    except BadPayloadError:
        return IGNORED
    reached = STATUSES.get(told.status)
    if reached is None:
        return IGNORED
    problem = told.errors[0] if told.errors else None
    detail = (problem.error_data.details if problem.error_data else "") or problem.title if problem else ""
    return Found(
        report=DeliveryReport(
            provider_id=told.id,
            status=reached,
            reported_at=told.timestamp,
            code=problem.code or None if problem else None,
            detail=detail,
        )
    )


def _preference(value: _Value, preference: Any) -> Found:
    """A preference has no id of its own; what it says makes one."""
    try:
        told = read(UserPreference, preference)
    except BadPayloadError:
        return _unreadable(value, preference, name="preference")
    if told.value not in PREFERENCE_VALUES:
        return IGNORED
    words = (value.number_id, told.wa_id, told.user_id, told.category, told.value, told.timestamp.isoformat())
    digest = hashlib.sha256("|".join(each or "" for each in words).encode("utf-8", "replace")).hexdigest()
    contact: JsonValue = {"wa_id": told.wa_id, "user_id": told.user_id}
    return Found(_submission(value, f"preference-{digest[:40]}", _content(value, "preference", preference, contact)))


def _unreadable(value: _Value | None, element: Any, *, name: str = "message") -> Found:
    if value is None:
        return Found(_submission(None, None, {name: kept(element)}))
    return Found(_submission(value, None, _content(value, name, element, None)))


def _content(value: _Value, name: str, element: Any, contact: JsonValue) -> JsonValue:
    """One element as it came, with what stands round it and says whose it is."""
    return {
        "account_id": value.account_id,
        "metadata": value.metadata,
        "contact": contact,
        name: kept(element),
    }


def _submission(
    value: _Value | None, source_id: str | None, content: JsonValue, *, is_form: bool = False
) -> RawSubmission:
    number_id = value.number_id if value else None
    form_id = form_id_of(Channel.WHATSAPP, number_id) if number_id else None
    return RawSubmission(
        source_id=source_id,
        form_id=f"{form_id}:{FLOW}"[:200] if form_id and is_form else form_id,
        part_id=number_id,
        body=content,
    )
