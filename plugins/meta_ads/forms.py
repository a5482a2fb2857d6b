"""Forms of the Pages and their questions (protocol page section 4.2)."""

from collections.abc import AsyncIterator, Iterator, Sequence

from pydantic import JsonValue

from hub.connector.errors import PartAccessLostError, RetryableError
from hub.connector.models import Choice, FieldType, Question, SourceForm
from plugins.meta_ads.errors import NOT_VISIBLE
from plugins.meta_ads.graph import Graph, member, parsed
from plugins.meta_ads.payloads import Form, FormQuestion, question_key

FORM_FIELDS = "id,name,status,locale,questions,legal_content,tracking_parameters"
WITHOUT_LEADS = ("DRAFT", "DELETED")

KINDS = {
    "EMAIL": FieldType.EMAIL,
    "WORK_EMAIL": FieldType.EMAIL,
    "PHONE": FieldType.PHONE,
    "WORK_PHONE_NUMBER": FieldType.PHONE,
    "WEBSITE": FieldType.URL,
    "DOB": FieldType.DATE,
    "DATE_TIME": FieldType.DATE_TIME,
}
"""Question types with a kind of their own; the list is open, and all others are text or a choice."""


async def forms_of_pages(graph: Graph) -> Sequence[SourceForm]:
    """The forms of every Page. A Page that refuses us does not hide the forms of the others."""
    forms: list[SourceForm] = []
    for page_id in graph.access.part_ids:
        try:
            forms += [form async for form in _forms_of(graph, page_id)]
        except PartAccessLostError as error:
            graph.access.skip_part(error)
    return forms


async def legal_content_of(graph: Graph, form_id: str, part_id: str | None) -> JsonValue:
    """The consent boxes of a form as the person saw them; forms do not change once they are published. None where
    Meta does not show the form any more: the leads of a deleted form are leads all the same."""
    try:
        answer = await graph.get(form_id, {"fields": "legal_content"}, part_id=part_id)
    except RetryableError as error:
        if error.code != NOT_VISIBLE:
            raise
        return None
    return member(answer.body, "legal_content")


def source_form(form: Form, page_id: str) -> SourceForm:
    """A form in the hub's words. Fixed tracking values and consent boxes arrive with leads, so they are listed."""
    questions = {question.key: question for question in _questions(form)}
    return SourceForm(
        id=form.id,
        name=form.name or form.id,
        questions=tuple(questions.values()),
        part_id=page_id,
        is_live=form.status in (None, "ACTIVE"),
        language=form.locale,
    )


async def _forms_of(graph: Graph, page_id: str) -> AsyncIterator[SourceForm]:
    async for item in graph.items_of(f"{page_id}/leadgen_forms", {"fields": FORM_FIELDS}, part_id=page_id):
        form = parsed(Form, item)
        if form.status not in WITHOUT_LEADS:
            yield source_form(form, page_id)


def _questions(form: Form) -> Iterator[Question]:
    for asked in form.questions:
        key = asked.key or (asked.type or "").lower()
        if key:
            yield _question(asked, key)
        for opened in asked.dependent_conditional_questions:
            if opened.field_key:
                yield Question(key=question_key(opened.field_key), label=opened.name or opened.field_key)
    for parameter in form.tracking_parameters:
        if parameter.key:
            yield Question(key=question_key(parameter.key), label=parameter.key)
    if form.legal_content is not None:
        for box in form.legal_content.checkboxes.values():
            yield Question(key=box.key, label=box.text or box.key, kind=FieldType.CONSENT, required=box.is_required)


def _question(asked: FormQuestion, key: str) -> Question:
    choices = tuple(_choices(asked))
    kind = KINDS.get(asked.type or "", FieldType.SINGLE_CHOICE if choices else FieldType.TEXT)
    return Question(key=question_key(key), label=asked.label or key, kind=kind, choices=choices)


def _choices(asked: FormQuestion) -> Iterator[Choice]:
    for option in asked.options:
        arriving = option.key or option.value
        if arriving:
            yield Choice(value=arriving, label=option.value or arriving)
