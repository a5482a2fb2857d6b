"""Reports to Meta: the payload of the specification, one refused event found among many, no lead stopped."""

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from hub.connector.conversions import Conversion, ConversionOutcome, ConversionTarget, ConversionVerdict
from hub.connector.errors import PermanentError, RateLimitedError, ReauthorizationNeededError, RetryableError
from plugins.meta_ads.conversions import event_of
from plugins.meta_ads.simulator.world import CLINICS, DATA_SET, OTHER_DATA_SET
from plugins.meta_ads.tests.conftest import Meta

TARGET = ConversionTarget(id=DATA_SET, name="Leads of the clinics")
HOUR = timedelta(hours=1)


def leads(meta: Meta, count: int = 1) -> list[str]:
    """Leads of yesterday."""
    return meta.add(meta.publish(), count, newest_ago=timedelta(days=1))


async def report(meta: Meta, *events: Conversion, target: ConversionTarget = TARGET) -> dict[str, ConversionOutcome]:
    """The outcomes of a report, by event id."""
    found: Sequence[ConversionOutcome] = await meta.connector.report_conversions(meta.access, target, events)
    return {each.event_id: each for each in found}


def sent(meta: Meta) -> list[list[dict[str, Any]]]:
    """The events of each call that reached Meta."""
    calls = [each for each in meta.simulator.requests if each.path.endswith("/events")]
    return [json.loads(parse_qs(each.body.decode())["data"][0]) for each in calls]


async def test_payload_is_that_of_the_specification(connected: Meta) -> None:
    """Lead id unhashed and a number, Unix seconds, system_generated, crm, the tool's name, the key of the event."""
    (lead,) = leads(connected)
    event = connected.conversion(lead, "event-1").model_copy(update={"value": Decimal("120.50"), "currency": "EUR"})
    outcomes = await report(connected, event)
    assert outcomes["event-1"].verdict is ConversionVerdict.ACCEPTED
    assert sent(connected) == [
        [
            {
                "event_name": "Qualified",
                "event_time": int(event.happened_at.timestamp()),
                "event_id": "event-1",
                "action_source": "system_generated",
                "user_data": {"lead_id": int(lead)},
                "custom_data": {
                    "event_source": "crm",
                    "lead_event_source": "Leadhub",
                    "value": 120.5,
                    "currency": "EUR",
                },
            }
        ]
    ]


async def test_data_sets_of_the_ad_accounts_are_offered(connected: Meta) -> None:
    """Each once, page after page, even if two ad accounts share it."""
    source = connected.simulator
    source.ad_accounts["act_420000000000001"] = "Example Clinics abroad"
    source.data_sets["act_420000000000001"] = {DATA_SET: "Leads of the clinics"}
    source.largest_page = 1
    found = await connected.connector.list_conversion_targets(connected.access)
    assert {each.id for each in found} == {DATA_SET, OTHER_DATA_SET}
    assert len(found) == 2


async def test_one_bad_event_among_many_is_found(connected: Meta) -> None:
    """Meta refuses all for one and does not say which: halves are sent until it stands alone."""
    events = [connected.conversion(lead, f"event-{n}") for n, lead in enumerate(leads(connected, 16))]
    del connected.simulator.submissions[events[5].lead_id or ""]
    outcomes = await report(connected, *events)
    refused = [each.event_id for each in outcomes.values() if each.verdict is ConversionVerdict.REFUSED]
    assert refused == ["event-5"]
    assert len(outcomes) == 16
    assert {each.event_id for each in connected.simulator.counted_conversions} == set(outcomes) - {"event-5"}
    assert len(sent(connected)) == 9


async def test_leads_that_meta_never_numbered_are_not_sent(connected: Meta) -> None:
    """A hash, a text or nothing in the place of the number would cost the whole batch."""
    (lead,) = leads(connected)
    good = connected.conversion(lead, "good")
    odd = {"hash": "a" * 64, "text": "lead-1", "none": None, "long": "1" * 30}
    bad = [good.model_copy(update={"event_id": name, "lead_id": value}) for name, value in odd.items()]
    outcomes = await report(connected, *bad, good)
    assert {name: each.code for name, each in outcomes.items() if name != "good"} == dict.fromkeys(odd, "no_lead_id")
    assert [len(call) for call in sent(connected)] == [1]


async def test_old_events_are_not_sent(connected: Meta) -> None:
    """The window of 7 days is looked at before the call; what Meta's own clock finds too old is told so too."""
    one, two = leads(connected, 2)
    good = connected.conversion(one, "good")
    old = connected.conversion(two, "old")
    eight_days_ago = connected.clock.now() - timedelta(days=8)
    old = old.model_copy(update={"happened_at": eight_days_ago, "submitted_at": eight_days_ago - HOUR})
    outcomes = await report(connected, good, old)
    assert (outcomes["old"].verdict, outcomes["old"].code) == (ConversionVerdict.TOO_LATE, "event_too_old")
    assert [len(call) for call in sent(connected)] == [1]


async def test_an_event_is_never_older_than_its_lead(connected: Meta) -> None:
    """Meta discards such events; its clock may be ahead of ours."""
    (lead,) = leads(connected)
    event = connected.conversion(lead, "event-1")
    early = event.model_copy(update={"happened_at": event.submitted_at - HOUR})
    assert event_of(early)["event_time"] == int(event.submitted_at.timestamp()) + 1
    await report(connected, early)
    assert connected.simulator.discarded_events == []
    assert len(connected.simulator.counted_conversions) == 1


