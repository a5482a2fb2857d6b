"""What the connect page shows before the sign-in, and what an admin may set."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from plugins.google_ads.connector import GoogleAds
from plugins.google_ads.settings import GoogleAdsSettings

GOOD = {
    "client_id": "4711-kit.apps.googleusercontent.com",
    "client_secret": "long-enough",
    "webhook_secret": "k-9f2b7c1d",
}


@pytest.mark.proves("Z-174")
def test_access_review_lists_the_five_lines() -> None:
    """The review names exactly what the acceptance list asks for, and its lines explain every scope."""
    review = GoogleAds.manifest.access_review
    assert [item.label for item in review] == [
        "Customer accounts",
        "Forms",
        "Retrieve leads",
        "User email address",
        "User profile information",
    ]
    assert {scope for item in review for scope in item.scopes} == set(GoogleAds.oauth.scopes)


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": ""},
        {"client_secret": "short"},
        {"webhook_secret": "short"},
        {"webhook_secret": "x" * 51},
        {"webhook_secret": "with a blank"},
        {"webhook_secret": "schlüssel-für-uns"},
        {"login_customer_id": "123"},
        {"login_customer_id": "12345678901"},
        {"api_version": "26"},
        {"shoe_size": 43},
    ],
)
def test_bad_settings_are_refused(change: dict[str, object]) -> None:
    """A wrong value is refused before anything is called."""
    with pytest.raises(ValidationError):
        GoogleAdsSettings.model_validate(GOOD | change)


@pytest.mark.parametrize(
    ("typed", "kept"), [("123-456-7890", "1234567890"), ("1234567890", "1234567890"), ("", None), (None, None)]
)
def test_manager_account_may_be_typed_with_dashes(typed: str | None, kept: str | None) -> None:
    """Google shows dashes and takes none; an empty field is no account."""
    assert GoogleAdsSettings.model_validate(GOOD | {"login_customer_id": typed}).login_customer_id == kept


def test_nothing_but_client_and_key_is_needed() -> None:
    """Developer token and manager account are optional."""
    settings = GoogleAdsSettings.model_validate(GOOD)
    assert settings.developer_token is None
    assert settings.login_customer_id is None


def test_leads_are_read_well_before_they_are_gone() -> None:
    """Google keeps leads for 60 days; they are read hourly, with an overlap."""
    manifest = GoogleAds.manifest
    assert manifest.retention == timedelta(days=60)
    assert manifest.poll_every <= timedelta(days=1)
    assert manifest.overlap > manifest.poll_every
