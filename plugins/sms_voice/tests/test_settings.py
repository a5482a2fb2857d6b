"""Settings: one flat model whose problems name their fields, and that a page can be drawn from."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.provider import WebhookKey
from plugins.sms_voice.settings import SmsVoiceSettings

TWILIO = {
    "provider": "twilio",
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
}


def fields_refused(values: dict[str, Any]) -> set[str]:
    """The fields that are named as wrong."""
    with pytest.raises(ValidationError) as refused:
        SmsVoiceSettings.model_validate(values)
    return {str(each["loc"][0]) for each in refused.value.errors()}


def test_choice_needs_its_own_fields_only() -> None:
    """What the chosen provider needs and lacks is named field by field; other providers' fields may be empty."""
    assert fields_refused({"provider": "twilio"}) == {"twilio_account_sid", "twilio_auth_token"}
    assert fields_refused({"provider": "agent"}) == {"agent_webhook_secret"}
    assert fields_refused({}) == {"provider"}
    assert SmsVoiceSettings.model_validate(TWILIO).provider is ProviderName.TWILIO


@pytest.mark.parametrize("blank", ["", "  "], ids=["empty", "blanks"])
def test_field_left_empty_is_none(blank: str) -> None:
    """An empty text of a web form is no value, and does not fill a field that is needed."""
    assert SmsVoiceSettings.model_validate({**TWILIO, "twilio_api_key_sid": blank}).twilio_api_key_sid is None
    assert fields_refused({**TWILIO, "twilio_auth_token": blank}) == {"twilio_auth_token"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("twilio_account_sid", "AC1"),
        ("twilio_api_key_sid", "AC" + "0" * 32),
        ("twilio_api_key_secret", "a secret without its key"),
        ("twilio_shared_keys", "no-name"),
        ("twilio_dial_number", "0500 5550006"),
        ("twilio_greeting_language", "english please"),
        ("twilio_call_answer", "sing"),
    ],
    ids=["account", "key", "key-secret", "shared-keys", "number", "language", "answer"],
)
def test_wrong_value_is_named(field: str, value: str) -> None:
    """A value that cannot be right is refused at its own field."""
    assert field in fields_refused({**TWILIO, field: value})


def test_every_field_bears_the_name_of_its_choice() -> None:
    """A page can hide the fields of the other providers, as each field's name begins with its own."""
    names = {each.value for each in ProviderName}
    fields = [name for name in SmsVoiceSettings.model_fields if name != "provider"]
    assert all(name.partition("_")[0] in names for name in fields)


def test_tokens_and_shared_keys_are_tried_as_allowed() -> None:
    """Both Auth Tokens and every SharedKey verify deliveries; with the tokens switched off, the SharedKeys alone."""
    more = {"twilio_previous_auth_token": "second-token", "twilio_shared_keys": "key_a:secret-aaaa, key_b:secret-bbbb"}
    both = SmsVoiceSettings.model_validate({**TWILIO, **more})
    keys = [WebhookKey.opened(each) for each in SmsVoice().webhook_secrets(both)]
    assert [each.facts.get("shared_key") for each in keys] == [None, None, "key_a", "key_b"]
    assert [each.secret.get_secret_value() for each in keys[1:]] == ["second-token", "secret-aaaa", "secret-bbbb"]
    only = SmsVoiceSettings.model_validate({**TWILIO, **more, "twilio_takes_auth_token": False})
    assert len(SmsVoice().webhook_secrets(only)) == 2


def test_sealed_key_shows_nothing() -> None:
    """Neither the sealed text nor the key shows its secret when printed."""
    key = WebhookKey(provider=ProviderName.TWILIO, secret=SecretStr("hidden-word"))
    assert WebhookKey.opened(key.sealed()) == key
    assert "hidden-word" not in f"{key!r} {key.sealed()!r}"


def test_each_provider_says_whether_it_has_a_list() -> None:
    """Only where past conversations can be read again does the hub poll."""
    agent = SmsVoiceSettings.model_validate({"provider": "agent", "agent_webhook_secret": "whsec_" + "A" * 32})
    assert SmsVoice().lists(SmsVoiceSettings.model_validate(TWILIO))
    assert not SmsVoice().lists(agent)
