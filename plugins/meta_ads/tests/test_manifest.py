"""What the connect page shows before the sign-in, and what an admin may set."""

import pytest
from pydantic import SecretStr, ValidationError

from hub.connector.models import OAuthProfile
from plugins.meta_ads.connector import MetaAds
from plugins.meta_ads.settings import MetaAdsSettings
from plugins.meta_ads.tests.conftest import Meta


@pytest.mark.proves("Z-173")
def test_access_review_lists_the_five_lines() -> None:
    """The review names exactly what the acceptance list asks for, and each line explains permissions."""
    review = MetaAds.manifest.access_review
    assert [item.label for item in review] == [
        "Pages list",
        "Page metadata and settings",
        "Page engagement metrics and insights",
        "Lead data from Facebook and Instagram ads",
        "Business assets and permissions",
    ]
    assert sorted(scope for item in review for scope in item.scopes) == sorted(MetaAds.oauth.scopes)


@pytest.mark.parametrize(
    "change",
    [
        {"app_id": "my app"},
        {"app_secret": ""},
        {"graph_version": "26"},
        {"page_size": 99},
        {"page_size": 15000},
        {"shoe_size": 43},
    ],
)
def test_bad_settings_are_refused(change: dict[str, object]) -> None:
    """A wrong value is refused before anything is called."""
    with pytest.raises(ValidationError):
        MetaAdsSettings.model_validate({"app_id": "230000000000001", "app_secret": "long-enough"} | change)


async def test_version_is_a_setting(connected: Meta) -> None:
    """The version of the settings stands in every address, of calls and of the dialog."""
    settings = connected.simulator.settings().model_copy(update={"graph_version": "v27.0"})
    connected.simulator.settings = lambda: settings  # type: ignore[method-assign]
    form = connected.publish()
    connected.simulator.requests.clear()
    connected.simulator.garbage()
    with pytest.raises(Exception, match="garbage"):
        await connected.pull(form)
    assert connected.simulator.requests[0].path == f"/v27.0/{form.id}/leads"
    assert connected.consent_url().startswith("https://www.facebook.com/v27.0/dialog/oauth?")


def test_default_profile_is_the_class_profile() -> None:
    """Without options the profile under the settings is the one that the class shows."""
    settings = MetaAdsSettings(app_id="230000000000001", app_secret=SecretStr("long-enough"))
    found: OAuthProfile = MetaAds().oauth_for(settings)
    assert found == MetaAds.oauth
