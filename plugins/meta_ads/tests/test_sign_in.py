"""The sign-in against the simulator: tokens, clocks, partial grants, and what a person may refuse."""

from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import pytest
from pydantic import SecretStr

from hub.connector.errors import ConnectorError, PermanentError, ReauthorizationNeededError, RetryableError
from hub.connector.oauth import Redirect, authorize_url
from hub.testing.connected import REDIRECT_URI, STATE, VERIFIER
from plugins.meta_ads.permissions import SCOPES
from plugins.meta_ads.settings import MetaAdsSettings
from plugins.meta_ads.simulator.world import ADA, BEN, CLEO, HARBOUR, NORTH, SOUTH
from plugins.meta_ads.tests.conftest import Meta

REDIRECT = Redirect(REDIRECT_URI, VERIFIER)


async def code_of(meta: Meta, **kwargs: object) -> SecretStr:
    """A code from the dialog."""
    redirect = await meta.simulator.authorize(meta.consent_url(), **kwargs)
    return SecretStr(dict(parse_qsl(urlsplit(redirect).query))["code"])


async def test_sign_in_gives_a_long_token_and_one_token_per_page(connected: Meta) -> None:
    """Code, short token, long token and Page tokens, with both clocks read from Meta."""
    grant = connected.grant
    assert grant is not None
    now = connected.clock.now()
    assert grant.expires_at == now + timedelta(seconds=5_183_944)
    assert grant.authorised_until == now + timedelta(days=90)
    assert set(grant.scopes) == set(SCOPES)
    assert set(grant.part_tokens) == {NORTH, SOUTH}
    assert connected.simulator.tokens.find(grant.access_token.get_secret_value(), "access") is not None


def test_dialog_address_names_app_scopes_and_state(meta: Meta) -> None:
    """The admin is sent to Meta's dialog, with comma separated permissions and without PKCE."""
    parts = urlsplit(meta.consent_url())
    query = parse_qs(parts.query)
    assert parts.netloc + parts.path == "www.facebook.com/v26.0/dialog/oauth"
    assert query["scope"] == [",".join(SCOPES)]
    assert query["state"] == [STATE]
    assert query["response_type"] == ["code"]
    assert "code_challenge" not in query


