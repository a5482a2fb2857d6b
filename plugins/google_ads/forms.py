"""Lead forms of the accounts and their questions (protocol page section 4.2)."""

from collections.abc import AsyncIterator, Iterator, Sequence

from hub.connector.errors import PartAccessLostError
from hub.connector.models import Choice, FieldType, Question, SourceForm
from plugins.google_ads.accounts import Customer, accounts_in_reach
from plugins.google_ads.api import GoogleAdsApi
from plugins.google_ads.payloads import Choices, FormAsset, FormRow, shortened
from plugins.google_ads.questions import KINDS, STANDARD, label_of

FORMS = (
    "SELECT asset.id, asset.name, asset.lead_form_asset.headline, asset.lead_form_asset.fields, "
    "asset.lead_form_asset.custom_question_fields FROM asset WHERE asset.type = 'LEAD_FORM'"
)
"""Without ``delivery_methods``: they hold the webhook's key, which has no business here."""


async def forms_of_accounts(api: GoogleAdsApi) -> Sequence[SourceForm]:
    """The forms of every account. An account that refuses us does not hide the forms of the others."""
    reach = await accounts_in_reach(api)
    for refusal in reach.refusals:
        api.access.skip_part(refusal)
    forms: list[SourceForm] = []
    for customer in reach.customers.values():
        try:
            forms += [form async for form in _forms_of(api, customer)]
        except PartAccessLostError as refusal:
            api.access.skip_part(refusal)
    return forms


def source_form(asset: FormAsset, customer_id: str) -> SourceForm:
    """A form in the hub's words."""
    questions = {question.key: question for question in _questions(asset)}
    return SourceForm(
        id=asset.id,
        name=asset.name or asset.content.headline or asset.id,
        questions=tuple(questions.values()),
        part_id=customer_id,
    )


async def _forms_of(api: GoogleAdsApi, customer: Customer) -> AsyncIterator[SourceForm]:
    async for row in api.all_of(FormRow, customer.id, FORMS, manager_id=customer.manager_id):
        yield source_form(row.asset, customer.id)


def _questions(asset: FormAsset) -> Iterator[Question]:
    for standard in asset.content.fields:
        if standard.input_type:
            label = label_of(standard.input_type) if standard.input_type in STANDARD else standard.input_type
            yield _question(standard.input_type, label, standard.choices)
    for own in asset.content.own_fields:
        if own.text:
            yield _question(own.text, own.text, own.choices)


def _question(key: str, label: str, choices: Choices | None) -> Question:
    texts = choices.answers if choices is not None else []
    kind = KINDS.get(key, FieldType.SINGLE_CHOICE if texts else FieldType.TEXT)
    return Question(
        key=shortened(key), label=label, kind=kind, choices=tuple(Choice(value=text, label=text) for text in texts)
    )
