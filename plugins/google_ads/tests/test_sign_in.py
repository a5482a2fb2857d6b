"""The sign-in against the simulator: lasting access, its end, partial grants, and giving it back."""

from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from hub.connector.errors import PermanentError, ReauthorizationNeededError, RetryableError
from hub.connector.oauth import Redirect
from hub.testing.connected import REDIRECT_URI, STATE, VERIFIER
from plugins.google_ads.scopes import ADS, EMAIL, SCOPES
from plugins.google_ads.simulator.world import ADA, BEN, CLEO, HARBOUR, NORTH, OFFICE, SOUTH
from plugins.google_ads.tests.conftest import Google

REDIRECT = Redirect(REDIRECT_URI, VERIFIER)


async def code_of(google: Google, url: str | None = None) -> SecretStr:
    """A code from the consent page."""
    redirect = await google.simulator.authorize(url or google.consent_url())
    return SecretStr(dict(parse_qsl(urlsplit(redirect).query))["code"])


def test_consent_address_asks_for_lasting_access(google: Google) -> None:
    """The admin is sent to Google with offline access, consent asked for, PKCE and state."""
    parts = urlsplit(google.consent_url())
    query = parse_qs(parts.query)
    assert parts.netloc + parts.path == "accounts.google.com/o/oauth2/v2/auth"
    assert query["access_type"] == ["offline"]
    assert query["prompt"] == ["consent"]
    assert query["include_granted_scopes"] == ["true"]
    assert query["scope"] == [" ".join(SCOPES)]
    assert query["state"] == [STATE]
    assert query["code_challenge_method"] == ["S256"]


async def test_sign_in_gives_access_that_lasts(connected: Google) -> None:
    """An hour of access, a refresh token without an end, all scopes."""
    grant = connected.grant
    assert grant is not None
    assert grant.expires_at == connected.clock.now() + timedelta(seconds=3599)
    assert grant.refresh_token is not None
    assert grant.authorised_until is None
    assert set(grant.scopes) == set(SCOPES)


async def test_second_sign_in_gives_a_refresh_token_again(connected: Google) -> None:
    """Because consent is asked for each time, a re-sync never ends without a refresh token."""
    first = connected.grant
    await connected.sign_in()
    assert first is not None
    assert connected.grant is not None
    assert connected.grant.refresh_token not in (None, first.refresh_token)


async def test_answer_without_refresh_token_sends_the_admin_again(connected: Google) -> None:
    """Google gives none where consent was not asked for again: such a grant would die within the hour."""
    code = await code_of(connected, connected.consent_url().replace("prompt=consent", "prompt=select_account"))
    with pytest.raises(ReauthorizationNeededError) as caught:
        await connected.connector.exchange(code, REDIRECT, connected.access)
    assert caught.value.code == "no_refresh_token"


async def test_project_in_testing_tells_the_end_of_the_sign_in(google: Google) -> None:
    """While the consent screen is in Testing, the sign-in ends after seven days, and the hub can warn before."""
    google.simulator.is_in_testing = True
    await google.sign_in()
    assert google.grant is not None
    assert google.grant.authorised_until == google.clock.now() + timedelta(days=7)
    google.clock.advance(timedelta(days=7, seconds=1))
    with pytest.raises(ReauthorizationNeededError) as caught:
        await google.renew()
    assert caught.value.code == "invalid_grant"


async def test_renewal_keeps_the_refresh_token(connected: Google) -> None:
    """The answer of a renewal holds no refresh token: the old one is used again and again."""
    first = connected.grant
    for _ in range(3):
        connected.clock.advance(timedelta(hours=1))
        await connected.renew()
    assert first is not None
    assert connected.grant is not None
    assert connected.grant.refresh_token == first.refresh_token
    assert connected.grant.access_token != first.access_token


async def test_withdrawn_access_asks_for_a_sign_in(connected: Google) -> None:
    """The person removes the app at myaccount.google.com: calls and renewal both say so."""
    form = connected.publish()
    connected.simulator.remove_app()
    with pytest.raises(ReauthorizationNeededError) as caught:
        await connected.pull(form)
    assert caught.value.code == "revoked"
    with pytest.raises(ReauthorizationNeededError) as caught:
        await connected.renew()
    assert caught.value.code == "invalid_grant"


async def test_expired_access_may_be_cured_by_renewal(connected: Google) -> None:
    """The code of an expired access token is none of those that the hub takes as final."""
    form = connected.publish()
    connected.simulator.expire_token()
    with pytest.raises(ReauthorizationNeededError) as caught:
        await connected.pull(form)
    assert caught.value.code == "token_expired"
    await connected.renew()
    assert await connected.pull(form) == []


async def test_code_works_once_and_only_with_its_verifier(google: Google) -> None:
    """A used code, and one taken by somebody without the verifier, are refused."""
    code = await code_of(google)
    await google.connector.exchange(code, REDIRECT, google.access)
    with pytest.raises(ReauthorizationNeededError):
        await google.connector.exchange(code, REDIRECT, google.access)
    stolen = await code_of(google)
    with pytest.raises(ReauthorizationNeededError):
        await google.connector.exchange(stolen, Redirect(REDIRECT_URI, SecretStr("x" * 43)), google.access)


