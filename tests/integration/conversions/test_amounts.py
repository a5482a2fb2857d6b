"""What a lead is worth goes along where the rule names a field, as the platform can read it, or not at all."""

from decimal import Decimal
from typing import Any

import pytest

from hub.connector.models import FieldType
from hub.core.leads import service
from hub.core.master_form.fields import FieldDraft
from hub.core.master_form.service import add_field
from hub.core.organisations.errors import RefusedChangeError
from tests.integration.conversions.conftest import ME, Desk


def add_fields(desk: Desk) -> None:
    """A field for money and one for a number on the master form."""
    for key, kind in (("deal_value", FieldType.MONEY), ("rooms", FieldType.NUMBER)):
        draft = FieldDraft(key=key, label=key.title(), type=kind)
        desk.office.database.write_now(add_field, desk.office.organisation_id, draft, now=desk.office.clock.now())


@pytest.mark.parametrize(
    ("field", "value", "currency", "told"),
    [
        ("deal_value", {"amount": "1234.50", "currency": "CHF"}, "EUR", (Decimal("1234.50"), "CHF")),
        ("deal_value", {"amount": "1234.50", "currency": None}, "EUR", (Decimal("1234.50"), "EUR")),
        ("deal_value", {"amount": "1234.50", "currency": None}, None, (None, None)),
        ("rooms", 3, "EUR", (Decimal(3), "EUR")),
        ("deal_value", {"amount": "-5", "currency": "EUR"}, None, (None, None)),
        ("deal_value", None, "EUR", (None, None)),
    ],
    ids=["own_currency", "the_rules_currency", "no_currency", "number", "below_zero", "empty"],
)
async def test_amounts_go_along(
    desk: Desk, field: str, value: Any, currency: str | None, told: tuple[Decimal | None, str | None]
) -> None:
    """A value without a currency, below zero or empty is left out; the event is told all the same."""
    add_fields(desk)
    desk.add_rule(desk.stage("open", 1), value_field=field, currency=currency)
    lead = await desk.lead()
    where = (desk.office.organisation_id, lead.id)
    desk.office.database.write_now(
        service.change_values, *where, {field: value}, author=ME, now=desk.office.clock.now()
    )
    desk.move(lead, desk.stage("open", 1))
    await desk.report()
    (event,) = desk.platform.counted
    assert (event.value, event.currency) == told


async def test_a_number_needs_a_currency(desk: Desk) -> None:
    """Nobody could tell what 3 means."""
    add_fields(desk)
    with pytest.raises(RefusedChangeError, match="EUR"):
        desk.add_rule(desk.stage("won"), value_field="rooms")
