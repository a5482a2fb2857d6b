"""What Google posts when a form was sent (protocol page section 2)."""

import json
from typing import Any

from pydantic import SecretStr

from hub.connector.models import InboundRequest
from hub.testing.journal import StoredSubmission
from plugins.google_ads.questions import CURRENT
from plugins.google_ads.simulator.rows import question_text
from plugins.google_ads.simulator.world import GoogleWorld

KEY = "google_key"
SAMPLES = {
    "FULL_NAME": "FirstName LastName",
    "FIRST_NAME": "FirstName",
    "LAST_NAME": "LastName",
    "EMAIL": "test@example.com",
    "PHONE_NUMBER": "1-650-555-0123",
}
TEST_CAMPAIGN = 123456


def body_of(world: GoogleWorld, lead: StoredSubmission) -> bytes:
    """The body for one lead, still without the key."""
    found: dict[str, Any] = {
        "lead_id": lead.source_id,
        "user_column_data": columns_of(world, lead),
        "api_version": "1.0",
        "form_id": int(lead.form_id),
    }
    if lead.is_test:
        found |= {"campaign_id": TEST_CAMPAIGN, "adgroup_id": 0, "creative_id": 0, "gcl_id": "TeSter-gclid"}
        return _json({**found, "is_test": True})
    found |= {
        "campaign_id": int(lead.facts.get("campaign_id", 0)),
        "adgroup_id": int(lead.facts.get("ad_group_id", 0)),
        "creative_id": int(lead.facts.get("creative_id", 0)),
        "gcl_id": lead.facts.get("gclid", ""),
        "is_test": False,
        "lead_submit_time": lead.submitted_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if "asset_group_id" in lead.facts:
        found["asset_group_id"] = int(lead.facts["asset_group_id"])
    return _json(found)


def columns_of(world: GoogleWorld, lead: StoredSubmission) -> list[dict[str, str]]:
    """The answers. What the id of a question of the form's own looks like is not documented: opaque here."""
    found = []
    for place, (key, values) in enumerate(lead.answers.items()):
        is_standard = key in CURRENT
        name = key.replace("_", " ").title() if is_standard else question_text(world, lead.form_id, key)
        for value in values:
            found.append(
                {
                    "column_id": key if is_standard else f"{lead.form_id}_{place}",
                    "string_value": SAMPLES.get(key, value) if lead.is_test else value,
                    "column_name": name,
                }
            )
    return found


def with_key(request: InboundRequest, secret: SecretStr) -> InboundRequest:
    """The request with the key in its body; a body that is no object cannot hold one and stays as it is."""
    return _changed(request, secret.get_secret_value())


def without_key(request: InboundRequest) -> InboundRequest:
    """The request without a key."""
    return _changed(request, None)


def _changed(request: InboundRequest, key: str | None) -> InboundRequest:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return request
    if not isinstance(body, dict):
        return request
    kept = {name: value for name, value in body.items() if name != KEY}
    return request.model_copy(update={"body": _json(kept if key is None else {**kept, KEY: key})})


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
