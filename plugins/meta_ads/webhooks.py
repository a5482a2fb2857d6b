"""What Meta sends: the handshake, notifications, and signed requests about a person (protocol page section 3)."""

import base64
import binascii
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from hub.connector.errors import BadPayloadError, UnverifiedRequestError
from hub.connector.models import InboundRequest, Notice, NoticeKind, Pointer, RawSubmission, Received, Reply
from hub.connector.signatures import equal, hmac_sha256_hex
from plugins.meta_ads.payloads import Id, LeadgenValue, Wire, read, storable

SIGNATURE = "x-hub-signature-256"
LEADGEN = "leadgen"
CHALLENGE = re.compile(r"[0-9]{1,40}", re.ASCII)
DEAUTHORIZE_PATH = "/deauthorize"
DELETION_PATH = "/deletion"
CODE = re.compile(r"([0-9]{1,12})-([0-9a-f]{24})-([0-9a-f]{24})", re.ASCII)
DEEPEST = 64
TOO_DEEP = "This change is nested too deeply to be kept apart; the delivery's raw bytes have it whole."

_REFUSED = "The request cannot be shown to come from Meta."


class SignedRequest(Wire):
    """The payload of a ``signed_request``."""

    user_id: Id
    issued_at: int = 0


def verify_token(app_secret: SecretStr) -> str:
    """The word that Meta repeats in the handshake. It is made from the app secret, so that there is no second
    secret to keep, and shows nothing of it."""
    return hmac_sha256_hex(app_secret, b"leadhub verify token")[:40]


def receive(request: InboundRequest, secret: SecretStr) -> Received:
    """Whatever Meta may send to the callback address, decided by method and path."""
    path = urlsplit(request.url).path
    if path.endswith((DEAUTHORIZE_PATH, DELETION_PATH)):
        return _about_a_person(request, secret, is_deletion=path.endswith(DELETION_PATH))
    if request.method == "GET":
        return _handshake(request, secret)
    if request.method == "POST":
        return _notification(request, secret)
    raise UnverifiedRequestError(_REFUSED)


def _handshake(request: InboundRequest, secret: SecretStr) -> Received:
    """Section 3.2. Only a short number is sent back, as plain text, so that nothing can be smuggled in."""
    challenge = request.query.get("hub.challenge", "")
    is_known = equal(request.query.get("hub.verify_token", ""), verify_token(secret))
    if not is_known or request.query.get("hub.mode") != "subscribe" or not CHALLENGE.fullmatch(challenge):
        raise UnverifiedRequestError(_REFUSED)
    return Received(reply=Reply(body=challenge.encode()))


def _notification(request: InboundRequest, secret: SecretStr) -> Received:
    """Section 3.3: up to 1,000 changes, which may belong to Pages of several connections."""
    expected = f"sha256={hmac_sha256_hex(secret, request.body)}"
    if not equal(request.headers.get(SIGNATURE, ""), expected):
        raise UnverifiedRequestError(_REFUSED)
    body = _parsed(request.body)
    if not isinstance(body, dict):
        raise BadPayloadError("Meta's message is no object.", path="")
    if body.get("object") != "page":
        return Received(ignored=1)
    entries = body.get("entry")
    if not isinstance(entries, list):
        raise BadPayloadError("Meta's message has no list of entries.", path="entry")
    found: list[Pointer | RawSubmission | None] = []
    for entry in entries:
        found += _events(entry)
    return Received(
        submissions=tuple(each for each in found if isinstance(each, RawSubmission)),
        pointers=tuple(each for each in found if isinstance(each, Pointer)),
        ignored=found.count(None),
    )


def _events(entry: Any) -> list[Pointer | RawSubmission | None]:
    """The events of one Page; None stands for one that is of no interest."""
    if not isinstance(entry, dict):
        return [_unreadable(entry, None)]
    page_id = _page_id(entry)
    if "changes" not in entry:
        return [None]
    changes = entry["changes"]
    if not isinstance(changes, list):
        return [_unreadable(entry, page_id)]
    return [_event(change, page_id) for change in changes]


