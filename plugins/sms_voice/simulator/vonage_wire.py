"""What Vonage posts, and how it signs it (protocol page vonage, sections 2 to 4)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from hub.connector.models import InboundRequest
from hub.testing.journal import StoredSubmission

FORM = "application/x-www-form-urlencoded"


def message_of(piece: StoredSubmission) -> dict[str, Any]:
    """A message of the Messages API. Of ``facts``, any are further members, as JSON."""
    channel, _, own = piece.form_id.partition(":")
    message: dict[str, Any] = {
        "channel": channel,
        "message_uuid": piece.source_id,
        "to": own.removeprefix("+"),
        "from": _answer(piece, "phone").removeprefix("+"),
        "timestamp": f"{piece.submitted_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "message_type": "text",
        "text": _answer(piece, "message"),
    }
    if channel == "sms":
        message |= {"sms": {"num_messages": "1"}, "usage": {"currency": "EUR", "price": "0.0057"}}
    else:
        message["profile"] = {"name": _answer(piece, "name")}
    return message | {name: json.loads(value) for name, value in piece.facts.items()}


def sms_fields(piece: StoredSubmission, api_key: str) -> dict[str, str]:
    """The parameters of the SMS API. ``facts`` are further ones."""
    text = _answer(piece, "message")
    return {
        "api-key": api_key,
        "msisdn": _answer(piece, "phone").removeprefix("+"),
        "to": piece.form_id.partition(":")[2].removeprefix("+"),
        "messageId": piece.source_id,
        "text": text,
        "type": "text" if text.isascii() else "unicode",
        "keyword": text.partition(" ")[0].upper(),
        "message-timestamp": f"{piece.submitted_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        **piece.facts,
    }


def with_token(
    request: InboundRequest, secret: str, *, api_key: str, application_id: str, jti: str, alg: str = "HS256"
) -> InboundRequest:
    """With a token over the body, or over the parameters where there is none."""
    content = request.body
    if request.method == "GET":
        content = json.dumps(_query(request), separators=(",", ":")).encode()
    claims = {
        "iat": int(request.received_at.timestamp()),
        "jti": jti,
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(content).hexdigest(),
        "api_key": api_key,
        "application_id": application_id,
    }
    unsigned = f"{_part({'alg': alg, 'typ': 'JWT'})}.{_part(claims)}"
    signature = hmac.new(secret.encode(), unsigned.encode(), hashlib.sha256).digest()
    token = f"Bearer {unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    return request.model_copy(update={"headers": {**request.headers, "authorization": token}})


def with_sig(request: InboundRequest, secret: str, nonce: str) -> InboundRequest:
    """With timestamp, nonce and ``sig`` among the parameters: the plain MD5 hash, which is the default."""
    fields = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    fields |= {"timestamp": str(int(request.received_at.timestamp())), "nonce": nonce}
    fields.pop("sig", None)
    text = "".join(f"&{name}={fields[name].replace('&', '_').replace('=', '_')}" for name in sorted(fields))
    digest = hashlib.md5((text + secret).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    return request.model_copy(update={"body": urlencode({**fields, "sig": digest}, errors="replace").encode()})


def without_sig(request: InboundRequest) -> InboundRequest:
    """Without ``sig`` among the parameters."""
    pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return request.model_copy(update={"body": urlencode([pair for pair in pairs if pair[0] != "sig"]).encode()})


def iso(moment: datetime) -> str:
    """As the Voice API writes a time."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def _query(request: InboundRequest) -> Mapping[str, str]:
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _answer(piece: StoredSubmission, key: str) -> str:
    return next(iter(piece.answers.get(key, ())), "")
