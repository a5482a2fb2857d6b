"""Reading what came in: numbers, pages, marks, calls that are not over, and what the API refuses."""

from datetime import timedelta

import pytest

from hub.connector.conversations import Channel, MessageKind
from hub.connector.errors import PermanentError, ReauthorizationNeededError, RetryableError
from hub.connector.models import Cursor, SourceForm
from hub.testing.connected import ids_of, raised_by
from hub.testing.faults import PlatformAnswer
from plugins.sms_voice.tests.conftest import Line


async def test_account_is_that_of_the_sid(messages: Line) -> None:
    """identify names the account; one that is suspended says so as a missing right."""
    found = await messages.connector.identify(messages.access)
    assert (found.id, found.name, found.missing_rights) == (messages.simulator.account_sid, "Example Roofs", ())
    messages.simulator.account_status = "suspended"
    found = await messages.connector.identify(messages.access)
    assert found.missing_rights == ("the account is suspended at Twilio",)


async def test_number_is_a_form_for_each_channel(messages: Line) -> None:
    """A number that takes messages and calls is two forms, told apart by name; one that can only one thing is one."""
    messages.simulator.add_form("Only texts")
    both = messages.simulator.add_form("Front desk").partition(":")[2]
    messages.simulator.numbers[both].channels = messages.simulator.every_channel
    found = {form.id: form.name for form in await messages.connector.list_forms(messages.access)}
    assert found == {
        "sms:+15005551000": "Only texts",
        "sms:+15005551001": "Front desk (messages)",
        "voice:+15005551001": "Front desk (calls)",
    }


async def test_mark_does_not_pass_a_call_that_goes_on(calls: Line) -> None:
    """While a call goes on it is not read, and the mark stays before it, however long it lasts."""
    form = calls.form()
    start = calls.clock.now() - timedelta(hours=20)
    going_on = calls.simulator.add_submission(
        form.id, calls.simulator.sample_answers(1), submitted_at=start, facts={"CallStatus": "in-progress"}
    )
    later = calls.add(form, 3)
    pages = await calls.pages(form)
    assert ids_of(pages[-1].submissions) == sorted(later)
    assert pages[-1].cursor.mark == start
    calls.simulator.add_submission(form.id, calls.simulator.sample_answers(1), submitted_at=start, source_id=going_on)
    again = await calls.pull(form, pages[-1].cursor)
    assert going_on in ids_of(again)


async def test_outgoing_lines_are_left_out(messages: Line) -> None:
    """A line of the list that is not inbound is no submission."""
    form = messages.form()
    (kept,) = messages.add(form, 1)
    messages.simulator.add_submission(
        form.id, messages.simulator.sample_answers(2), facts={"direction": "outbound-api"}
    )
    assert ids_of(await messages.pull(form)) == [kept]


async def test_whatsapp_number_is_asked_for_as_twilio_writes_it(messages: Line) -> None:
    """The form of a WhatsApp sender, known from its first message, is read with its prefix."""
    form = SourceForm(id="whatsapp:+14155238886", name="WhatsApp")
    messages.simulator.forms[form.id] = form
    sid = messages.simulator.add_submission(form.id, {"phone": ("whatsapp:+5511987654321",), "message": ("Oi",)})
    (raw,) = await messages.pull(form)
    found = messages.connector.normalise(raw)
    assert (found.source_id, found.message and found.message.channel) == (sid, Channel.WHATSAPP)


async def test_only_the_day_of_the_mark_is_asked_for(messages: Line) -> None:
    """The filter knows days; what is older than the mark on that day is left out here."""
    form = messages.form()
    now = messages.clock.now().replace(hour=12) - timedelta(days=2)
    early, late = (
        messages.simulator.add_submission(form.id, messages.simulator.sample_answers(n), submitted_at=now + shift)
        for n, shift in enumerate((-timedelta(hours=3), timedelta(hours=3)))
    )
    assert ids_of(await messages.pull(form, Cursor(mark=now))) == [late]
    assert early not in ids_of(await messages.pull(form, Cursor(mark=now)))
    assert messages.simulator.requests[-1].query["DateSent>"] == now.strftime("%Y-%m-%d")


