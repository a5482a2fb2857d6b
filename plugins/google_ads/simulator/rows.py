"""Rows of the API in Google's own JSON, with the fields that were asked for (protocol page sections 4.1 to 4.3)."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import JsonValue

from hub.connector.models import Question
from hub.testing.journal import StoredSubmission
from plugins.google_ads.questions import CURRENT
from plugins.google_ads.simulator.catalogue import json_name
from plugins.google_ads.simulator.gaql import Query
from plugins.google_ads.simulator.world import AD_GROUPS, CAMPAIGNS, AdsAccount, GoogleWorld

Row = dict[str, dict[str, Any]]


def rows_of(world: GoogleWorld, query: Query, customer_id: str) -> list[JsonValue]:
    """The result of a query in an account, in the order asked for."""
    makers = {
        "lead_form_submission_data": _leads,
        "asset": _forms,
        "customer_client": _clients,
        "conversion_action": _actions,
    }
    rows = [
        row
        for row in makers[query.resource](world, world.accounts[customer_id])
        if all(each.holds(_at(row, each.field)) for each in query.conditions)
    ]
    for name, descends in reversed(query.order):
        rows.sort(key=lambda row: _sort_key(_at(row, name)), reverse=descends)
    return [_shown(row, query) for row in rows[: query.limit]]


def field_mask(query: Query) -> str:
    """The fields of an answer as REST names them."""
    return ",".join(".".join(json_name(step) for step in name.split(".")) for name in query.fields)


def question_text(world: GoogleWorld, form_id: str, key: str) -> str:
    """What a question of a form's own is called on both ways: its text is all it has."""
    asked = next((each for each in world.forms[form_id].questions if each.key == key), None)
    return asked.label if asked is not None else key


def _leads(world: GoogleWorld, account: AdsAccount) -> Iterator[Row]:
    for lead in world.listed(account.id):
        yield {
            "lead_form_submission_data": _lead(world, account, lead),
            "asset": _asset(world, account, lead.form_id),
            "campaign": _named(account, "campaigns", lead.facts.get("campaign_id"), CAMPAIGNS),
            "ad_group": _named(account, "adGroups", lead.facts.get("ad_group_id"), AD_GROUPS),
            "customer": _customer(account),
        }


def _lead(world: GoogleWorld, account: AdsAccount, lead: StoredSubmission) -> dict[str, Any]:
    home, facts = f"customers/{account.id}", lead.facts
    group, ad = facts.get("ad_group_id"), facts.get("creative_id")
    said = [(key, value) for key, values in lead.answers.items() for value in values]
    moment = lead.submitted_at.astimezone(account.zone)
    return {
        "resource_name": f"{home}/leadFormSubmissionData/{lead.source_id}",
        "id": lead.source_id,
        "asset": f"{home}/assets/{lead.form_id}",
        "campaign": f"{home}/campaigns/{facts['campaign_id']}" if "campaign_id" in facts else "",
        "ad_group": f"{home}/adGroups/{group}" if group else "",
        "ad_group_ad": f"{home}/adGroupAds/{group}~{ad}" if group and ad else "",
        "gclid": facts.get("gclid", ""),
        "submission_date_time": moment.isoformat(sep=" ", timespec="seconds"),
        "lead_form_submission_fields": [
            _filled({"fieldType": key, "fieldValue": value}) for key, value in said if key in CURRENT
        ],
        "custom_lead_form_submission_fields": [
            _filled({"questionText": question_text(world, lead.form_id, key), "fieldValue": value})
            for key, value in said
            if key not in CURRENT
        ],
    }


def _forms(world: GoogleWorld, account: AdsAccount) -> Iterator[Row]:
    for form_id in world.forms:
        if world.account_of(form_id) == account.id:
            yield {"asset": _asset(world, account, form_id), "customer": _customer(account)}


