"""Reports to Google: rows as its client has them, one outcome per row, and no lead stopped by what reports lack."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.connector.conversions import Conversion, ConversionOutcome, ConversionTarget, ConversionVerdict
from hub.connector.errors import PermanentError, RetryableError
from hub.testing.faults import PlatformAnswer
from plugins.google_ads.conversions import ACTIONS, PROFILE, row_of, written
from plugins.google_ads.simulator.clicks import ConversionAction
from plugins.google_ads.simulator.world import ADA, HARBOUR, NORTH, OFFICE, QUALIFIED, SOUTH, WEB_SIGN_UP, WON
from plugins.google_ads.tests.conftest import ANSWERS, Google
from plugins.google_ads.tests.test_shapes import check, search

TARGET = ConversionTarget(id=QUALIFIED, name="Qualified lead", part_id=NORTH)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def event(google: Google, event_id: str = "event-1", *, ago: timedelta = DAY, **more: Any) -> Conversion:
    """A stage that the lead of a click entered an hour ago; the click came ``ago``."""
    now = google.clock.now()
    clicks = more.pop("click_ids", None)
    if clicks is None:
        clicks = {"gclid": f"Cj0K{event_id}"}
        google.simulator.add_click(clicks["gclid"], now - ago)
    known = {"event_name": "", "happened_at": now - HOUR, "submitted_at": now - ago + timedelta(minutes=2)}
    return Conversion(event_id=event_id, click_ids=clicks, **{**known, **more})


async def report(
    google: Google, *events: Conversion, target: ConversionTarget = TARGET
) -> dict[str, ConversionOutcome]:
    """The outcomes of a report, by event id."""
    found: Sequence[ConversionOutcome] = await google.connector.report_conversions(google.access, target, events)
    return {each.event_id: each for each in found}


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 1, 12, 32, 45, 999_999, tzinfo=UTC), "2026-01-01 12:32:45+00:00"),
        (datetime.fromisoformat("2026-03-29T03:30:00+02:00"), "2026-03-29 01:30:00+00:00"),
    ],
    ids=["fraction", "zone"],
)
def test_times_are_written_with_their_zone(moment: datetime, text: str) -> None:
    """Google takes no fractions and no time without a zone."""
    assert written(moment) == text


async def test_rows_and_answers_have_the_clients_shape(connected: Google) -> None:
    """What is sent is the client's request, what comes back its response, failed rows and all."""
    now = connected.clock.now()
    good = event(connected, value=Decimal("12.50"), currency="EUR")
    rows = [row_of(good, NORTH, QUALIFIED), row_of(event(connected, "e-2", ago=2 * HOUR), NORTH, QUALIFIED)]
    body = {"conversions": rows, "partialFailure": True}
    check("UploadClickConversionsRequest", body)
    status, answer = await connected.ask(f"customers/{NORTH}:uploadClickConversions", body)
    assert status == 200
    check("UploadClickConversionsResponse", answer)
    (failure,) = answer["partialFailureError"]["details"]
    check("GoogleAdsFailure", {key: value for key, value in failure.items() if key != "@type"})
    assert answer["results"][1] == {}
    assert rows[0]["conversionDateTime"] == written(now - HOUR)
    actions = await search(connected, NORTH, ACTIONS)
    assert [row["conversionAction"]["id"] for row in actions["results"]] == [QUALIFIED]


async def test_only_actions_that_take_uploads_are_offered(connected: Google) -> None:
    """Those of all accounts that are reached, with the account they belong to."""
    found = await connected.connector.list_conversion_targets(connected.access)
    assert {(each.id, each.part_id) for each in found} == {(QUALIFIED, NORTH), (WON, SOUTH)}
    assert found[0].name == "Qualified lead (Example Clinic North)"


async def test_an_account_through_its_manager_is_reported_to(connected: Google) -> None:
    """The click of one account of an agency counts for a conversion action of another one of it."""
    connected.simulator.add_click("Cj0Kharbour", connected.clock.now() - DAY, account_id=HARBOUR)
    target = ConversionTarget(id=WON, name="Won deal", part_id=SOUTH)
    outcomes = await report(connected, event(connected, click_ids={"gclid": "Cj0Kharbour"}), target=target)
    assert outcomes["event-1"].verdict is ConversionVerdict.ACCEPTED
    sent = next(each for each in connected.simulator.requests if each.path.endswith(":uploadClickConversions"))
    assert sent.headers["login-customer-id"] == OFFICE