def _event(change: Any, page_id: str | None) -> Pointer | RawSubmission | None:
    """One change. One that cannot be read is kept as it came, and the others go on."""
    if isinstance(change, dict) and isinstance(change.get("field"), str) and change["field"] != LEADGEN:
        return None
    try:
        value = read(LeadgenValue, change.get("value") if isinstance(change, dict) else None)
    except BadPayloadError:
        return _unreadable(change, page_id)
    return Pointer(source_id=value.leadgen_id, form_id=value.form_id, part_id=value.page_id or page_id)


def _unreadable(element: Any, page_id: str | None) -> RawSubmission:
    body = storable(element) if _is_shallow(element, DEEPEST) else TOO_DEEP
    return RawSubmission(source_id=None, form_id=None, body=body, part_id=page_id)


def _is_shallow(value: Any, levels: int) -> bool:
    """Whether values stand inside each other at most so deep; deeper ones cannot be checked or shown."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inside)


def _page_id(entry: dict[str, Any]) -> str | None:
    try:
        return read(_Entry, entry).id
    except BadPayloadError:
        return None


class _Entry(Wire):
    id: Id


def _about_a_person(request: InboundRequest, secret: SecretStr, *, is_deletion: bool) -> Received:
    """Section 3.4: the person removed the app, or asks for deletion, or looks up how that stands."""
    if request.method == "GET" and is_deletion:
        return _deletion_status(request, secret)
    fields = parse_qs(request.body.decode("ascii", "replace"))
    signed = _signed_request(fields.get("signed_request", [""])[0], secret)
    if not is_deletion:
        return Received(notices=(Notice(kind=NoticeKind.GRANT_REVOKED, account_id=signed.user_id),))
    code = _confirmation_code(signed, secret)
    address = urlsplit(request.url)._replace(query=f"code={code}", fragment="").geturl()
    body = json.dumps({"url": address, "confirmation_code": code}).encode()
    notice = Notice(kind=NoticeKind.ERASURE_REQUESTED, account_id=signed.user_id, reference=code)
    return Received(notices=(notice,), reply=Reply(body=body, content_type="application/json"))


def _signed_request(text: str, secret: SecretStr) -> SignedRequest:
    """The payload, once the signature over its *encoded* text was found right."""
    signature, _, payload = text.partition(".")
    try:
        given = _unpadded(signature).hex()
        if not equal(given, hmac_sha256_hex(secret, payload.encode("utf-8", "replace"))):
            raise UnverifiedRequestError(_REFUSED)
        content = json.loads(_unpadded(payload))
    except (binascii.Error, ValueError, RecursionError):
        raise UnverifiedRequestError(_REFUSED) from None
    if not isinstance(content, dict) or str(content.get("algorithm", "")).upper() != "HMAC-SHA256":
        raise UnverifiedRequestError(_REFUSED)
    return read(SignedRequest, content)


def _unpadded(text: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _confirmation_code(signed: SignedRequest, secret: SecretStr) -> str:
    """The same for the same request; it carries its own proof, so that the status page needs no memory."""
    person = hmac_sha256_hex(secret, f"deletion {signed.user_id} {signed.issued_at}".encode())[:24]
    return f"{signed.issued_at}-{person}-{_proof(str(signed.issued_at), person, secret)}"


def _proof(issued_at: str, person: str, secret: SecretStr) -> str:
    return hmac_sha256_hex(secret, f"deletion code {issued_at} {person}".encode())[:24]


def _deletion_status(request: InboundRequest, secret: SecretStr) -> Received:
    """The page that the person is sent to. It tells only that a request with this code arrived."""
    match = CODE.fullmatch(request.query.get("code", ""))
    if match is None or not equal(match[3], _proof(match[1], match[2], secret)):
        raise UnverifiedRequestError(_REFUSED)
    text = (
        f"Your request to delete data was received. Its code is {match[0]}. "
        "To hear how it stands, give this code to the business that you allowed to use the app."
    )
    return Received(reply=Reply(body=text.encode()))


def _parsed(body: bytes) -> Any:
    """The JSON of a verified body. ``NaN`` and the like are no JSON (RFC 8259 section 6)."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadPayloadError("Meta's message is no JSON.", path="") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