async def test_other_redirect_address_is_a_matter_of_settings(google: Google) -> None:
    """A code is bound to the redirect address of its consent page."""
    code = await code_of(google)
    with pytest.raises(PermanentError) as caught:
        await google.connector.exchange(code, Redirect("https://evil.example.com/x", VERIFIER), google.access)
    assert caught.value.code == "redirect_not_registered"


async def test_wrong_client_secret_is_no_reason_to_sign_in_again(google: Google) -> None:
    """Google's ``invalid_client`` speaks of the settings."""
    code = await code_of(google)
    google.simulator.client_secret = SecretStr("changed-at-google-0002")
    settings = google.simulator.settings().model_copy(update={"client_secret": SecretStr("the-old-one-0001")})
    google.simulator.settings = lambda: settings  # type: ignore[method-assign]
    with pytest.raises(PermanentError) as caught:
        await google.connector.exchange(code, REDIRECT, google.access)
    assert caught.value.code == "invalid_client"


async def test_trouble_at_the_token_endpoint_stays_passing(google: Google) -> None:
    """5xx while exchanging is tried again."""
    code = await code_of(google)
    google.simulator.fail(503)
    with pytest.raises(RetryableError):
        await google.connector.exchange(code, REDIRECT, google.access)


async def test_giving_back_ends_everything_and_may_be_repeated(connected: Google) -> None:
    """Revocation ends access and refresh token; a grant that is dead already is as good, trouble is not."""
    grant = connected.grant
    assert grant is not None
    assert grant.refresh_token is not None
    connected.simulator.fail(503)
    with pytest.raises(RetryableError):
        await connected.connector.revoke(grant, connected.access)
    for _ in range(2):
        await connected.connector.revoke(grant, connected.access)
    tokens = connected.simulator.tokens
    assert not tokens.is_live(grant.access_token.get_secret_value())
    assert not tokens.is_live(grant.refresh_token.get_secret_value())


async def test_identify_names_person_and_accounts(connected: Google) -> None:
    """The person by its lasting id, every client account once, no manager and no closed account."""
    account = await connected.connector.identify(connected.access)
    assert (account.id, account.name) == (ADA, "ada@example.com")
    assert {part.id: part.name for part in account.parts} == {
        NORTH: "Example Clinic North",
        SOUTH: "Example Clinic South",
        HARBOUR: "Example Clinic Harbour",
    }
    assert account.missing_rights == ()
    assert all(part.missing_rights == () for part in account.parts)


async def test_without_the_ads_scope_the_sign_in_says_what_is_missing(google: Google) -> None:
    """A person who unticks Google Ads is known, reaches nothing, and is told."""
    await google.sign_in(withhold=(ADS,))
    account = await google.connector.identify(google.access)
    assert account.id == ADA
    assert account.parts == ()
    assert "adwords" in account.missing_rights[0]
    with pytest.raises(ReauthorizationNeededError) as caught:
        await google.connector.list_forms(google.access)
    assert caught.value.code == "forbidden"


async def test_without_the_email_scope_the_name_serves(google: Google) -> None:
    """The connection is then called by the person's name."""
    await google.sign_in(withhold=(EMAIL,))
    assert (await google.connector.identify(google.access)).name == "Ada Example"


@pytest.mark.proves("Z-176")
async def test_person_without_an_ads_account_is_told(google: Google) -> None:
    """Access to the Ads account with the lead forms is needed; without any the sign-in says so."""
    google.simulator.visitor_id = CLEO
    await google.sign_in()
    with pytest.raises(ReauthorizationNeededError) as caught:
        await google.connector.identify(google.access)
    assert caught.value.code == "no_ads_user"
    assert "Ads account" in caught.value.user_message


@pytest.mark.proves("Z-176")
async def test_closed_accounts_only_are_as_good_as_none(google: Google) -> None:
    """Ben's one account was closed: nothing can be reached, and the hub says what to do."""
    google.simulator.visitor_id = BEN
    await google.sign_in()
    google.simulator.close_account(SOUTH)
    account = await google.connector.identify(google.access)
    assert account.parts == ()
    assert "No Google Ads account" in account.missing_rights[0]


async def test_account_that_wants_its_terms_accepted_is_named(connected: Google) -> None:
    """One account refuses: it is listed with the reason, the others without."""
    connected.simulator.lose_part(NORTH)
    account = await connected.connector.identify(connected.access)
    rights = {part.id: part.missing_rights for part in account.parts}
    assert "terms" in rights[NORTH][0]
    assert rights[SOUTH] == ()


async def test_manager_account_of_the_settings_limits_what_is_read(connected: Google) -> None:
    """Only what stands below the chosen manager is listed, and every call names it."""
    connected.simulator.login_customer_id = OFFICE
    connected.simulator.requests.clear()
    account = await connected.connector.identify(connected.access)
    assert {part.id for part in account.parts} == {SOUTH, HARBOUR}
    ads = [each for each in connected.simulator.requests if "googleAds" in each.path]
    assert {each.headers["login-customer-id"] for each in ads} == {OFFICE}
    assert not any("listAccessible" in each.path for each in connected.simulator.requests)


async def test_wrong_manager_account_is_a_matter_of_settings(connected: Google) -> None:
    """A manager account that the person does not open: signing in again would not help."""
    connected.simulator.login_customer_id = "9999999999"
    with pytest.raises(PermanentError) as caught:
        await connected.connector.identify(connected.access)
    assert caught.value.code == "no_access"