async def test_each_row_has_its_own_outcome(connected: Google) -> None:
    """Accepted, unknown, cut, too old, too early, of another account, without a click: all in one request."""
    source, now = connected.simulator, connected.clock.now()
    source.add_click("Cj0Kelsewhere", now - DAY, account_id=SOUTH)
    outcomes = await report(
        connected,
        event(connected, "good"),
        event(connected, "unknown", click_ids={"gclid": "Cj0Knobody"}),
        event(connected, "cut", click_ids={"gclid": "cj0kgood"}),
        event(connected, "old", ago=91 * DAY),
        event(connected, "early", ago=2 * HOUR),
        event(connected, "foreign", click_ids={"gclid": "Cj0Kelsewhere"}),
        event(connected, "none", click_ids={}),
        event(connected, "also-good"),
    )
    found = {name: (each.verdict.value, each.code) for name, each in outcomes.items()}
    assert found == {
        "good": ("accepted", None),
        "unknown": ("refused", "event_not_found"),
        "cut": ("refused", "unparseable_gclid"),
        "old": ("too_late", "expired_event"),
        "early": ("not_yet", "too_recent_event"),
        "foreign": ("refused", "invalid_customer_for_click"),
        "none": ("refused", "no_click"),
        "also-good": ("accepted", None),
    }
    assert len(source.uploaded) == 2
    assert outcomes["early"].retry_after == 6 * HOUR


async def test_a_repeated_row_is_taken_for_accepted(connected: Google) -> None:
    """The order id was used before: by this very report, whose answer was lost."""
    events = [event(connected, "one"), event(connected, "two")]
    await report(connected, events[0])
    outcomes = await report(connected, *events)
    assert {each.verdict for each in outcomes.values()} == {ConversionVerdict.ACCEPTED}
    assert [each["orderId"] for each in connected.simulator.uploaded] == ["one", "two"]


async def test_a_stage_is_never_reported_before_its_click(connected: Google) -> None:
    """Google's clock may be ahead of ours; the platform refuses a conversion that precedes its click."""
    now = connected.clock.now()
    late = event(connected, happened_at=now - DAY - HOUR)
    assert (await report(connected, late))["event-1"].verdict is ConversionVerdict.ACCEPTED
    body = {"conversions": [{**row_of(late, NORTH, QUALIFIED), "orderId": "x"}], "partialFailure": True}
    body["conversions"][0]["conversionDateTime"] = written(now - 2 * DAY)
    _, answer = await connected.ask(f"customers/{NORTH}:uploadClickConversions", body)
    (error,) = answer["partialFailureError"]["details"][0]["errors"]
    assert error["errorCode"] == {"conversionUploadError": "CONVERSION_PRECEDES_EVENT"}


@pytest.mark.parametrize(
    ("clicks", "sent"),
    [
        ({"wbraid": "w-1", "gbraid": "b-1", "gclid": "Cj0Kx"}, "gclid"),
        ({"wbraid": "w-1", "gbraid": "b-1"}, "gbraid"),
        ({"wbraid": "w-1"}, "wbraid"),
    ],
    ids=["all", "both", "one"],
)
def test_one_click_id_is_sent(clicks: dict[str, str], sent: str) -> None:
    """Google refuses gbraid beside wbraid, and needs no more than one."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    conversion = Conversion(event_id="e", event_name="", happened_at=moment, submitted_at=moment, click_ids=clicks)
    assert set(row_of(conversion, NORTH, QUALIFIED)) & {"gclid", "gbraid", "wbraid"} == {sent}
    assert set(PROFILE.click_ids) == {"gclid", "gbraid", "wbraid"}


@pytest.mark.parametrize("target_id", [WEB_SIGN_UP, "69999999999"], ids=["wrong_kind", "gone"])
async def test_a_target_that_cannot_work_is_told_once(connected: Google, target_id: str) -> None:
    """The rule has to change, not the reports: nothing was taken, so they can be sent when it did."""
    target = ConversionTarget(id=target_id, name="x", part_id=NORTH)
    with pytest.raises(PermanentError) as refused:
        await report(connected, event(connected, "one"), event(connected, "two"), target=target)
    assert refused.value.code in ("invalid_conversion_action_type", "no_conversion_action_found")
    assert "Choose" in refused.value.user_message


async def test_a_new_conversion_action_takes_reports_later(connected: Google) -> None:
    """Google takes no uploads for six hours after it was made."""
    action = ConversionAction("60000000009", "Brand new", NORTH, made_at=connected.clock.now() - HOUR)
    connected.simulator.conversion_actions[action.id] = action
    target = ConversionTarget(id=action.id, name=action.name, part_id=NORTH)
    outcomes = await report(connected, event(connected), target=target)
    assert outcomes["event-1"].verdict is ConversionVerdict.NOT_YET


@pytest.mark.parametrize("lack", ["reader", "project", "terms"])
async def test_what_reports_lack_stops_no_leads(connected: Google, lack: str) -> None:
    """Read-only access, a project that is not allowed, terms: a PermanentError that says what to do, and no more."""
    form = connected.publish()
    connected.simulator.add_submission(form.id, ANSWERS)
    if lack == "reader":
        connected.simulator.only_reading.add(ADA)
    elif lack == "project":
        connected.simulator.takes_uploads = False
    else:
        connected.simulator.lose_part(NORTH)
    with pytest.raises(PermanentError) as refused:
        await report(connected, event(connected))
    expected = {"reader": "standard access", "project": "June 2026", "terms": "terms"}
    assert expected[lack] in refused.value.user_message
    if lack != "terms":
        assert len(await connected.pull(form)) == 1


async def test_passing_trouble_of_a_row_is_left_open(connected: Google) -> None:
    """A row that met a fault of Google's has no outcome, so that it is sent again."""
    body = {
        "results": [{}, {"gclid": "Cj0Kb"}],
        "partialFailureError": {
            "code": 13,
            "message": "x",
            "details": [
                {
                    "@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure",
                    "errors": [
                        {
                            "errorCode": {"internalError": "INTERNAL_ERROR"},
                            "message": "x",
                            "location": {"fieldPathElements": [{"fieldName": "conversions", "index": 0}]},
                        }
                    ],
                }
            ],
        },
    }
    events = [event(connected, "a"), event(connected, "b")]
    connected.simulator.answer_next(_accounts(), 1)
    connected.simulator.answer_next(PlatformAnswer(200, json.dumps(body).encode()))
    assert list(await report(connected, *events)) == ["b"]