def _asset(world: GoogleWorld, account: AdsAccount, form_id: str) -> dict[str, Any]:
    form = world.forms[form_id]
    content: dict[str, Any] = {
        "headline": form.name[:30],
        "business_name": account.name[:25],
        "privacy_policy_url": "https://clinic.example.com/privacy",
        "custom_disclosure": "",
        "fields": [{"inputType": each.key, **_choices(each)} for each in form.questions if each.key in CURRENT],
        "custom_question_fields": [
            {"customQuestionText": each.label, **_choices(each)} for each in form.questions if each.key not in CURRENT
        ],
        "delivery_methods": _delivery_methods(world, form_id),
    }
    return {
        "resource_name": f"customers/{account.id}/assets/{form_id}",
        "id": int(form_id),
        "name": form.name,
        "type": "LEAD_FORM",
        "lead_form_asset": content,
    }


def _delivery_methods(world: GoogleWorld, form_id: str) -> list[dict[str, Any]]:
    found = world.webhooks.get(form_id)
    if found is None:
        return []
    content = {
        "advertiserWebhookUrl": found.url,
        "googleSecret": found.key.get_secret_value(),
        "payloadSchemaVersion": "3",
    }
    return [{"webhook": content}]


def _choices(question: Question) -> dict[str, Any]:
    """A choice has one text: what is seen is what arrives."""
    if not question.choices:
        return {}
    return {"singleChoiceAnswers": {"answers": [each.value for each in question.choices]}}


def _clients(world: GoogleWorld, account: AdsAccount) -> Iterator[Row]:
    for each in world.accounts.values():
        if world.is_below(each.id, account.id):
            client = {
                "resource_name": f"customers/{account.id}/customerClients/{each.id}",
                "client_customer": f"customers/{each.id}",
                "id": int(each.id),
                "descriptive_name": each.name,
                "manager": each.is_manager,
                "level": _level(world, each, account),
                "status": each.status,
                "time_zone": "Europe/Berlin",
            }
            yield {"customer_client": client, "customer": _customer(account)}


def _actions(world: GoogleWorld, account: AdsAccount) -> Iterator[Row]:
    for each in world.conversion_actions.values():
        if each.account_id == account.id and each.id not in world.lost_targets:
            action = {
                "resource_name": f"customers/{account.id}/conversionActions/{each.id}",
                "id": int(each.id),
                "name": each.name,
                "type": each.type,
                "status": each.status,
            }
            yield {"conversion_action": action, "customer": _customer(account)}


def _level(world: GoogleWorld, account: AdsAccount, root: AdsAccount) -> int:
    level, here = 0, account
    while here.id != root.id and here.parent_id is not None:
        level, here = level + 1, world.accounts[here.parent_id]
    return level


def _named(account: AdsAccount, kind: str, object_id: str | None, names: dict[str, str]) -> dict[str, Any]:
    if object_id is None:
        return {}
    found: dict[str, Any] = {"resource_name": f"customers/{account.id}/{kind}/{object_id}", "id": int(object_id)}
    return found | ({"name": names[object_id]} if object_id in names else {})


def _customer(account: AdsAccount) -> dict[str, Any]:
    home = f"customers/{account.id}"
    return {"resource_name": home, "id": int(account.id), "descriptive_name": account.name}


def _filled(fields: dict[str, str]) -> dict[str, str]:
    """Without members that are empty, as JSON of protocol buffers leaves them out."""
    return {name: value for name, value in fields.items() if value != ""}


def _at(row: Row, name: str) -> Any:
    here: Any = row
    for step in name.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _sort_key(value: Any) -> Any:
    return value if value is not None else ""


def _shown(row: Row, query: Query) -> JsonValue:
    """The chosen fields, and the resource name of every object among them."""
    found: dict[str, Any] = {}
    names: Sequence[str] = (
        *(f"{resource}.resource_name" for resource in dict.fromkeys(each.partition(".")[0] for each in query.fields)),
        *query.fields,
    )
    for name in names:
        value = _at(row, name)
        if value is None or value == "" or value == []:
            continue
        here = found
        *steps, last = (json_name(step) for step in name.split("."))
        for step in steps:
            here = here.setdefault(step, {})
        here[last] = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return found
