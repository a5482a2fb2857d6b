"""Leads and forms in Meta's own JSON (protocol page sections 4.1, 4.2 and 4.4)."""

from collections.abc import Iterator
from typing import Any

from hub.connector.models import FieldType, Question
from hub.testing.journal import StoredSubmission
from plugins.meta_ads.simulator.world import MetaWorld

TYPES = {
    FieldType.EMAIL: "EMAIL",
    FieldType.PHONE: "PHONE",
    FieldType.URL: "WEBSITE",
    FieldType.DATE: "DOB",
    FieldType.DATE_TIME: "DATE_TIME",
}
DUMMY_ADDRESS = "test@meta.com"

LEAD_FIELDS = frozenset(
    [
        "id",
        "created_time",
        "ad_id",
        "ad_name",
        "adset_id",
        "adset_name",
        "campaign_id",
        "campaign_name",
        "form_id",
        "field_data",
        "custom_disclaimer_responses",
        "is_organic",
        "platform",
        "partner_name",
        "retailer_item_id",
        "post",
        "home_listing",
        "vehicle",
        "post_submission_check_result",
    ]
)
AD_FIELDS = frozenset(["ad_id", "ad_name", "adset_id", "adset_name", "campaign_id", "campaign_name"])
LEAD_DEFAULTS = ("id", "created_time", "field_data")
FORM_FIELDS = frozenset(
    [
        "id",
        "name",
        "status",
        "locale",
        "created_time",
        "questions",
        "legal_content",
        "privacy_policy_url",
        "tracking_parameters",
        "leads_count",
        "expired_leads_count",
        "organic_leads_count",
        "follow_up_action_url",
        "allow_organic_lead",
        "is_optimized_for_quality",
        "page_id",
    ]
)
FORM_DEFAULTS = ("id", "name", "status", "locale")


def lead_json(world: MetaWorld, lead: StoredSubmission) -> dict[str, Any]:
    """All fields of a lead that it has a value for. Ad fields are absent on organic and test leads."""
    boxes = {each.key for each in world.forms[lead.form_id].questions if each.kind is FieldType.CONSENT}
    answers = _dummy_answers(world, lead) if lead.is_test else lead.answers
    found: dict[str, Any] = {
        "id": lead.source_id,
        "created_time": lead.submitted_at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "form_id": lead.form_id,
        "is_organic": "ad_id" not in lead.facts,
        "platform": lead.facts.get("platform", "fb"),
        "field_data": [{"name": key, "values": list(values)} for key, values in answers.items() if key not in boxes],
    }
    responses = [
        {"checkbox_key": key, "is_checked": "1" if values and values[0] else ""}
        for key, values in answers.items()
        if key in boxes
    ]
    if responses:
        found["custom_disclaimer_responses"] = responses
    return found | {name: value for name, value in lead.facts.items() if name in AD_FIELDS}


def form_json(world: MetaWorld, form_id: str) -> dict[str, Any]:
    """All fields of a form."""
    form = world.forms[form_id]
    leads = world.submissions_of(form_id)
    return {
        "id": form.id,
        "name": form.name,
        "status": "ACTIVE" if form.is_live else "ARCHIVED",
        "locale": form.language or "en_US",
        "created_time": "2025-11-03T09:00:00+0000",
        "page_id": world.page_of(form_id),
        "questions": [_question(each) for each in form.questions if each.kind is not FieldType.CONSENT],
        "legal_content": _legal_content(world, form_id),
        "privacy_policy_url": "https://clinic.example.com/privacy",
        "follow_up_action_url": "https://clinic.example.com/thanks",
        "tracking_parameters": [],
        "allow_organic_lead": True,
        "is_optimized_for_quality": False,
        "leads_count": len(leads),
        "expired_leads_count": 0,
        "organic_leads_count": sum("ad_id" not in each.facts for each in leads),
    }


def _question(question: Question) -> dict[str, Any]:
    kind = "FULL_NAME" if question.key == "full_name" else TYPES.get(question.kind, "CUSTOM")
    found: dict[str, Any] = {"id": f"q{question.key}", "key": question.key, "label": question.label, "type": kind}
    if question.choices:
        found["options"] = [{"key": each.value, "value": each.label} for each in question.choices]
    return found


def _legal_content(world: MetaWorld, form_id: str) -> dict[str, Any]:
    boxes = [
        {
            "id": f"b{each.key}",
            "key": each.key,
            "text": each.label,
            "is_required": each.required,
            "is_checked_by_default": (form_id, each.key) in world.preset_boxes,
        }
        for each in world.forms[form_id].questions
        if each.kind is FieldType.CONSENT
    ]
    policy = {"url": "https://clinic.example.com/privacy", "link_text": "Privacy policy"}
    found: dict[str, Any] = {"id": f"l{form_id}", "privacy_policy": policy}
    if boxes:
        found["custom_disclaimer"] = {"title": "Consent", "body": {"text": "Please read."}, "checkboxes": boxes}
    return found


def _dummy_answers(world: MetaWorld, lead: StoredSubmission) -> dict[str, tuple[str, ...]]:
    """Section 4.4: test leads hold dummy texts, and one of two addresses."""
    kinds = {each.key: each.kind for each in world.forms[lead.form_id].questions}
    return dict(_dummies(kinds, lead))


def _dummies(kinds: dict[str, FieldType], lead: StoredSubmission) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key in lead.answers:
        is_address = key == "email" or kinds.get(key) is FieldType.EMAIL
        yield key, (DUMMY_ADDRESS if is_address else f"<test lead: dummy data for {key}>",)
