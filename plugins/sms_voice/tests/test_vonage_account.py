"""What the connector asks, sends and answers by Vonage, judged by the simulator."""

import json
from datetime import timedelta

import pytest

from hub.connector.conversations import Channel, Message, MessageKind
from hub.connector.errors import PermanentError, ReauthorizationNeededError
from hub.connector.models import InboundRequest, Received
from hub.testing.journal import StoredSubmission
from plugins.sms_voice.simulator.vonage import VonageSimulator, VonageSmsSimulator
from plugins.sms_voice.simulator.vonage_tokens import new_private_key
from plugins.sms_voice.simulator.vonage_wire import iso, sms_fields
from plugins.sms_voice.tests.reaching import CONNECTOR, reached, text_to

CALL = {
    "from": "15005550006",
    "to": "15005550001",
    "uuid": "aaaaaaaa-bbbb-4ccc-8ddd-000000000002",
    "conversation_uuid": "CON-aaaaaaaa-bbbb-4ccc-8ddd-000000000003",
}
RECORDING = {
    "recording_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-000000000009",
    "conversation_uuid": CALL["conversation_uuid"],
    "recording_url": "https://api.nexmo.com/v1/files/aaaaaaaa-bbbb-4ccc-8ddd-000000000009",
}


@pytest.fixture
def simulator() -> VonageSimulator:
    """An account with one number for texts and calls."""
    made = VonageSimulator()
    made.add_form("Example Roofs", form_id="sms:+15005550001")
    made.numbers["15005550001"] = ["VOICE", "SMS"]
    return made


def pieces(simulator: VonageSimulator, request: InboundRequest) -> tuple[Received, list[Message]]:
    """What a request holds, and its pieces of conversations."""
    found = CONNECTOR.receive(request, simulator.webhook_secret)
    raws = [each.model_copy(update={"received_at": request.received_at}) for each in found.submissions]
    return found, [message for raw in raws if (message := CONNECTOR.normalise(raw).message)]


async def test_account_and_its_numbers_are_named(simulator: VonageSimulator) -> None:
    """One form for each number and what it can do; the account is the key."""
    async with reached(simulator) as access:
        found = await CONNECTOR.identify(access)
        forms = await CONNECTOR.list_forms(access)
    assert (found.id, found.missing_rights, found.parts) == (simulator.api_key, (), ())
    assert [each.id for each in forms] == ["sms:+15005550001", "voice:+15005550001"]


async def test_application_that_signs_no_calls_is_noticed(simulator: VonageSimulator) -> None:
    """Calls that nobody signs would be refused one by one; the connection says it beforehand."""
    simulator.signs_calls = False
    async with reached(simulator) as access:
        (missing,) = (await CONNECTOR.identify(access)).missing_rights
    assert "signed_callbacks" in missing


async def test_unknown_application_is_named(simulator: VonageSimulator) -> None:
    """A wrong application id is an error of the settings."""
    async with reached(simulator) as access:
        simulator.application_id = "00000000-0000-4000-8000-0000000000bb"
        with pytest.raises(PermanentError, match="Application ID"):
            await CONNECTOR.identify(access)


async def test_revoked_key_asks_for_a_new_one(simulator: VonageSimulator) -> None:
    """Revoked credentials are an error that only the admin can mend."""
    simulator.revoke()
    async with reached(simulator) as access:
        with pytest.raises(ReauthorizationNeededError):
            await CONNECTOR.identify(access)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP])
async def test_message_leaves_as_the_application(simulator: VonageSimulator, channel: Channel) -> None:
    """With a private key the token of the application is used, which Vonage takes once; without, key and secret."""
    simulator.private_key = new_private_key()
    message = text_to("+15005550006", sender="+15005550001", channel=channel)
    async with reached(simulator) as access:
        sent = await CONNECTOR.send(access, message)
    assert sent.provider_id == simulator.sent_messages[-1].provider_id
    assert simulator.requests[-1].headers["authorization"].startswith("Bearer ")
    assert simulator.used_tokens == {message.id}
    body = json.loads(simulator.requests[-1].body)
    assert (body["from"], body["to"], body["client_ref"]) == ("15005550001", "15005550006", message.id)


