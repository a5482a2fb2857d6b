"""What leaves Twilio for a webhook: forms, as documented, and their signatures (protocol page sections 2, 3 and 5).

The signature is computed here once more, apart from the connector's; the official library judges both in the tests.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import format_datetime
from urllib.parse import parse_qs, urlencode

from hub.connector.models import InboundRequest
from hub.testing.journal import StoredSubmission

API_VERSION = "2010-04-01"
FORM = "application/x-www-form-urlencoded"
SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"
PLACE = ("City", "State", "Zip", "Country")


def message_fields(account_id: str, own: str, message: StoredSubmission) -> dict[str, str]:
    """The parameters of an inbound message. ``facts`` of the submission are added as they are named."""
    return {
        **{f"To{each}": "" for each in PLACE},
        **{f"From{each}": "" for each in PLACE},
        "MessageSid": message.source_id,
        "SmsSid": message.source_id,
        "SmsMessageSid": message.source_id,
        "AccountSid": account_id,
        "From": _first(message, "phone"),
        "To": own,
        "Body": _first(message, "message"),
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        **message.facts,
        "ApiVersion": API_VERSION,
    }


def call_fields(account_id: str, own: str, call: StoredSubmission) -> dict[str, str]:
    """The parameters of the last status callback of an inbound call."""
    caller = _first(call, "phone")
    return {
        **{f"{who}{each}": "" for who in ("To", "From", "Called", "Caller") for each in PLACE},
        "CallSid": call.source_id,
        "AccountSid": account_id,
        "From": caller,
        "Caller": caller,
        "To": own,
        "Called": own,
        "Direction": "inbound",
        "CallStatus": call.facts.get("CallStatus", "completed"),
        "CallDuration": call.facts.get("CallDuration", "42"),
        "Duration": "1",
        "Timestamp": format_datetime(call.submitted_at),
        "SequenceNumber": "0",
        "CallbackSource": "call-progress-events",
        **{k: v for k, v in call.facts.items() if k not in ("CallStatus", "CallDuration")},
        "ApiVersion": API_VERSION,
    }


def form_body(fields: Mapping[str, str]) -> bytes:
    """The fields as Twilio encodes them, blank ones too."""
    return urlencode(fields).encode()


def signed_request(request: InboundRequest, secret: str, shared_key: str | None = None) -> InboundRequest:
    """The request with a signature under an Auth Token (HMAC-SHA1), or under a SharedKey (HMAC-SHA256)."""
    is_form = request.method == "POST" and request.headers.get("content-type", "").startswith(FORM)
    body = request.body.decode("utf-8", "replace") if is_form else ""
    fields = parse_qs(body, keep_blank_values=True, errors="replace")
    text = request.url + "".join(name + value for name in sorted(fields) for value in sorted(set(fields[name])))
    hash_ = hashlib.sha256 if shared_key else hashlib.sha1
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode("utf-8", "surrogatepass"), hash_).digest())
    headers = {**request.headers, SIGNATURE: signature.decode()}
    if shared_key:
        headers[SETTINGS] = f"key={shared_key},algorithm=HMAC_SHA256"
    return request.model_copy(update={"headers": headers})


def _first(submission: StoredSubmission, key: str) -> str:
    values = submission.answers.get(key, ())
    return values[0] if values else ""