async def test_next_page_outside_of_the_account_is_refused(messages: Line) -> None:
    """A next page that leads elsewhere is not followed."""
    form = messages.form()
    strange = b'{"messages":[],"next_page_uri":"/2010-04-01/Accounts/ACother/Messages.json?Page=1"}'
    messages.simulator.answer_next(PlatformAnswer(200, strange))
    error = await raised_by(lambda: messages.pages(form))
    assert isinstance(error, PermanentError)


async def test_cursor_of_another_version_begins_anew(messages: Line) -> None:
    """A token that cannot be read begins the listing again."""
    form = messages.form()
    ids = messages.add(form, 3)
    for token in ("{}", "[]", "nonsense", '{"next": null, "newest": 5}'):
        assert ids_of(await messages.pull(form, Cursor(token=token))) == sorted(ids)


async def test_form_of_no_number_has_nothing_to_read(messages: Line) -> None:
    """A chat has no list, and neither has a form that is none of ours: nothing is asked, and nothing fails."""
    for form_id in ("chat:messenger:1", "something"):
        assert await messages.pull(SourceForm(id=form_id, name="x")) == []
    assert len(messages.simulator.requests) == 0


async def test_refused_keys_ask_for_new_ones(messages: Line) -> None:
    """Replaced tokens are no passing trouble: an admin must enter new ones."""
    messages.simulator.is_revoked = True
    error = await raised_by(lambda: messages.connector.identify(messages.access))
    assert isinstance(error, ReauthorizationNeededError)
    assert error.code == "credentials_refused"


@pytest.mark.parametrize("body", [b'{"sid":"AC9"}', b"[]", b"null"], ids=["other", "list", "nothing"])
async def test_answer_of_another_account_is_not_believed(messages: Line, body: bytes) -> None:
    """An answer about another account is trouble at Twilio, not our account."""
    messages.simulator.answer_next(PlatformAnswer(200, body))
    assert isinstance(await raised_by(lambda: messages.connector.identify(messages.access)), RetryableError)


async def test_unreadable_line_is_kept_for_the_quarantine(messages: Line) -> None:
    """A line without id or time is handed over without id, and takes none of its neighbours with it."""
    form = messages.form()
    body = b'{"messages":[{"body":"?"},7,{"sid":"SM1","direction":"inbound","from":"+15005550006","to":"+15005551000",'
    body += b'"date_sent":"Thu, 01 Jan 2026 00:00:00 +0000"}],"next_page_uri":null}'
    messages.simulator.answer_next(PlatformAnswer(200, body))
    found = await messages.pull(form)
    assert [each.source_id for each in found] == [None, None, "SM1"]


async def test_recording_and_transcript_of_a_listed_call_are_read(calls: Line) -> None:
    """What followed in a call is read with it, under the ids that the callbacks have, on the call's thread; a recording
    of another call is left out."""
    form = calls.form()
    (call,) = calls.add(form, 1)
    recording = calls.simulator.record(call, "My roof leaks.")
    calls.simulator.record("CA" + "9" * 32, "An outgoing call.")
    found = {raw.source_id: raw for raw in await calls.pull(form, Cursor(mark=calls.clock.now() - timedelta(days=1)))}
    transcript = f"TR{recording[2:]}"
    assert set(found) == {call, recording, transcript}
    pieces = {sid: calls.connector.normalise(raw) for sid, raw in found.items()}
    assert {each.message.thread for each in pieces.values() if each.message} == {call}
    message = pieces[transcript].message
    assert message is not None
    assert (message.kind, message.text) == (MessageKind.TRANSCRIPT, "My roof leaks.")
    media = pieces[recording].message
    assert media is not None
    assert media.media[0].url.endswith(f"/Recordings/{recording}")


async def test_transcripts_of_the_past_are_not_asked_for(calls: Line) -> None:
    """When an account is connected, calls and recordings of the past are read, not one transcript after another."""
    form = calls.form()
    for call in calls.add(form, 3):
        calls.simulator.record(call, "Long ago.")
    found = await calls.pull(form)
    assert len(found) == 6
    assert not [each for each in calls.simulator.requests if "Transcriptions" in each.path]


async def test_every_page_of_recordings_is_read(calls: Line) -> None:
    """More recordings than fit on a page are read to the end."""
    form = calls.form()
    ids = calls.add(form, 5)
    calls.simulator.largest_page = 2
    recordings = [calls.simulator.record(call) for call in ids]
    assert set(recordings) < {raw.source_id for raw in await calls.pull(form)}
