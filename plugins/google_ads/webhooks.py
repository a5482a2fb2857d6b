"""What Google posts when a form was sent: a lead with the key in its body, unsigned (protocol page section 2)."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import JsonValue, SecretStr

from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest, RawSubmission, Received, Reply
from hub.connector.signatures import equal
from plugins.google_ads.payloads import DeliveredForm, DeliveredId, read_or_none, storable

KEY = "google_key"
LARGEST = 1_000_000
"""Bytes; a lead with every question answered has a few thousand."""
DEEPEST = 64
ACCOUNT = re.compile(r"([0-9]{3})-?([0-9]{3})-?([0-9]{4})", re.ASCII)
DELIVERED = Reply(status=200, body=b"{}", content_type="application/json")
"""The button for test data turns green on exactly 200."""
NO_LEAD = Reply(
    status=400,
    body=b'{"message":"The lead has no lead_id that can be read. It was kept, but it must be looked at."}',
    content_type="application/json",
)
"""Nobody could make a lead of it later either: 400 ends the repetitions, and the body stands in quarantine."""

_REFUSED = "The request cannot be shown to come from Google."


def receive(request: InboundRequest, secret: SecretStr) -> Received:
    """One lead. Raises ``UnverifiedRequestError`` for everything that does not hold the key exactly once."""
    body = _verified(request, secret)
    lead = _storable(body)
    part_id = _account_in(request.url)
    form = read_or_none(DeliveredForm, lead)
    found = read_or_none(DeliveredId, lead)
    raw = RawSubmission(
        source_id=found.lead_id if found else None,
        form_id=form.form_id if form else None,
        body=lead,
        part_id=part_id,
    )
    kept = json.dumps(body, separators=(",", ":")).encode()
    return Received(submissions=(raw,), reply=DELIVERED if found else NO_LEAD, kept_body=kept)


def _verified(request: InboundRequest, secret: SecretStr) -> dict[str, Any]:
    """The body without the key, which is looked at here and never again."""
    expected = secret.get_secret_value()
    body = _parsed(request.body) if request.method == "POST" else None
    if not isinstance(body, dict):
        raise UnverifiedRequestError(_REFUSED)
    given = body.pop(KEY, None)
    if not isinstance(given, str) or not expected or not equal(given, expected):
        raise UnverifiedRequestError(_REFUSED)
    return body


def _parsed(body: bytes) -> Any:
    """The JSON of a body; None for what is none, too large, or names the key more than once in one object: Python
    would keep the last and another reader the first."""
    if len(body) > LARGEST:
        return None
    try:
        return json.loads(body, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if sum(name == KEY for name, _ in members) > 1:
        raise ValueError("the key is there more than once")
    return dict(members)


def _refuse_constant(name: str) -> None:
    """``NaN`` and the like are no JSON (RFC 8259 section 6)."""
    raise ValueError(name)


def _storable(lead: dict[str, Any]) -> dict[str, JsonValue]:
    """The lead as it can be kept: members nested beyond reason are left out, halves of surrogate pairs replaced."""
    kept = storable({name: value for name, value in lead.items() if _is_shallow(value, DEEPEST)})
    return kept if isinstance(kept, dict) else {}


def _is_shallow(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inside)


def _account_in(url: str) -> str | None:
    """The account at the end of the address, where the admin added it (``.../123-456-7890``): the body names none."""
    found = ACCOUNT.fullmatch(urlsplit(url).path.rpartition("/")[2])
    return "".join(found.groups()) if found else None
