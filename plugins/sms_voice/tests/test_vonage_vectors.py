"""The published vectors of Vonage's signatures (protocol page section 8)."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest, Received
from hub.testing.cases import read_cases
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.provider import WebhookKey
from plugins.sms_voice.simulator.vonage_wire import with_token
from plugins.sms_voice.vonage.settings import SignatureMethod
from plugins.sms_voice.vonage.signatures import signature_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = SecretStr("vonage-signature-secret-0123456789abcdef")
APPLICATION = "00000000-0000-4000-8000-0000000000aa"
FACTS = {"api_key": "a1b2c3d4", "application_id": APPLICATION, "method": "md5_hash"}
QUERY = (
    "to=15005550001&from=15005550006&uuid=aaaaaaaa-bbbb-4ccc-8ddd-000000000002"
    "&conversation_uuid=CON-aaaaaaaa-bbbb-4ccc-8ddd-000000000003"
)
QUERY_HASH = "9babf8c34d8f704956e09abcfe88fde557f569414531f80e621c7acf8c4246ac"

SMS_SECRET = SecretStr("VONAGE-SMS-SECRET-1")
SMS_FIELDS = {
    "msisdn": "15005550006",
    "to": "15005550001",
    "messageId": "0A0000000000001A",
    "text": "a&b=c",
    "type": "text",
    "keyword": "A&B=C",
    "api-key": "a1b2c3d4",
    "message-timestamp": "2026-01-01 00:00:00",
    "timestamp": "1767225600",
    "nonce": "abc-123",
}
SIGNATURES = {
    SignatureMethod.MD5_HASH: "2b285314a1c0944cd93b8e1fe4786034",
    SignatureMethod.MD5_HMAC: "30d00a88192be904ca800433d2e44a44",
    SignatureMethod.SHA1_HMAC: "82648f715e5c85803d3bd128568c20b51c1ec13b",
    SignatureMethod.SHA256_HMAC: "b3345d00df4289c27c597a2371ff44e07e8c228b7c5f0b1d7a241444a47cb5e4",
    SignatureMethod.SHA512_HMAC: "28a1623b9b6522a5026e6ea868c25693c21802c0cd3213b8cdfabbb3465e60df"
    "99ad0968a1aab6a1ca622f6b8aa94bc7ff6f751df330cc9cc27c7c5d08deaa77",
}


def recorded() -> InboundRequest:
    """Vector 1: a signed webhook of the Messages API."""
    cases = {case.name: case for case in read_cases(Path(__file__).parent.parent / "fixtures" / "vonage").valid}
    request = cases["sms_with_a_recorded_token"].request
    assert request is not None
    return InboundRequest(
        method="POST",
        url="https://hub.example.com/hooks/sms_voice/key",
        headers=request.headers,
        body=request.body,
        received_at=NOW,
    )


def received(request: InboundRequest, *, secret: SecretStr = SECRET, facts: Mapping[str, str] = FACTS) -> Received:
    """What the connector makes of a request."""
    key = WebhookKey(provider=ProviderName.VONAGE, secret=secret, facts=facts)
    return SmsVoice().receive(request, key.sealed())


def refused(
    request: InboundRequest, *, secret: SecretStr = SECRET, facts: Mapping[str, str] = FACTS
) -> UnverifiedRequestError:
    """The error of a request that is not trusted."""
    with pytest.raises(UnverifiedRequestError) as found:
        received(request, secret=secret, facts=facts)
    return found.value


def sms(fields: Mapping[str, str], signature: str) -> InboundRequest:
    """A form of the SMS API."""
    return InboundRequest(
        method="POST",
        url="https://hub.example.com/hooks/sms_voice/key",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode({**fields, "sig": signature}).encode(),
        received_at=NOW,
    )


def test_recorded_token_is_accepted() -> None:
    """Vector 1 is read, within five minutes of its moment either way."""
    for shift in (timedelta(), timedelta(minutes=4), timedelta(minutes=-4)):
        found = received(recorded().model_copy(update={"received_at": NOW + shift}))
        assert [each.source_id for each in found.submissions] == ["aaaaaaaa-bbbb-4ccc-8ddd-000000000001"]


def test_token_of_another_body_is_refused() -> None:
    """The signature covers the header only; the body's hash is checked too."""
    refused(recorded().model_copy(update={"body": recorded().body + b" "}))


