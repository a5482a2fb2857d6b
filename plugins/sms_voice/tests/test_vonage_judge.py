"""Vonage's own client as the judge: what it signs we take, what it refuses we refuse."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

import pytest
import vonage_jwt
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from vonage_http_client.auth import Auth
from vonage_jwt.errors import VonageVerifyJwtError

from hub.connector.errors import ConnectorError, PermanentError, UnverifiedRequestError
from hub.connector.json_web_tokens import signed_rs256, verified_claims
from hub.connector.models import InboundRequest
from hub.testing.clock import VirtualClock
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.provider import WebhookKey
from plugins.sms_voice.simulator.vonage import APPLICATION, VonageSimulator
from plugins.sms_voice.simulator.vonage_tokens import application_claims, is_of_now, new_private_key
from plugins.sms_voice.simulator.vonage_wire import with_token
from plugins.sms_voice.vonage.settings import SignatureMethod
from plugins.sms_voice.vonage.signatures import signature_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "vonage-signature-secret-0123456789abcdef"
METHODS: dict[SignatureMethod, Literal["md5", "sha1", "sha256", "sha512"]] = {
    SignatureMethod.MD5_HMAC: "md5",
    SignatureMethod.SHA1_HMAC: "sha1",
    SignatureMethod.SHA256_HMAC: "sha256",
    SignatureMethod.SHA512_HMAC: "sha512",
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize("method", list(METHODS))
@given(text=TEXTS, keyword=TEXTS)
@example(text="a&b=c", keyword="&=&=")
@example(text="Grüße 🏠 + %26", keyword="")
@settings(max_examples=50, deadline=None)
def test_parameters_signed_by_the_official_client_are_taken(method: SignatureMethod, text: str, keyword: str) -> None:
    """Whatever the values hold, the client's ``sig`` is ours, also behind the encoding of a form."""
    fields = {
        "api-key": "a1b2c3d4",
        "msisdn": "15005550006",
        "to": "15005550001",
        "messageId": "0A0000000000001A",
        "text": text,
        "keyword": keyword,
        "message-timestamp": "2026-01-01 00:00:00",
        "timestamp": str(int(NOW.timestamp())),
        "nonce": "abc-123",
    }
    official = Auth(api_key="a1b2c3d4", signature_secret=SECRET, signature_method=METHODS[method])
    signature = official.sign_params(dict(fields))
    assert signature_of(fields, method, SecretStr(SECRET)) == signature
    key = WebhookKey(
        provider=ProviderName.VONAGE,
        secret=SecretStr(SECRET),
        facts={"api_key": "a1b2c3d4", "method": method.value},
    )
    request = InboundRequest(
        method="POST",
        url="https://hub.example.com/hooks/sms_voice/key",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode({**fields, "sig": signature}).encode(),
        received_at=NOW,
    )
    assert SmsVoice().receive(request, key.sealed()).submissions


@pytest.mark.parametrize("algorithm", ["HS256", "none", "HS512", "hs256"])
@pytest.mark.parametrize("secret", [SECRET, "somebody-elses-secret-0123456789abcdef"])
def test_tokens_are_judged_as_by_the_official_client(algorithm: str, secret: str) -> None:
    """What the client does not accept we do not accept either, and the other way round."""
    token = _token(algorithm, secret)
    try:
        official = vonage_jwt.verify_signature(token, SECRET)
    except VonageVerifyJwtError:
        official = False
    assert _is_accepted(token) is official


@given(place=st.integers(min_value=0, max_value=400), letter=st.sampled_from("Aa0-_.=!é"))
@settings(max_examples=150, deadline=None)
def test_a_changed_letter_is_judged_as_by_the_official_client(place: int, letter: str) -> None:
    """A token with any one letter changed is refused wherever the client refuses it."""
    token = _token("HS256", SECRET)
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    try:
        official = vonage_jwt.verify_signature(changed, SECRET)
    except VonageVerifyJwtError:
        official = False
    assert official or not _is_accepted(changed)


def test_application_token_is_like_that_of_the_official_client() -> None:
    """Both are accepted by the same check, with the same claims."""
    key = new_private_key()
    now = datetime.now(UTC)
    mine = signed_rs256({"application_id": APPLICATION, "iat": 1, "exp": 901, "jti": "one"}, key).get_secret_value()
    official = vonage_jwt.JwtClient(APPLICATION, key.get_secret_value()).generate_application_jwt({"jti": "two"})
    ours, theirs = application_claims(mine, key), application_claims(official.decode(), key)
    assert ours is not None
    assert theirs is not None
    assert ours.keys() == theirs.keys()
    assert ours["exp"] - ours["iat"] == theirs["exp"] - theirs["iat"]
    assert is_of_now(theirs, now)
    assert not is_of_now(theirs, now + timedelta(hours=1))
    assert application_claims(mine, new_private_key()) is None


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_unreadable_private_key_is_named(text: str) -> None:
    """A key that cannot be read is an error of the settings, and its text stays out of it."""
    with pytest.raises(PermanentError) as found:
        signed_rs256({"jti": "one"}, SecretStr(text))
    assert "AAAA" not in str(found.value)


def _token(algorithm: str, secret: str) -> str:
    simulator = VonageSimulator(VirtualClock(NOW))
    form_id = simulator.add_form("Example", form_id="sms:+15005550001")
    lead = simulator.add_submission(form_id, simulator.sample_answers())
    plain = simulator.unsigned(simulator.delivery([lead])[0])
    words = {"api_key": "a1b2c3d4", "application_id": APPLICATION, "jti": "1"}
    signed = with_token(plain, secret, alg=algorithm, **words)
    return signed.headers["authorization"].removeprefix("Bearer ")


def _is_accepted(token: str) -> bool:
    try:
        verified_claims(token, SecretStr(SECRET))
    except UnverifiedRequestError:
        return False
    except ConnectorError as error:
        raise AssertionError(f"another error than a refusal: {error!r}") from error
    return True