async def test_a_repeated_event_counts_once_for_two_days(connected: Meta) -> None:
    """What Meta knows by the event id, it counts once; after 48 hours it has forgotten, so the profile says so."""
    (lead,) = leads(connected)
    event = connected.conversion(lead, "event-1")
    await report(connected, event)
    connected.clock.advance(timedelta(hours=47))
    await report(connected, event)
    assert len(connected.simulator.counted_conversions) == 1
    connected.clock.advance(timedelta(hours=1))
    await report(connected, event)
    assert len(connected.simulator.counted_conversions) == 2
    assert connected.connector.conversions.repeatable_for == timedelta(hours=48)


@pytest.mark.parametrize("lack", ["right", "data_set"])
async def test_what_reports_lack_stops_no_leads(connected: Meta, lack: str) -> None:
    """A permission or data set that is missing is a PermanentError that says what to do; leads are read as before."""
    (lead,) = leads(connected)
    if lack == "right":
        connected.simulator.take_permission("ads_management")
    else:
        connected.simulator.lose_target(DATA_SET)
    with pytest.raises(PermanentError) as refused:
        await report(connected, connected.conversion(lead, "event-1"))
    assert refused.value.code == {"right": "right_missing", "data_set": "target_gone"}[lack]
    assert "Business Manager" in refused.value.user_message


async def test_a_dead_sign_in_is_named(connected: Meta) -> None:
    """A password that was changed ends everything, and signing in again mends it."""
    (lead,) = leads(connected)
    connected.simulator.change_password()
    with pytest.raises(ReauthorizationNeededError):
        await report(connected, connected.conversion(lead, "event-1"))


async def test_trouble_in_the_midst_keeps_what_is_known(connected: Meta) -> None:
    """When Meta throttles during the search for a bad event, what was taken before it is accepted; the rest is left."""
    events = [connected.conversion(lead, f"event-{n}") for n, lead in enumerate(leads(connected, 4))]
    del connected.simulator.submissions[events[3].lead_id or ""]
    calls = 0
    ask = connected.transport.send

    async def throttled_later(method: str, url: str, **more: Any) -> Any:
        nonlocal calls
        calls += url.endswith("/events")
        if calls == 3:
            connected.simulator.rate_limit(60)
        return await ask(method, url, **more)

    connected.transport.send = throttled_later  # type: ignore[method-assign]
    outcomes = await report(connected, *events)
    assert {name: each.verdict.value for name, each in outcomes.items()} == {
        "event-0": "accepted",
        "event-1": "accepted",
    }


async def test_throttling_before_anything_is_a_rate_limit(connected: Meta) -> None:
    """Nothing was taken."""
    (lead,) = leads(connected)
    connected.simulator.limit_with(4, 60)
    with pytest.raises(RateLimitedError):
        await report(connected, connected.conversion(lead, "event-1"))


async def test_an_answer_with_another_count_is_unclear(connected: Meta) -> None:
    """Nobody knows which were taken: all are sent again under their ids."""
    (lead,) = leads(connected)
    event = connected.conversion(lead, "event-1")
    answer = connected.simulator.error_answer(200)
    connected.simulator.answer_next(type(answer)(200, b'{"events_received": 0}'))
    with pytest.raises(RetryableError):
        await report(connected, event)


@pytest.mark.parametrize(
    "change",
    [
        {"event_name": ""},
        {"event_time": "1767225600"},
        {"event_time": 4_102_444_800},
        {"action_source": "website"},
        {"user_data": {"lead_id": "7100000000000002"}},
        {"user_data": {"lead_id": 7_199_999_999_999_999}},
        {"user_data": {"lead_id": 7_100_000_000_000_002, "em": ["a" * 64]}},
        {"custom_data": {"event_source": "crm"}},
        {"custom_data": {"event_source": "web", "lead_event_source": "Leadhub"}},
        {"custom_data": {"event_source": "crm", "lead_event_source": "Leadhub", "value": 1}},
        {"shoe_size": 43},
    ],
    ids=[
        *("no_name", "text_time", "future", "website", "text_id", "unknown_lead", "more_data", "no_tool", "not_crm"),
        *("no_currency", "unknown_member"),
    ],
)
async def test_the_simulator_refuses_events(connected: Meta, change: dict[str, Any]) -> None:
    """All events of a call are refused for the sake of one that is not as documented."""
    one, two = leads(connected, 2)
    good, bad = (event_of(connected.conversion(lead, f"event-{lead}")) for lead in (one, two))
    graph_error = await _posted(connected, [good, {**bad, **change}])
    assert graph_error["error"]["code"] == 100
    assert connected.simulator.counted_conversions == []


@pytest.mark.parametrize("data", ["", "{}", "[]", json.dumps([{}] * 1001)], ids=["none", "object", "empty", "too_many"])
async def test_the_simulator_refuses_lists(connected: Meta, data: str) -> None:
    """``data`` is a list of 1 to 1,000 events."""
    assert "data" in (await _posted(connected, data))["error"]["message"]


async def test_the_simulator_hides_other_peoples_data_sets(connected: Meta) -> None:
    """Of a data set that is not shared Meta does not say that it exists."""
    del connected.simulator.ad_accounts[CLINICS]
    (lead,) = leads(connected)
    error = await _posted(connected, [event_of(connected.conversion(lead, "event-1"))])
    assert (error["error"]["code"], error["error"]["error_subcode"]) == (100, 33)


async def _posted(meta: Meta, events: Any) -> Any:
    """One plain call with the grant's token; the answer's JSON."""
    data = events if isinstance(events, str) else json.dumps(events)
    token = meta.access.token().get_secret_value()
    meta.simulator.requires_proof = False
    body = f"data={data}".encode()
    answer = await meta.transport.send(
        "POST",
        f"https://graph.facebook.com/v26.0/{DATA_SET}/events",
        headers={"authorization": f"Bearer {token}", "content-type": "application/x-www-form-urlencoded"},
        body=body,
    )
    return json.loads(answer.body)