def test_old_token_is_refused() -> None:
    """A day later the same request is nothing any more."""
    refused(recorded().model_copy(update={"received_at": NOW + timedelta(days=1)}))


@pytest.mark.parametrize("name", ["api_key", "application_id"])
def test_token_of_another_account_or_application_is_refused(name: str) -> None:
    """The claims must name the connection's own account and application."""
    refused(recorded(), facts={**FACTS, name: "somebody-else"})


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", "hs256"])
def test_other_algorithms_are_refused(algorithm: str) -> None:
    """The token does not choose how it is checked, even where the signature would fit."""
    plain = recorded().model_copy(update={"headers": {"content-type": "application/json"}})
    words = {"api_key": "a1b2c3d4", "application_id": APPLICATION, "jti": "1"}
    assert received(with_token(plain, SECRET.get_secret_value(), alg="HS256", **words)).submissions
    refused(with_token(plain, SECRET.get_secret_value(), alg=algorithm, **words))


def test_parameters_of_a_get_are_hashed_in_their_order() -> None:
    """Vector 2: compact JSON of the parameters as they came, not sorted."""
    text = "{" + ",".join(f'"{name}":"{value}"' for name, value in (p.split("=") for p in QUERY.split("&"))) + "}"
    assert hashlib.sha256(text.encode()).hexdigest() == QUERY_HASH
    plain = InboundRequest(
        method="GET",
        url=f"https://hub.example.com/hooks/sms_voice/key/answer?{QUERY}",
        headers={},
        body=b"",
        received_at=NOW,
    )
    words = {"api_key": "a1b2c3d4", "application_id": APPLICATION, "jti": "1"}
    signed = with_token(plain, SECRET.get_secret_value(), **words)
    assert received(signed).reply is not None
    shuffled = "&".join(reversed(QUERY.split("&")))
    refused(signed.model_copy(update={"url": f"https://hub.example.com/hooks/sms_voice/key/answer?{shuffled}"}))


def test_unsigned_delivery_is_asked_for_again() -> None:
    """Vonage leaves the token out now and then, and repeats on 5xx; a forged one gets no such answer."""
    unsigned = recorded().model_copy(update={"headers": {"content-type": "application/json"}})
    assert refused(unsigned).asks_again
    forged = recorded().model_copy(update={"body": b"{}"})
    assert not refused(forged).asks_again


@pytest.mark.parametrize("method", list(SignatureMethod))
def test_recorded_sig_is_made_and_accepted(method: SignatureMethod) -> None:
    """Vector 3, in all five methods; each is good under its own method only."""
    assert signature_of(SMS_FIELDS, method, SMS_SECRET) == SIGNATURES[method]
    facts = {**FACTS, "method": method.value}
    found = received(sms(SMS_FIELDS, SIGNATURES[method]), secret=SMS_SECRET, facts=facts)
    assert [each.source_id for each in found.submissions] == ["0A0000000000001A"]
    for other, signature in SIGNATURES.items():
        if other is not method:
            refused(sms(SMS_FIELDS, signature), secret=SMS_SECRET, facts=facts)


def test_changed_values_are_refused() -> None:
    """Another value, or a parameter moved into the value of another one, has another ``sig``."""
    changed = {**SMS_FIELDS, "text": "a&b=d"}
    refused(sms(changed, SIGNATURES[SignatureMethod.MD5_HASH]), secret=SMS_SECRET)
    joined = {name: value for name, value in SMS_FIELDS.items() if name != "text"} | {"nonce": "abc-123&text=a_b_c"}
    refused(sms(joined, SIGNATURES[SignatureMethod.MD5_HASH]), secret=SMS_SECRET)


@pytest.mark.parametrize("shift", [timedelta(minutes=6), timedelta(minutes=-6), timedelta(days=1)])
def test_old_sig_is_refused(shift: timedelta) -> None:
    """The signed timestamp counts, which the official helper does not look at."""
    request = sms(SMS_FIELDS, SIGNATURES[SignatureMethod.MD5_HASH])
    refused(request.model_copy(update={"received_at": NOW + shift}), secret=SMS_SECRET)
