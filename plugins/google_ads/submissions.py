"""A lead of Google in the hub's words, whichever way it came (protocol page sections 2.5 and 4.3). Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from hub.connector.errors import BadPayloadError
from hub.connector.models import Answer, Campaign, RawSubmission, Submission
from plugins.google_ads.payloads import Column, DeliveredLead, LeadRow, Named, read, shortened
from plugins.google_ads.questions import STANDARD, label_of

LISTED = "leadFormSubmissionData"
PLATFORM = "google_ads"


class Said(NamedTuple):
    """One answer to one question."""

    key: str
    label: str
    value: str


def submission_of(raw: RawSubmission) -> Submission:
    """The submission. Raises ``BadPayloadError`` with the path of the first field that cannot be read."""
    if isinstance(raw.body, dict) and LISTED in raw.body:
        return _listed(read(LeadRow, raw.body), raw)
    return _delivered(read(DeliveredLead, raw.body), raw)


def _delivered(lead: DeliveredLead, raw: RawSubmission) -> Submission:
    """Deliveries of the test button tell no time: then it is when they came."""
    submitted_at = lead.lead_submit_time or raw.received_at
    if submitted_at is None:
        raise BadPayloadError("The lead does not say when it was sent.", path="lead_submit_time")
    ids = {
        "campaign": lead.campaign_id,
        "ad_group": lead.adgroup_id,
        "creative": lead.creative_id,
        "asset_group": lead.asset_group_id,
        "account": raw.part_id,
    }
    return Submission(
        source_id=lead.lead_id,
        form_id=lead.form_id or raw.form_id,
        submitted_at=submitted_at,
        answers=_together(_said(column, place) for place, column in enumerate(lead.user_column_data)),
        campaign=_campaign(ids, {}, lead.gcl_id),
        is_test=lead.is_test,
    )


def _listed(row: LeadRow, raw: RawSubmission) -> Submission:
    lead = row.lead
    ids = {
        "campaign": lead.campaign_id,
        "ad_group": lead.ad_group_id,
        "creative": lead.creative_id,
        "account": raw.part_id,
    }
    standard = [Said(each.question, _label(each.question), each.value) for each in lead.answers]
    own = [Said(each.question, each.question, each.value) for each in lead.own_answers]
    return Submission(
        source_id=lead.id,
        form_id=lead.form_id or raw.form_id,
        submitted_at=lead.submitted_at,
        answers=_together([*standard, *own]),
        campaign=_campaign(ids, {"campaign": _name(row.campaign), "ad_group": _name(row.ad_group)}, lead.gclid),
    )


def _said(column: Column, place: int) -> Said:
    """A standard question by its id; another by its text, which is what the API calls it by, and else by its id."""
    if column.column_id in STANDARD and column.column_id is not None:
        return Said(column.column_id, column.column_name or _label(column.column_id), column.string_value)
    key = column.column_name or column.column_id
    if not key:
        raise BadPayloadError("An answer names no question.", path=f"user_column_data[{place}].column_id")
    return Said(key, key, column.string_value)


def _together(said: Iterable[Said]) -> tuple[Answer, ...]:
    """By question, in order; a question that comes twice keeps all its values."""
    labels: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for each in said:
        labels.setdefault(each.key, each.label)
        values.setdefault(each.key, []).append(each.value)
    return tuple(Answer(key=shortened(key), label=labels[key], values=tuple(given)) for key, given in values.items())


def _campaign(ids: dict[str, str | None], names: dict[str, str | None], gclid: str | None) -> Campaign:
    return Campaign(
        name=names.get("campaign"),
        click_ids={"gclid": gclid} if gclid else {},
        ids={kind: value for kind, value in ids.items() if value},
        names={kind: value for kind, value in names.items() if value},
        platform=PLATFORM,
    )


def _label(question: str) -> str:
    return label_of(question) if question in STANDARD else question


def _name(named: Named | None) -> str | None:
    return (named.name or None) if named is not None else None
