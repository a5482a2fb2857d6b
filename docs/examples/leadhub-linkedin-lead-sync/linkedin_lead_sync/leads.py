"""Leads: listed, fetched one by one, and read."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import NamedTuple

from hub.connector.access import Access
from hub.connector.errors import BadPayloadError
from hub.connector.models import (
    Answer,
    Campaign,
    Consent,
    Cursor,
    Page,
    Pointer,
    RawSubmission,
    SourceForm,
    Submission,
)
from pydantic import JsonValue

from linkedin_lead_sync.api import call, encoded, owner_of, pages
from linkedin_lead_sync.forms import question_keys
from linkedin_lead_sync.payloads import FormAnswer, FormQuestion, LeadResponse, answered, moment, read
from linkedin_lead_sync.urns import form_of, id_of

SPONSORED = "SPONSORED"
FIELDS = (
    "id,owner,leadType,submittedAt,testLead,versionedLeadGenFormUrn,leadMetadata,associatedEntity,formResponse,"
    "form:(id,name,creationLocale,hiddenFields,content)"
)


class Place(NamedTuple):
    """Where a listing was cut off, and the newest lead read until then."""

    start: int = 0
    newest: datetime | None = None


async def pages_of(access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
    """The leads of a form, found among those of its ad account. LinkedIn documents no order, so the mark moves only
    with the last page, to the newest lead of the form."""
    account_id = form.part_id or ""
    mark, place = (since.mark, _read_place(since.token)) if since else (None, Place())
    listed = pages(access, _list_path(account_id, mark), start=place.start, account_id=account_id)
    newest = max((each for each in (mark, place.newest) if each), default=None)
    seen: set[str | None] = set()
    async for elements, following in listed:
        read_now = [raw_lead(body, account_id) for body in elements]
        found = tuple(raw for raw in read_now if raw.form_id in (form.id, None) and raw.source_id not in seen)
        seen = {raw.source_id for raw in read_now} - {None}
        newest = max((each for each in (newest, *(_sent_at(raw.body) for raw in found)) if each), default=None)
        if following is None:
            yield Page(submissions=found, cursor=Cursor(mark=newest))
            return
        yield Page(submissions=found, cursor=Cursor(mark=mark, token=_written_place(Place(following, newest))))


async def lead_at(access: Access, pointer: Pointer) -> RawSubmission:
    """The lead that a delivery told of."""
    path = f"/leadFormResponses/{encoded(pointer.source_id)}?fields={FIELDS}"
    body = (await call(access, "GET", path, account_id=pointer.part_id)).body
    lead = answered(LeadResponse, body)
    return RawSubmission(source_id=lead.id, form_id=form_of(lead.form_urn), part_id=pointer.part_id, body=body)


def raw_lead(body: JsonValue, account_id: str) -> RawSubmission:
    """A listed lead; one that cannot be read has no id and goes into quarantine, the others go on."""
    try:
        lead = read(LeadResponse, body)
    except BadPayloadError:
        return RawSubmission(source_id=None, form_id=_form_in(body), part_id=account_id, body=body)
    return RawSubmission(source_id=lead.id, form_id=form_of(lead.form_urn), part_id=account_id, body=body)


def submission(raw: RawSubmission) -> Submission:
    """A lead in the hub's words."""
    lead = read(LeadResponse, raw.body)
    questions = {each.question_id: each for each in lead.form.content.questions} if lead.form else {}
    keys = question_keys(list(questions.values()))
    answers = [_answer(each, questions.get(each.question_id), keys) for each in lead.response.answers]
    taken = {each.key for each in answers}
    hidden = lead.form.hidden if lead.form else []
    answers += [Answer(key=f.key, label=f.name, values=(f.value,)) for f in hidden if f.key not in taken]
    return Submission(
        source_id=lead.id,
        form_id=raw.form_id,
        submitted_at=moment(lead.submitted_at),
        answers=tuple(answers),
        campaign=_campaign(lead),
        consents=_consents(lead),
        language=lead.form.locale.language or None if lead.form and lead.form.locale else None,
        is_test=lead.is_test,
    )


def _answer(answer: FormAnswer, question: FormQuestion | None, keys: Mapping[str, str]) -> Answer:
    key = keys.get(answer.question_id, answer.question_id)
    label = (question.question.text() or question.name) if question else ""
    values: tuple[str, ...] = ()
    if answer.details.text is not None:
        values = (answer.details.text.answer,)
    elif answer.details.choice is not None:
        details = question.details.multiple_choice if question else None
        texts = {each.id: each.text.text() for each in details.options} if details else {}
        values = tuple(texts.get(each) or str(each) for each in answer.details.choice.options)
    return Answer(key=key, label=label or key, values=values)


def _campaign(lead: LeadResponse) -> Campaign:
    campaign = id_of(lead.metadata.sponsored.campaign or "", "sponsoredCampaign") if lead.metadata else None
    creative = id_of(lead.entity.creative or "", "sponsoredCreative") if lead.entity else None
    ids = {name: value for name, value in (("campaign", campaign), ("creative", creative)) if value}
    return Campaign(platform="linkedin", ids=ids, is_organic=False)


def _consents(lead: LeadResponse) -> tuple[Consent, ...]:
    boxes = lead.form.content.legal.consents if lead.form else []
    texts = {each.id: each.consent.text() for each in boxes}
    return tuple(
        Consent(key=each.consent_id, text=texts.get(each.consent_id, ""), given=each.accepted)
        for each in lead.response.consents
    )


def _list_path(account_id: str, mark: datetime | None) -> str:
    path = f"/leadFormResponses?q=owner&owner={owner_of(account_id)}&leadType=(leadType:{SPONSORED})"
    since = f"&submittedAtTimeRange=(start:{int(mark.timestamp() * 1000)})" if mark else ""
    return f"{path}{since}&fields={FIELDS}"


def _sent_at(body: JsonValue) -> datetime | None:
    try:
        return moment(read(LeadResponse, body).submitted_at)
    except BadPayloadError:
        return None


def _form_in(body: JsonValue) -> str | None:
    urn = body.get("versionedLeadGenFormUrn") if isinstance(body, dict) else None
    return form_of(urn) if isinstance(urn, str) else None


def _written_place(place: Place) -> str:
    return f"{place.start} {place.newest.isoformat()}" if place.newest else str(place.start)


def _read_place(token: str | None) -> Place:
    start, _, newest = (token or "0").partition(" ")
    return Place(int(start), datetime.fromisoformat(newest) if newest else None)