async def test_pkce_is_sent_when_switched_on(meta: Meta) -> None:
    """With the switch on, the challenge of RFC 7636 appendix B is sent and its verifier is checked."""
    settings = meta.simulator.settings().model_copy(update={"use_pkce": True})
    profile = meta.connector.oauth_for(settings)
    url = authorize_url(
        profile,
        meta.connector.credentials(settings),
        redirect=REDIRECT,
        state=STATE,
        placeholders={"graph_version": settings.graph_version},
    )
    assert parse_qs(urlsplit(url).query)["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
    redirect = await meta.simulator.authorize(url)
    code = SecretStr(dict(parse_qsl(urlsplit(redirect).query))["code"])
    with pytest.raises(ReauthorizationNeededError) as caught:
        await meta.connector.exchange(code, Redirect(REDIRECT_URI), meta.access)
    assert caught.value.code == "invalid_grant"


async def test_login_configuration_takes_the_place_of_scopes(meta: Meta) -> None:
    """With a configuration id no scope is sent, and a token without end is kept as it is."""
    settings = meta.simulator.settings().model_copy(update={"config_id": "555000111"})
    profile = meta.connector.oauth_for(settings)
    url = authorize_url(
        profile,
        meta.connector.credentials(settings),
        redirect=REDIRECT,
        state=STATE,
        placeholders={"graph_version": settings.graph_version},
    )
    query = parse_qs(urlsplit(url).query)
    assert query["config_id"] == ["555000111"]
    assert "scope" not in query
    redirect = await meta.simulator.authorize(url)
    code = SecretStr(dict(parse_qsl(urlsplit(redirect).query))["code"])
    grant = await meta.connector.exchange(code, REDIRECT, meta.access)
    assert grant.expires_at is None
    assert set(grant.scopes) == set(SCOPES)


async def test_refusal_comes_back_with_state(meta: Meta) -> None:
    """A person who says no sends the app back with access_denied and the unchanged state."""
    redirect = await meta.simulator.authorize(meta.consent_url(), allow=False)
    query = dict(parse_qsl(urlsplit(redirect).query))
    assert query["error"] == "access_denied"
    assert query["error_reason"] == "user_denied"
    assert query["state"] == STATE
    assert "code" not in query


async def test_used_code_is_refused_as_invalid_grant(meta: Meta) -> None:
    """A code works once."""
    code = await code_of(meta)
    await meta.connector.exchange(code, REDIRECT, meta.access)
    with pytest.raises(ReauthorizationNeededError) as caught:
        await meta.connector.exchange(code, REDIRECT, meta.access)
    assert caught.value.code == "invalid_grant"


async def test_code_of_another_redirect_address_is_refused(meta: Meta) -> None:
    """A code is bound to the redirect address of its dialog."""
    code = await code_of(meta)
    with pytest.raises(ReauthorizationNeededError) as caught:
        await meta.connector.exchange(code, Redirect("https://evil.example.com/oauth"), meta.access)
    assert caught.value.code == "invalid_grant"


async def test_wrong_app_secret_is_no_reason_to_sign_in_again(meta: Meta) -> None:
    """Meta answers a wrong secret with the code of passing trouble; the connector finds out and says so."""
    code = await code_of(meta)
    meta.simulator.refuse_client()
    with pytest.raises(PermanentError) as caught:
        await meta.connector.exchange(code, REDIRECT, meta.access)
    assert caught.value.code == "invalid_client"


async def test_passing_trouble_at_the_exchange_stays_passing(meta: Meta) -> None:
    """Code 2 at the token endpoint is retryable when the app's own key works."""
    code = await code_of(meta)
    meta.simulator.answer_next(meta.simulator.error_answers()["unknown_or_service"])
    with pytest.raises(RetryableError):
        await meta.connector.exchange(code, REDIRECT, meta.access)


async def test_renewal_exchanges_the_living_token(connected: Meta) -> None:
    """Renewal gives a new long token with a later end; the person's own clock does not move."""
    before = connected.grant
    assert before is not None
    connected.clock.advance(timedelta(days=40))
    after = await connected.renew()
    assert after.access_token != before.access_token
    assert after.expires_at == connected.clock.now() + timedelta(seconds=5_183_944)
    assert after.authorised_until == before.authorised_until
    assert set(after.part_tokens) == {NORTH, SOUTH}


async def test_expired_token_cannot_be_renewed(connected: Meta) -> None:
    """After its end a long token is of no use for renewal: the admin must sign in."""
    connected.simulator.expire_token()
    with pytest.raises(ReauthorizationNeededError) as caught:
        await connected.renew()
    assert caught.value.code == "expired"


async def test_identify_names_person_pages_and_nothing_missing(connected: Meta) -> None:
    """A full grant reaches both Pages and lacks nothing."""
    account = await connected.connector.identify(connected.access)
    assert (account.id, account.name) == (ADA, "Ada Example")
    assert {part.id: part.missing_rights for part in account.parts} == {NORTH: (), SOUTH: ()}
    assert account.missing_rights == ()


async def test_withheld_permissions_and_pages_are_named(meta: Meta) -> None:
    """Two permissions unticked and one Page not shared: the grant is kept, and each gap is named."""
    meta.simulator.withheld_pages = frozenset({SOUTH})
    await meta.sign_in(withhold=("ads_management", "leads_retrieval"))
    assert meta.grant is not None
    assert set(meta.grant.part_tokens) == {NORTH}
    account = await meta.connector.identify(meta.access)
    assert [part.id for part in account.parts] == [NORTH]
    text = " ".join(account.missing_rights)
    assert "ads_management" in text
    assert "leads_retrieval" in text
    assert "pages_manage_ads" not in text


@pytest.mark.parametrize("scope", SCOPES)
async def test_any_single_permission_may_be_withheld(meta: Meta, scope: str) -> None:
    """Whatever one permission is unticked, sign-in and identify work and name exactly that one."""
    await meta.sign_in(withhold=(scope,))
    account = await meta.connector.identify(meta.access)
    named = [each for each in SCOPES if any(each in right for right in account.missing_rights)]
    assert named == [scope]


@pytest.mark.proves("Z-175")
async def test_missing_role_on_a_page_is_named(meta: Meta) -> None:
    """Ben may advertise on one Page and not on the other: only the second is marked."""
    meta.simulator.visitor_id = BEN
    await meta.sign_in()
    account = await meta.connector.identify(meta.access)
    rights = {part.id: part.missing_rights for part in account.parts}
    assert rights[SOUTH] == ()
    assert "advertising" in rights[HARBOUR][0]


@pytest.mark.proves("Z-178")
async def test_account_without_pages_is_said_so(meta: Meta) -> None:
    """Cleo manages no Page: the account says that there is none and what to do."""
    meta.simulator.visitor_id = CLEO
    await meta.sign_in()
    account = await meta.connector.identify(meta.access)
    assert account.parts == ()
    assert any("No Page was shared" in right for right in account.missing_rights)
    assert await meta.connector.list_forms(meta.access) == []


async def test_leads_access_manager_is_named_on_the_page(connected: Meta) -> None:
    """A Page whose leads are hidden from the app carries Facebook's own reason."""
    connected.simulator.hide_leads(SOUTH)
    account = await connected.connector.identify(connected.access)
    rights = {part.id: part.missing_rights for part in account.parts}
    assert rights[NORTH] == ()
    assert "Leads Access Manager" in rights[SOUTH][0]
    assert "Ask the business admin" in rights[SOUTH][0]


async def test_page_that_is_no_longer_listed_stays_visible_as_lost(connected: Meta) -> None:
    """A lost role shows on the Page; the other Page and the account stay well."""
    connected.simulator.lose_page_role(SOUTH)
    account = await connected.connector.identify(connected.access)
    rights = {part.id: part.missing_rights for part in account.parts}
    assert rights[NORTH] == ()
    assert "no longer shared" in rights[SOUTH][0]


@pytest.mark.parametrize(
    ("subcode", "cause"),
    [(458, "app_removed"), (459, "checkpoint"), (460, "password_changed"), (463, "expired"), (467, "logged_out")],
)
async def test_cause_of_a_dead_token_is_named_on_every_path(connected: Meta, subcode: int, cause: str) -> None:
    """Identify, listing, pull and renewal all name the same cause."""
    form = connected.publish()
    connected.simulator.end_sessions(subcode)
    calls = [
        connected.connector.identify(connected.access),
        connected.connector.list_forms(connected.access),
        connected.pull(form),
        connected.renew(),
    ]
    for call in calls:
        with pytest.raises(ReauthorizationNeededError) as caught:
            await call
        assert caught.value.code == cause


async def test_permission_taken_later_is_named(connected: Meta) -> None:
    """A permission unticked at Facebook afterwards: the refusal names it, and no other."""
    form = connected.publish()
    connected.simulator.take_permission("leads_retrieval")
    with pytest.raises(ReauthorizationNeededError) as caught:
        await connected.pull(form)
    assert caught.value.code == "permission_removed"
    assert [each for each in SCOPES if each in caught.value.user_message] == ["leads_retrieval"]


async def test_end_of_data_access_asks_for_a_sign_in(connected: Meta) -> None:
    """After 90 days the token still passes as one, but data calls ask for a person."""
    connected.simulator.end_data_access()
    with pytest.raises(ReauthorizationNeededError):
        await connected.connector.identify(connected.access)


async def test_signing_out_one_person_leaves_the_other_working(meta: Meta) -> None:
    """Two people connected through the same app do not share their fate."""
    await meta.sign_in()
    meta.simulator.visitor_id = BEN
    ben = Meta(meta.simulator, meta.connector, meta.clock, meta.transport)
    await ben.sign_in()
    meta.simulator.change_password(ADA)
    with pytest.raises(ReauthorizationNeededError):
        await meta.connector.identify(meta.access)
    assert (await ben.connector.identify(ben.access)).id == BEN


async def test_no_secret_in_any_error_of_the_sign_in(meta: Meta) -> None:
    """Neither code, token nor app secret stands in the text of an error."""
    code = await code_of(meta)
    meta.simulator.fail(500)
    with pytest.raises(ConnectorError) as caught:
        await meta.connector.exchange(code, REDIRECT, meta.access)
    text = str(caught.value) + repr(caught.value)
    assert not any(secret in text for secret in meta.simulator.secrets())


async def test_consent_page_works_in_a_browser(meta: Meta) -> None:
    """Choose a person, untick a Page and a permission, save: the redirect's code carries exactly that."""
    url = meta.simulator.local(meta.consent_url())
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url) as page:
            assert "Continue as Ada Example" in await page.text()
        async with browser.get(url + f"&person={BEN}") as page:
            text = await page.text()
            assert "Example Clinic Harbour" in text
            assert 'name="scope" value="leads_retrieval" checked' in text
        fields = [("person", BEN), ("chosen", "1"), ("page", SOUTH), ("decision", "allow")]
        fields += [("scope", each) for each in SCOPES if each != "business_management"]
        async with browser.post(url, data=fields, allow_redirects=False) as answer:
            code = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["code"]
    grant = await meta.connector.exchange(SecretStr(code), REDIRECT, meta.access)
    assert set(grant.part_tokens) == {SOUTH}
    assert "business_management" not in grant.scopes


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "1"}, 400),
        ({"redirect_uri": "http://elsewhere.example.com/"}, 400),
        ({"scope": "leads_retrieval,read_minds"}, 400),
        ({"response_type": "token"}, 400),
    ],
)
async def test_dialog_refuses_what_facebook_refuses(meta: Meta, change: dict[str, str], status: int) -> None:
    """Unknown app, unregistered address, unknown permission and other response types end at the dialog."""
    parts = urlsplit(meta.simulator.local(meta.consent_url()))
    query = {**dict(parse_qsl(parts.query)), **change}
    address = f"{parts.scheme}://{parts.netloc}{parts.path}"
    async with aiohttp.ClientSession() as browser, browser.get(address, params=query) as answer:
        assert answer.status == status


def test_settings_hide_the_secret() -> None:
    """Printing the settings shows no secret."""
    settings = MetaAdsSettings(app_id="230000000000001", app_secret=SecretStr("very-secret-value"))
    assert "very-secret-value" not in repr(settings)
