"""Forms of all accounts and their questions."""

import pytest

from hub.connector.models import Choice, FieldType
from plugins.google_ads.simulator.world import HARBOUR, NORTH, OFFICE, SOUTH
from plugins.google_ads.tests.conftest import ANSWERS, Google


async def test_standard_and_own_questions_are_listed(connected: Google) -> None:
    """Standard questions by Google's name, own questions by their text, choices as people see them."""
    form = connected.publish()
    (listed,) = await connected.connector.list_forms(connected.access)
    assert (listed.id, listed.name, listed.part_id) == (form.id, "Roof check", NORTH)
    assert [(each.key, each.label, each.kind) for each in listed.questions] == [
        ("FULL_NAME", "Full name", FieldType.TEXT),
        ("EMAIL", "Email", FieldType.EMAIL),
        ("PURCHASE_TIMELINE", "Purchase timeline", FieldType.SINGLE_CHOICE),
        ("Which roof?", "Which roof?", FieldType.TEXT),
        ("Welcher Tag passt?", "Welcher Tag passt?", FieldType.SINGLE_CHOICE),
    ]
    assert listed.questions[4].choices == (
        Choice(value="Montag", label="Montag"),
        Choice(value="Dienstag", label="Dienstag"),
    )


async def test_answers_come_under_the_listed_keys_on_both_ways(connected: Google) -> None:
    """Whether delivered or read, each answer has the key under which its question is listed."""
    form = connected.publish()
    lead = connected.simulator.add_submission(form.id, ANSWERS)
    (listed,) = await connected.connector.list_forms(connected.access)
    keys = [each.key for each in listed.questions]
    both = await connected.normalised(lead)
    assert len(both) == 2
    for found in both:
        assert [each.key for each in found.answers] == keys
        assert {each.key: each.values for each in found.answers} == ANSWERS


async def test_forms_of_accounts_below_managers_are_listed(connected: Google) -> None:
    """Each account is asked through the manager that leads to it, at any depth; directly where that is possible."""
    forms = {account: connected.publish(account).id for account in (NORTH, SOUTH, HARBOUR)}
    connected.simulator.requests.clear()
    listed = await connected.connector.list_forms(connected.access)
    assert {form.part_id: form.id for form in listed} == forms
    ways = {
        each.path.split("/")[3]: each.headers.get("login-customer-id")
        for each in connected.simulator.requests
        if b"asset.type" in each.body
    }
    assert ways == {NORTH: None, SOUTH: OFFICE, HARBOUR: OFFICE}


async def test_the_webhook_key_is_never_asked_for(connected: Google) -> None:
    """Google may show the key of a form's webhook to whoever asks for its delivery methods: nobody does."""
    form = connected.publish()
    connected.simulator.set_webhook(form.id, "https://hub.example.com/hooks/x")
    listed = await connected.connector.list_forms(connected.access)
    assert connected.simulator.webhook_secret.get_secret_value() not in repr(listed)
    assert not any(b"delivery_methods" in each.body for each in connected.simulator.requests)


@pytest.mark.parametrize("closed", [SOUTH, HARBOUR])
async def test_closed_account_does_not_hide_the_others(connected: Google, closed: str) -> None:
    """Forms of a closed account are not listed, the others are."""
    forms = {account: connected.publish(account).id for account in (NORTH, SOUTH, HARBOUR)}
    connected.simulator.close_account(closed)
    listed = await connected.connector.list_forms(connected.access)
    assert {form.part_id for form in listed} == set(forms) - {closed}


async def test_developer_token_is_sent_only_where_there_is_one(connected: Google) -> None:
    """Versions that ask for a token get it, versions that refuse it do not, and an old refusal names the field."""
    await connected.connector.list_forms(connected.access)
    assert not any("developer-token" in each.headers for each in connected.simulator.requests)
    connected.simulator.needs_developer_token = True
    with pytest.raises(Exception, match="developer_token"):
        await connected.connector.list_forms(connected.access)
    settings = connected.simulator.settings()
    connected.simulator.developer_token = settings.client_secret
    assert await connected.connector.list_forms(connected.access) == []
    connected.simulator.refuses_developer_token = True
    with pytest.raises(Exception, match="developer_token"):
        await connected.connector.list_forms(connected.access)


async def test_version_is_a_setting(connected: Google) -> None:
    """The version of the settings stands in every address; one that Google withdrew is named."""
    settings = connected.simulator.settings().model_copy(update={"api_version": "v27"})
    connected.simulator.settings = lambda: settings  # type: ignore[method-assign]
    connected.simulator.requests.clear()
    with pytest.raises(Exception, match="version_gone"):
        await connected.connector.list_forms(connected.access)
    assert connected.simulator.requests[0].path == "/v27/customers:listAccessibleCustomers"