def test_call_is_kept_from_its_first_sign_on(simulator: VonageSimulator) -> None:
    """The question how to answer is a piece, and so are the end, the recording and the words: one thread."""
    asked, started = pieces(simulator, simulator.asked(CALL))
    assert asked.reply is not None
    actions = json.loads(asked.reply.body)
    assert [each["action"] for each in actions] == ["talk", "record"]
    event_url = actions[1]["eventUrl"][0]
    end = {
        **CALL,
        "status": "completed",
        "direction": "inbound",
        "duration": "61",
        "timestamp": iso(simulator.clock.now()),
    }
    _, ended = pieces(simulator, simulator.posted(end))
    told = simulator.signed(
        simulator.inbound(json.dumps(RECORDING).encode()).model_copy(update={"url": event_url}),
        simulator.webhook_secret,
    )
    recorded_raw, recorded = pieces(simulator, told)
    words = {**RECORDING, "transcription_url": "https://api.nexmo.com/v1/files/2", "transcript": "I need a roof"}
    _, written = pieces(simulator, simulator.posted(words))
    found = [*started, *ended, *recorded, *written]
    assert [each.kind for each in found] == [
        MessageKind.CALL,
        MessageKind.CALL,
        MessageKind.RECORDING,
        MessageKind.TRANSCRIPT,
    ]
    assert {each.thread for each in found} == {CALL["conversation_uuid"]}
    assert ended[0].duration == timedelta(seconds=61)
    assert written[0].text == "I need a roof"
    assert recorded_raw.submissions[0].form_id == "voice:+15005550001"


def test_caller_rings_through_where_a_number_is_entered(simulator: VonageSimulator) -> None:
    """With a number to dial the answer connects the call and records nothing."""
    settings = simulator.settings().model_copy(update={"vonage_dial_number": "+15005550009"})
    (secret, *_) = CONNECTOR.webhook_secrets(settings)
    reply = CONNECTOR.receive(simulator.asked(CALL), secret).reply
    assert reply is not None
    (action,) = json.loads(reply.body)
    assert (action["action"], action["endpoint"][0]["number"]) == ("connect", "15005550009")


def test_repeated_events_of_a_call_have_the_same_id(simulator: VonageSimulator) -> None:
    """A call that is told of twice, in whatever order, is two pieces: its beginning and its end."""
    requests = [
        simulator.asked(CALL),
        simulator.posted({**CALL, "status": "completed", "duration": "9"}),
        simulator.asked(CALL),
        simulator.posted({**CALL, "status": "completed", "duration": "9"}),
    ]
    ids = {raw.source_id for each in requests for raw in pieces(simulator, each)[0].submissions}
    assert ids == {f"{CALL['uuid']}:started", f"{CALL['uuid']}:completed"}


@pytest.mark.parametrize("arrangement", ["in order", "reversed", "one is missing"])
def test_parts_of_a_long_text_are_pieces_of_one_thread(arrangement: str) -> None:
    """No part waits for another: each is kept when it comes, with its place in the whole."""
    simulator = VonageSmsSimulator()
    form_id = simulator.add_form("Example Roofs", form_id="sms:+15005550001")
    parts = [
        simulator.posted_form(
            sms_fields(_text(simulator, form_id, words), simulator.api_key)
            | {"concat": "true", "concat-ref": "17", "concat-total": "3", "concat-part": str(place)}
        )
        for place, words in enumerate(("I need ", "a new ", "roof"), start=1)
    ]
    parts = {"in order": parts, "reversed": parts[::-1], "one is missing": parts[:2]}[arrangement]
    found = [message for each in parts for message in pieces(simulator, each)[1]]
    ids = {raw.source_id for each in parts for raw in pieces(simulator, each)[0].submissions}
    assert len(ids) == len(parts)
    assert len({each.thread for each in found}) == 1
    whole = "".join(each.text for each in sorted(found, key=lambda each: int(each.detail["part"])))
    assert whole == ("I need a new " if arrangement == "one is missing" else "I need a new roof")


def _text(simulator: VonageSmsSimulator, form_id: str, words: str) -> StoredSubmission:
    lead = simulator.add_submission(form_id, {"phone": ("+15005550006",), "message": (words,)})
    return simulator.submissions[lead]


def test_address_is_there_when_vonage_tries_it(simulator: VonageSimulator) -> None:
    """A GET without parameters gets 200 and makes nothing; with a sender but no signature it gets nothing."""
    found = CONNECTOR.receive(simulator.inbound(b"", method="GET"), simulator.webhook_secret)
    assert found.reply is not None
    assert found.reply.status == 200
    assert not found.submissions
