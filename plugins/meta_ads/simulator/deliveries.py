"""What Meta posts to the callback address, byte for byte (protocol page sections 3.3 and 3.4)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from hub.connector.models import InboundRequest
from hub.testing.journal import StoredSubmission
from plugins.meta_ads.simulator.world import MetaWorld

LARGEST_BATCH = 1000
ESCAPES = {"/": "\\/", "<": "\\u003C", "%": "\\u0025", "@": "\\u0040"}
"""Characters that Meta escapes although JSON does not ask for it."""


def meta_json(value: Any) -> bytes:
    """JSON as Meta writes it: ASCII, ``\\uXXXX`` in lower case, some plain characters escaped too."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for plain, escaped in ESCAPES.items():
        text = text.replace(plain, escaped)
    return text.encode()


def notification(entries: Sequence[dict[str, Any]]) -> bytes:
    """The body of one notification about Pages."""
    return meta_json({"object": "page", "entry": list(entries)})


def batches_of(world: MetaWorld, leads: Sequence[StoredSubmission]) -> Iterator[bytes]:
    """Bodies of up to 1,000 changes; one may mix Pages."""
    for start in range(0, len(leads), LARGEST_BATCH):
        yield notification(entries_of(world, leads[start : start + LARGEST_BATCH]))


def entries_of(world: MetaWorld, leads: Sequence[StoredSubmission]) -> list[dict[str, Any]]:
    """One entry per Page, with its changes."""
    by_page: dict[str, list[dict[str, Any]]] = {}
    for lead in leads:
        by_page.setdefault(world.page_of(lead.form_id), []).append(change_of(world, lead))
    now = _seconds(world.clock.now())
    return [{"id": page_id, "time": now, "changes": changes} for page_id, changes in by_page.items()]


def change_of(world: MetaWorld, lead: StoredSubmission) -> dict[str, Any]:
    """One change: ids only. ``adgroup_id`` is the ad's id in spite of its name; organic leads have neither."""
    value: dict[str, Any] = {
        "leadgen_id": lead.source_id,
        "page_id": world.page_of(lead.form_id),
        "form_id": lead.form_id,
        "created_time": _seconds(lead.submitted_at),
    }
    if "ad_id" in lead.facts:
        value |= {"adgroup_id": lead.facts["ad_id"], "ad_id": lead.facts["ad_id"]}
    return {"field": "leadgen", "value": value}


def signed(request: InboundRequest, secret: SecretStr) -> InboundRequest:
    """With both signature headers, over the raw bytes."""
    key = secret.get_secret_value().encode()
    headers = {
        "x-hub-signature-256": f"sha256={hmac.new(key, request.body, hashlib.sha256).hexdigest()}",
        "x-hub-signature": f"sha1={hmac.new(key, request.body, hashlib.sha1).hexdigest()}",
    }
    return request.model_copy(update={"headers": {**request.headers, **headers}})


def signed_request(user_id: str, issued_at: datetime, secret: SecretStr) -> bytes:
    """The form body of the deauthorise and data-deletion callbacks."""
    content = {"user_id": user_id, "algorithm": "HMAC-SHA256", "issued_at": _seconds(issued_at)}
    payload = _base64url(json.dumps(content, separators=(",", ":")).encode())
    signature = hmac.new(secret.get_secret_value().encode(), payload.encode(), hashlib.sha256).digest()
    return urlencode({"signed_request": f"{_base64url(signature)}.{payload}"}).encode()


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
