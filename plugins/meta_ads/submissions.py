"""A lead of Meta in the hub's words (protocol page sections 4.1, 4.3 and 4.4). Pure."""

from hub.connector.errors import BadPayloadError
from hub.connector.models import Answer, Campaign, Consent, RawSubmission, Submission
from plugins.meta_ads.payloads import Lead, LeadgenValue, question_key, read

DUMMY_TEXT = "<test lead: dummy data for "
TEST_ADDRESSES = frozenset({"test@meta.com", "test@fb.com"})


def submission_of(raw: RawSubmission) -> Submission:
    """The submission. Raises ``BadPayloadError`` with the path of the first field that cannot be read."""
    if isinstance(raw.body, dict) and "value" in raw.body and "id" not in raw.body:
        _refuse_notification(raw.body["value"])
    lead = read(Lead, raw.body)
    answers = _answers(lead)
    return Submission(
        source_id=lead.id,
        form_id=lead.form_id or raw.form_id,
        submitted_at=lead.created_time,
        answers=answers,
        campaign=_campaign(lead, raw.part_id),
        consents=_consents(lead),
        is_test=any(_is_dummy(value) for answer in answers for value in answer.values),
    )


def _refuse_notification(value: object) -> None:
    """A change that ``receive`` could not read: name the place inside it."""
    try:
        read(LeadgenValue, value)
    except BadPayloadError as error:
        path = f"value.{error.path}" if error.path else "value"
        raise BadPayloadError(error.user_message, path=path, detail=error.detail) from None


def _answers(lead: Lead) -> tuple[Answer, ...]:
    """By question key, in order; a key that comes twice keeps all its values."""
    values: dict[str, list[str]] = {}
    for position, field in enumerate(lead.field_data):
        if not field.name:
            raise BadPayloadError("An answer has no name.", path=f"field_data[{position}].name")
        values.setdefault(field.name, []).extend(field.values)
    return tuple(Answer(key=question_key(key), label=key, values=tuple(each)) for key, each in values.items())


def _consents(lead: Lead) -> tuple[Consent, ...]:
    boxes = lead.legal_content.checkboxes if lead.legal_content else {}
    return tuple(
        Consent(
            key=each.checkbox_key,
            text=(box.text if box else None) or each.checkbox_key,
            given=each.is_checked,
            was_preset=box.is_checked_by_default if box else False,
        )
        for each in lead.custom_disclaimer_responses
        for box in (boxes.get(each.checkbox_key),)
    )


def _campaign(lead: Lead, page_id: str | None) -> Campaign:
    ids = {"campaign": lead.campaign_id, "ad_set": lead.adset_id, "ad": lead.ad_id, "page": page_id}
    names = {"campaign": lead.campaign_name, "ad_set": lead.adset_name, "ad": lead.ad_name}
    return Campaign(
        name=lead.campaign_name or None,
        ids={kind: value for kind, value in ids.items() if value},
        names={kind: value for kind, value in names.items() if value},
        platform=lead.platform,
        is_organic=lead.is_organic,
    )


def _is_dummy(value: str) -> bool:
    """There is no test flag: dummy texts and two addresses are all there is to go by."""
    return value.startswith(DUMMY_TEXT) or value.strip().lower() in TEST_ADDRESSES
