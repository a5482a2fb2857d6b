"""Lead gen forms and their questions."""

from collections import Counter
from collections.abc import Mapping, Sequence

from hub.connector.access import Access
from hub.connector.models import Choice, FieldType, Question, SourceForm

from linkedin_lead_sync.api import owner_of, pages
from linkedin_lead_sync.payloads import LONGEST_KEY, FormQuestion, LeadForm, answered

PUBLISHED = "PUBLISHED"
KINDS: Mapping[str, FieldType] = {
    "EMAIL": FieldType.EMAIL,
    "WORK_EMAIL": FieldType.EMAIL,
    "PHONE_NUMBER": FieldType.PHONE,
    "WORK_PHONE_NUMBER": FieldType.PHONE,
    "LINKEDIN_PROFILE_LINK": FieldType.URL,
}


async def forms_of(access: Access, account_id: str) -> list[SourceForm]:
    """All forms of an ad account, to the last page; repeated ones once."""
    found: dict[str, SourceForm] = {}
    async for elements, _ in pages(access, f"/leadForms?q=owner&owner={owner_of(account_id)}", account_id=account_id):
        for each in elements:
            form = answered(LeadForm, each)
            found[form.id] = source_form(form, account_id)
    return list(found.values())


def source_form(form: LeadForm, account_id: str) -> SourceForm:
    """A form in the hub's words. Hidden fields arrive with every lead, so they are questions too."""
    keys = question_keys(form.content.questions)
    questions = [_question(each, keys[each.question_id]) for each in form.content.questions]
    questions += [Question(key=each.key, label=each.name) for each in form.hidden if each.key not in keys.values()]
    return SourceForm(
        id=form.id,
        name=form.name or form.id,
        questions=tuple(questions),
        part_id=account_id,
        is_live=form.state == PUBLISHED,
        language=form.locale.language if form.locale and form.locale.language else None,
    )


def question_keys(questions: Sequence[FormQuestion]) -> Mapping[str, str]:
    """The key of each question by its id: the profile field, which is the same in every form and language, else the
    owner's own name for it, else (two of one name) LinkedIn's id."""
    wanted = {each.question_id: each.predefined_field or each.name for each in questions}
    uses = Counter(wanted.values())
    return {
        question_id: key if uses[key] == 1 and 0 < len(key) <= LONGEST_KEY else question_id
        for question_id, key in wanted.items()
    }


def _question(question: FormQuestion, key: str) -> Question:
    options = question.details.multiple_choice.options if question.details.multiple_choice else []
    kind = FieldType.SINGLE_CHOICE if options else KINDS.get(question.predefined_field or "", FieldType.TEXT)
    return Question(
        key=key,
        label=question.question.text() or question.name or key,
        kind=kind,
        required=question.is_required,
        choices=tuple(Choice(value=each.text.text(), label=each.text.text()) for each in options),
    )