@pytest.mark.parametrize(
    "body",
    [
        {"results": [{}], "partialFailureError": {"code": 3, "message": "x"}},
        {"results": [{}], "partialFailureError": {"details": [{"errors": [{"errorCode": {"a": "B"}}]}]}},
        {"jobId": "1"},
        [],
    ],
    ids=["no_details", "no_place", "no_results", "list"],
)
async def test_an_answer_that_names_no_rows_is_unclear(connected: Google, body: Any) -> None:
    """Nobody knows which rows were taken: all are sent again under their order ids."""
    one = event(connected)
    connected.simulator.answer_next(_accounts(), 1)
    connected.simulator.answer_next(PlatformAnswer(200, json.dumps(body).encode()))
    with pytest.raises(RetryableError):
        await report(connected, one)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"partialFailure": False}, "PARTIAL_FAILURE_MODE_REQUIRED"),
        ({"conversions": []}, "REQUIRED_FIELD_MISSING"),
        ({"conversions": [{}] * 2001}, "TOO_MANY_CONVERSIONS_IN_REQUEST"),
        ({"shoeSize": 43}, "REQUIRED_FIELD_MISSING"),
    ],
    ids=["all_or_nothing", "empty", "too_many", "unknown_member"],
)
async def test_the_simulator_refuses_whole_requests(connected: Google, change: dict[str, Any], code: str) -> None:
    """What is wrong with the request itself is no partial failure."""
    body = {"conversions": [row_of(event(connected), NORTH, QUALIFIED)], "partialFailure": True, **change}
    status, answer = await connected.ask(f"customers/{NORTH}:uploadClickConversions", body)
    assert status == 400
    assert code in json.dumps(answer)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"conversionDateTime": "2025-12-31 23:00:00"}, "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"),
        ({"conversionDateTime": "2025-12-31T23:00:00+00:00"}, "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"),
        ({"conversionDateTime": "2026-01-02 00:00:00+00:00"}, "LATER_THAN_MAXIMUM_DATE"),
        ({"gbraid": "b", "wbraid": "w"}, "GBRAID_WBRAID_BOTH_SET"),
        ({"gclid": ""}, "REQUIRED"),
        ({"conversionAction": "customers/1/conversionActions/2"}, "NO_CONVERSION_ACTION_FOUND"),
        ({"conversion_value": 1}, "REQUIRED"),
    ],
    ids=["no_zone", "iso", "future", "both_braids", "no_click", "no_action", "proto_name"],
)
async def test_the_simulator_refuses_rows(connected: Google, change: dict[str, Any], code: str) -> None:
    """Each row that is not as documented fails by its own code."""
    row = {**row_of(event(connected), NORTH, QUALIFIED), **change}
    body = {"conversions": [row], "partialFailure": True}
    _, answer = await connected.ask(f"customers/{NORTH}:uploadClickConversions", body)
    (error,) = answer["partialFailureError"]["details"][0]["errors"]
    assert list(error["errorCode"].values()) == [code]


async def test_the_simulator_refuses_an_order_id_twice_in_a_request(connected: Google) -> None:
    """Neither row is taken."""
    row = row_of(event(connected), NORTH, QUALIFIED)
    body = {"conversions": [row, row], "partialFailure": True}
    _, answer = await connected.ask(f"customers/{NORTH}:uploadClickConversions", body)
    errors = answer["partialFailureError"]["details"][0]["errors"]
    assert [each["errorCode"] for each in errors] == [{"conversionUploadError": "DUPLICATE_ORDER_ID"}] * 2
    assert connected.simulator.uploaded == []


def _accounts() -> PlatformAnswer:
    return PlatformAnswer(200, json.dumps({"resourceNames": [f"customers/{NORTH}"]}).encode())
