"""The published vectors of the Cloud API (protocol page section 9), and what a batch may hold."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hub.connector.conversations import NEVER_BEGIN, MessageKind, Preference
from hub.connector.delivery import DeliveryStatus
from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest, Received
from hub.testing.cases import read_cases
from plugins.sms_voice.choice import ProviderName
from plugins.sms_voice.connector import SmsVoice
from plugins.sms_voice.provider import WebhookKey
from plugins.sms_voice.simulator.whatsapp import WhatsAppSimulator
from plugins.sms_voice.whatsapp.numbers import e164_of

APP_SECRET = SecretStr("9f8e7d6c5b4a39281706f5e4d3c2b1a0")
VECTOR_1 = "2ce821aeb428ebd0af3562cedb86c5318c833e55ece7a8841b6ad32806857f73"
ANEW_IN_ASCII = "35d98f6081b494e36f61f104cfeb6c89bfc139ed1265e721e675dcb1505e964a"
ANEW_IN_UTF8 = "88170edd688d1a41aa69ce71995b5d2a642cfcdd1fc153f63fd6f6a05c513def"
FIXTURES = {
    case.name: case
    for cases in [read_cases(Path(__file__).parent.parent / "fixtures" / "whatsapp")]
    for case in (*cases.valid, *cases.invalid)
}


def body_of(name: str) -> bytes:
    """The bytes of a fixture."""
    request = FIXTURES[name].request
    assert request is not None
    return request.body


def received(body: bytes, signature: str, *, token: str = "vt-1") -> Received:
    """What the connector makes of a body under this signature."""
    key = WebhookKey(provider=ProviderName.WHATSAPP, secret=APP_SECRET, facts={"verify_token": token})
    request = InboundRequest(
        method="POST",
        url="https://hub.example.com/hooks/sms_voice/key",
        headers={"x-hub-signature-256": f"sha256={signature}"},
        body=body,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return SmsVoice().receive(request, key.sealed())


def delivered(name: str) -> Received:
    """What the connector makes of a fixture, signed anew."""
    simulator = WhatsAppSimulator()
    return SmsVoice().receive(
        simulator.signed(simulator.inbound(body_of(name)), simulator.webhook_secret), simulator.webhook_secret
    )


def test_recorded_signature_over_raw_bytes_is_accepted() -> None:
    """Vector 1: escaped text, no number, an ad."""
    found = received(body_of("no_number_and_came_by_an_ad"), VECTOR_1)
    assert [each.source_id for each in found.submissions] == ["wamid.HBgTEST0001"]


@pytest.mark.parametrize(
    ("name", "own"), [("written_anew_in_ascii", ANEW_IN_ASCII), ("written_anew_in_utf8", ANEW_IN_UTF8)]
)
def test_same_json_written_anew_is_another_body(name: str, own: str) -> None:
    """Vector 2: only the bytes that were signed are good, although the content is equal."""
    with pytest.raises(UnverifiedRequestError):
        received(body_of(name), VECTOR_1)
    assert received(body_of(name), own).submissions


@pytest.mark.parametrize("name", ["previous", "current"])
def test_both_app_secrets_are_good_while_one_is_changed(name: str) -> None:
    """Settings with two secrets give two keys, newest first."""
    simulator = WhatsAppSimulator()
    secrets = SmsVoice().webhook_secrets(simulator.settings())
    assert [WebhookKey.opened(each).secret for each in secrets] == [simulator.app_secret, simulator.previous_app_secret]
    secret = secrets[0] if name == "current" else secrets[1]
    request = simulator.signed(simulator.inbound(body_of("text")), secret)
    assert SmsVoice().receive(request, secret).submissions


def test_body_of_three_megabytes_is_read() -> None:
    """A batch as large as Meta sends them is read to its end."""
    simulator = WhatsAppSimulator()
    form_id = simulator.add_form("Example Roofs")
    text = "x" * 3000
    ids = [simulator.add_submission(form_id, {"phone": ("+15005550006",), "message": (text,)}) for _ in range(800)]
    (request,) = simulator.delivery(ids)
    assert len(request.body) > 2_500_000
    assert len(SmsVoice().receive(request, simulator.webhook_secret).submissions) == len(ids)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("edited_text", MessageKind.EDIT),
        ("edited_caption", MessageKind.EDIT),
        ("taken_back", MessageKind.REVOCATION),
        ("marketing_stopped", MessageKind.PREFERENCE),
        ("new_number", MessageKind.IDENTITY),
        ("new_user_id", MessageKind.IDENTITY),
    ],
)
def test_changes_never_begin_a_lead(name: str, kind: MessageKind) -> None:
    """Edits, revocations, preferences and new numbers are of kinds that begin nothing."""
    (raw,) = delivered(name).submissions
    message = SmsVoice().normalise(raw).message
    assert message is not None
    assert message.kind is kind
    assert kind in NEVER_BEGIN


def test_edit_names_the_message_it_changes() -> None:
    """An edit has an id of its own, and the id and the new words of the message."""
    (raw,) = delivered("edited_text").submissions
    found = SmsVoice().normalise(raw)
    assert found.message is not None
    assert (found.source_id, found.message.amends, found.message.text) == (
        "wamid.EDIT1",
        "wamid.HBgTEST0002",
        "I need two roofs",
    )
    assert found.answers == SmsVoice().normalise(raw.model_copy(update={"form_id": None})).answers
    assert "message" not in {each.key for each in found.answers}


def test_statuses_are_reports_and_no_leads() -> None:
    """Statuses come as reports with code and words, whatever is unknown is counted."""
    found = delivered("statuses")
    assert [(each.provider_id, each.status, each.code) for each in found.reports] == [
        ("wamid.OUT000001", DeliveryStatus.SENT, None),
        ("wamid.OUT000001", DeliveryStatus.READ, None),
        ("wamid.OUT000002", DeliveryStatus.FAILED, "131026"),
    ]
    assert (found.submissions, found.ignored) == ((), 1)


def test_preference_keeps_its_id_when_it_comes_again() -> None:
    """A preference has no id at Meta; what it says makes one, and another saying another."""
    first, again = delivered("marketing_stopped"), delivered("marketing_stopped")
    resumed = delivered("marketing_resumed")
    assert first.submissions[0].source_id == again.submissions[0].source_id
    assert first.submissions[0].source_id != resumed.submissions[0].source_id
    message = SmsVoice().normalise(resumed.submissions[0]).message
    assert message is not None
    assert message.preference is Preference.OPT_IN


def test_same_person_with_and_without_number_shares_an_identity() -> None:
    """What the hub knows a person by is the same before and after the number is hidden."""
    shown, hidden = (SmsVoice().normalise(delivered(name).submissions[0]) for name in ("text", "text_with_empty_wa_id"))
    assert set(hidden.identities) < set(shown.identities)
    assert "phone" not in {each.key for each in hidden.answers}
    assert shown.message is not None
    assert hidden.message is not None
    assert shown.message.thread == hidden.message.thread


def test_answers_of_a_form_inside_whatsapp_are_answers() -> None:
    """Each member of ``response_json`` is an answer under its key; the form has an id of its own."""
    (raw,) = delivered("form_inside_whatsapp").submissions
    found = {each.key: each.values for each in SmsVoice().normalise(raw).answers}
    assert found["email"] == ("ada@example.com",)
    assert found["services"] == ("roof", "gutter")
    assert found["phone"] == ("+15005550006",)
    assert "flow_token" not in found
    assert raw.form_id == "whatsapp:106540000000001:flow"


def test_batch_keeps_people_apart() -> None:
    """In a batch each message has the contact that wrote it, and an unreadable one costs no other."""
    found = delivered("batch_of_several_people")
    names = []
    for raw in found.submissions:
        if raw.source_id is not None:
            answers = {each.key: each.values for each in SmsVoice().normalise(raw).answers}
            names.append((raw.source_id, answers["name"], answers["phone"]))
    assert names == [
        ("wamid.B1", ("Bob Example",), ("+15005550007",)),
        ("wamid.B2", ("Ada Example",), ("+15005550006",)),
        ("wamid.B3", ("Bob Example",), ("+15005550007",)),
    ]
    assert [each.source_id for each in found.submissions].count(None) == 1


def test_message_of_nobody_among_contacts_gets_no_name() -> None:
    """Where several contacts come and none fits the writer, nobody's name is guessed."""
    body = json.loads(body_of("batch_of_several_people"))
    body["entry"] = body["entry"][:1]
    for message in body["entry"][0]["changes"][0]["value"]["messages"][:2]:
        message["from"] = "15005550099"
    simulator = WhatsAppSimulator()
    request = simulator.signed(simulator.inbound(json.dumps(body).encode()), simulator.webhook_secret)
    raw = SmsVoice().receive(request, simulator.webhook_secret).submissions[0]
    assert "name" not in {each.key for each in SmsVoice().normalise(raw).answers}


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("5215512345678", "+525512345678"),
        ("525512345678", "+525512345678"),
        ("551187654321", "+5511987654321"),
        ("5511987654321", "+5511987654321"),
        ("551132345678", "+551132345678"),
        ("15005550006", "+15005550006"),
        ("+15005550006", "+15005550006"),
        ("US.13491208655302741918", None),
        ("", None),
        ("0123456789", None),
    ],
)
def test_old_spellings_of_numbers_are_mended(written: str, number: str | None) -> None:
    """Mexico's old 1 and Brazil's missing ninth digit are mended; landlines and others stay."""
    assert e164_of(written) == number


@given(st.text())
def test_numbers_are_numbers_or_nothing(text: str) -> None:
    """Whatever stands in a WhatsApp id, what is made of it is E.164, and reading that again changes nothing."""
    found = e164_of(text)
    assert found is None or (found.startswith("+") and found[1:].isdecimal() and e164_of(found) == found)
