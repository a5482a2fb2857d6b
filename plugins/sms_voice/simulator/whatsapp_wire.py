"""What Meta posts for a WhatsApp account, byte for byte (protocol page whatsapp_cloud, section 3)."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.connector.models import InboundRequest
from hub.testing.journal import StoredSubmission

ESCAPES = {"/": "\\/", "<": "\\u003C", "%": "\\u0025", "@": "\\u0040"}
"""Characters that Meta escapes although JSON does not ask for it."""


def meta_json(value: Any) -> bytes:
    """JSON as Meta writes it: ASCII, some plain characters escaped too."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for plain, escaped in ESCAPES.items():
        text = text.replace(plain, escaped)
    return text.encode()


def batch(account_id: str, changes: Sequence[Mapping[str, Any]]) -> bytes:
    """One entry with its changes."""
    return meta_json(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": account_id, "changes": [dict(each) for each in changes]}],
        }
    )


def change(number: Mapping[str, str], field: str = "messages", **members: Any) -> dict[str, Any]:
    """One change about one of the business's numbers (``id`` and ``display``)."""
    metadata = {"display_phone_number": number["display"], "phone_number_id": number["id"]}
    return {"value": {"messaging_product": "whatsapp", "metadata": metadata, **members}, "field": field}


def seconds(moment: datetime) -> str:
    """Unix seconds as text."""
    return str(int(moment.timestamp()))


def contact_of(piece: StoredSubmission) -> dict[str, Any]:
    """The writer. Of ``facts``, ``user_id`` and ``username`` are his; with a username the number is left out."""
    contact: dict[str, Any] = {"profile": {"name": _answer(piece, "name")}}
    if "username" in piece.facts:
        contact["profile"]["username"] = piece.facts["username"]
    if number := _answer(piece, "phone").removeprefix("+"):
        contact["wa_id"] = number
    if "user_id" in piece.facts:
        contact["user_id"] = piece.facts["user_id"]
    return contact


def message_of(piece: StoredSubmission) -> dict[str, Any]:
    """A plain text; of ``facts``, ``ad_id`` and ``ctwa_clid`` make it the first one after a click on an ad."""
    message: dict[str, Any] = {}
    if number := _answer(piece, "phone").removeprefix("+"):
        message["from"] = number
    message |= {
        "id": piece.source_id,
        "timestamp": seconds(piece.submitted_at),
        "type": "text",
        "text": {"body": _answer(piece, "message")},
    }
    if "ad_id" in piece.facts:
        message["referral"] = {
            "source_url": "https://fb.me/x1",
            "source_id": piece.facts["ad_id"],
            "source_type": "ad",
            "headline": "Promo",
            "body": "10%",
            "media_type": "image",
            "ctwa_clid": piece.facts.get("ctwa_clid", "ARAdoc1"),
        }
    return message


def signed_with(request: InboundRequest, app_secret: str) -> InboundRequest:
    """With the signature header, over the raw bytes."""
    digest = hmac.new(app_secret.encode(), request.body, hashlib.sha256).hexdigest()
    return request.model_copy(update={"headers": {**request.headers, "x-hub-signature-256": f"sha256={digest}"}})


def _answer(piece: StoredSubmission, key: str) -> str:
    return next(iter(piece.answers.get(key, ())), "")
