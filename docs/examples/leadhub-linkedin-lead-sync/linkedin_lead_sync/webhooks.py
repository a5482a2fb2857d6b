"""Deliveries of LinkedIn: the challenge, and notifications of leads (its guide "Webhooks")."""

import json
import re

from hub.connector.errors import BadPayloadError, UnverifiedRequestError
from hub.connector.models import InboundRequest, Pointer, RawSubmission, Received, Reply
from hub.connector.signatures import equal, hmac_sha256_hex
from pydantic import JsonValue, SecretStr

from linkedin_lead_sync.leads import SPONSORED
from linkedin_lead_sync.payloads import LeadAction, read
from linkedin_lead_sync.urns import form_of, id_of

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
SIGNED_PREFIX = b"hmacsha256="


def challenge(request: InboundRequest, secret: SecretStr) -> Received:
    """Show LinkedIn that the address is ours, which it asks every two hours.

    Only a UUID is answered: who could have any text signed would have a delivery signed this way.
    """
    code = request.query.get("challengeCode", "")
    if not UUID.fullmatch(code):
        raise UnverifiedRequestError("This is no challenge of LinkedIn.")
    answer = {"challengeCode": code, "challengeResponse": hmac_sha256_hex(secret, code.encode())}
    return Received(reply=Reply(body=json.dumps(answer).encode(), content_type="application/json"))


def notification(request: InboundRequest, secret: SecretStr) -> Received:
    """A lead was made (or deleted, which changes nothing here)."""
    signature = request.headers.get("x-li-signature", "")
    if not equal(signature, hmac_sha256_hex(secret, SIGNED_PREFIX + request.body)):
        raise UnverifiedRequestError("The signature does not fit the delivery.")
    try:
        body: JsonValue = json.loads(request.body)
    except (ValueError, RecursionError):
        raise BadPayloadError("The delivery is not JSON.", path="") from None
    if not isinstance(body, dict):
        raise BadPayloadError("The delivery is no JSON object.", path="")
    if body.get("type") != "LEAD_ACTION":
        return Received(ignored=1)
    return _of_lead(body)


def _of_lead(body: JsonValue) -> Received:
    event = read(LeadAction, body)
    if event.action != "CREATED" or event.lead_type != SPONSORED:
        return Received(ignored=1)
    lead_id, account_id = (
        id_of(event.lead_urn, "leadGenFormResponse"),
        id_of(event.owner.account or "", "sponsoredAccount"),
    )
    if lead_id is None or account_id is None:
        return Received(submissions=(RawSubmission(source_id=None, form_id=form_of(event.form_urn), body=body),))
    return Received(pointers=(Pointer(source_id=lead_id, form_id=form_of(event.form_urn), part_id=account_id),))
