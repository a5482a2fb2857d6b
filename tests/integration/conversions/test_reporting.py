"""Sending reports: once each at the platform whatever fails, in time or not at all, and each outcome kept."""

import asyncio
from datetime import timedelta

import pytest

from hub.connector.conversions import ConversionVerdict
from hub.connector.errors import (
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.core.conversions import service as rules
from hub.core.conversions.models import conversion_rules
from hub.core.jobs.models import jobs
from hub.core.leads import service
from hub.core.leads.models import consents
from tests.integration.conversions.conftest import KNOWN_FOR, ME, WINDOW, Desk

HOUR = timedelta(hours=1)


async def moved(desk: Desk, number: int = 1, **body: object) -> list[object]:
    """Leads that entered the stage of a rule; their rows."""
    if not desk.office.rows(conversion_rules):
        desk.add_rule(desk.stage("open", 1))
    leads = [await desk.lead(f"lead-{n}", **body) for n in range(number)]
    for lead in leads:
        desk.move(lead, desk.stage("open", 1))
    return leads


async def test_what_is_due_becomes_one_job_per_connection(desk: Desk) -> None:
    """The planned job adds it; several looks add it once."""
    await moved(desk, 2)
    await desk.collect()
    await desk.collect()
    assert [row.key for row in desk.office.rows(jobs)] == [f"report_conversions:{desk.office.connection_id}"]


async def test_an_event_says_what_the_platform_needs(desk: Desk) -> None:
    """The platform's own lead id, the moments, the name, and the clicks that are the platform's."""
    desk.add_rule(desk.stage("open", 1))
    lead = await desk.lead("lead-7", clicks={"clid": "click-1", "other": "x"})
    desk.office.clock.advance(HOUR)
    desk.move(lead, desk.stage("open", 1))
    await desk.report()
    (event,) = desk.platform.counted
    assert (event.lead_id, event.event_name, dict(event.click_ids)) == ("lead-7", "Qualified", {"clid": "click-1"})
    assert (event.submitted_at, event.happened_at) == (lead.submitted_at, desk.office.clock.now())
    (report,) = desk.reports()
    assert (report.state, report.attempts, report.settled_at) == ("accepted", 1, desk.office.clock.now())


async def test_batches_hold_no_more_than_the_platform_takes(desk: Desk) -> None:
    """Seven events in calls of at most three."""
    await moved(desk, 7)
    await desk.report()
    assert desk.platform.calls == 3
    assert desk.states() == ["accepted"] * 7


async def test_one_bad_row_does_not_keep_the_others(desk: Desk) -> None:
    """Each row has an outcome of its own: accepted, refused for good, too late, or later."""
    await moved(desk, 4)
    desk.platform.verdicts = {
        "lead-0": ConversionVerdict.REFUSED,
        "lead-1": ConversionVerdict.TOO_LATE,
        "lead-2": ConversionVerdict.NOT_YET,
    }
    await desk.report()
    assert desk.states() == ["refused", "too_late", "waiting", "accepted"]
    assert {row.code for row in desk.reports()[:3]} == {"told_so"}
    desk.platform.verdicts = {}
    desk.office.clock.advance(timedelta(hours=6))
    await desk.report()
    assert desk.states() == ["refused", "too_late", "accepted", "accepted"]


async def test_lost_answers_and_kills_count_once(desk: Desk) -> None:
    """The process ends between request and record: the report is sent again under the same id, and counts once."""
    await moved(desk)
    await desk.collect()
    for lost in (1, 1, 1):
        desk.platform.lost_answers = lost
        with pytest.raises(asyncio.CancelledError):
            await desk.job.report(desk.payload)
        assert desk.states() == ["sent"]
        await desk.job.report(desk.payload)
        assert desk.states() == ["sent"], "left alone while another process may still be at it"
        desk.office.clock.advance(HOUR)
    await desk.report()
    assert desk.states() == ["accepted"]
    assert (len(desk.platform.arrived), len(desk.platform.counted)) == (4, 1)


async def test_time_outs_are_repeated_with_growing_waits(desk: Desk) -> None:
    """Nobody knows whether it arrived, so that it is sent again, later each time."""
    await moved(desk)
    desk.platform.troubles = [RetryableError("No answer.", code="timeout") for _ in range(3)]
    waits = []
    for _ in range(3):
        await desk.report()
        (report,) = desk.reports()
        assert (report.state, report.code) == ("sent", "timeout")
        waits.append(report.next_attempt_at - desk.office.clock.now())
        desk.office.clock.advance(waits[-1])
    assert waits == sorted(set(waits))
    await desk.report()
    assert desk.states() == ["accepted"]


async def test_what_the_platform_would_count_twice_is_not_sent_again(desk: Desk) -> None:
    """When it no longer knows the event id, nobody can say whether it counted: it ends as unknown."""
    await moved(desk)
    desk.platform.lost_answers = 1
    await desk.collect()
    with pytest.raises(asyncio.CancelledError):
        await desk.job.report(desk.payload)
    desk.office.clock.advance(KNOWN_FOR)
    await desk.report()
    assert desk.states() == ["unknown"]
    assert len(desk.platform.counted) == 1


async def test_late_ones_are_marked_and_not_sent(desk: Desk) -> None:
    """The window is looked at just before sending: an outage of a week costs the report, not its batch."""
    early, _ = await moved(desk, 2)
    await desk.collect()
    desk.office.clock.advance(WINDOW)
    desk.move(await desk.lead("lead-9"), desk.stage("open", 1))
    await desk.job.report(desk.payload)
    assert desk.states() == ["too_late", "too_late"]
    await desk.report()
    assert desk.states() == ["too_late", "too_late", "accepted"]
    assert desk.reports()[0].lead_id == early.id
    assert desk.reports()[0].code == "window_over"


async def test_reports_of_a_silent_connection_end_too(desk: Desk) -> None:
    """A connection that stays switched off, or a rule that does, does not leave reports waiting for ever."""
    rule_id = desk.add_rule(desk.stage("open", 1))
    await moved(desk)
    await desk.collect()
    draft = desk.draft(desk.stage("open", 1), is_active=False)
    now = desk.office.clock.now()
    desk.office.database.write_now(rules.change_rule, desk.office.organisation_id, desk.connectors, rule_id, draft, now)
    await desk.report()
    assert desk.states() == ["waiting"]
    desk.office.clock.advance(WINDOW)
    await desk.report()
    assert (desk.states(), desk.platform.calls) == (["too_late"], 0)


async def test_a_rate_limit_leaves_the_reports_waiting(desk: Desk) -> None:
    """The platform took nothing: the whole connection waits, and then everything is sent once."""
    await moved(desk, 2)
    desk.platform.troubles = [RateLimitedError("Slow down.", retry_after=HOUR)]
    with pytest.raises(RateLimitedError):
        await desk.report()
    assert desk.states() == ["waiting", "waiting"]
    await desk.report()
    assert desk.platform.calls == 1
    desk.office.clock.advance(HOUR * 1.1)
    await desk.report()
    assert desk.states() == ["accepted", "accepted"]


@pytest.mark.parametrize(
    "error",
    [
        PermanentError("Choose another data set.", code="no_such_target"),
        ReauthorizationNeededError("Sign in again.", code="revoked"),
    ],
    ids=lambda error: error.code,
)
async def test_what_somebody_must_mend_is_shown_on_the_rule(desk: Desk, error: Exception) -> None:
    """Nothing was taken, so nothing is lost: the rule says what to do, and what waits is sent when it is done."""
    await moved(desk, 2)
    desk.platform.troubles = [error]
    await desk.report()
    (rule,) = desk.office.rows(conversion_rules)
    assert (rule.problem_code, rule.problem) == (error.code, error.user_message)
    assert desk.states() == ["waiting", "waiting"]
    desk.office.clock.advance(HOUR)
    await desk.report()
    (rule,) = desk.office.rows(conversion_rules)
    assert (rule.problem_code, rule.problem, rule.problem_since) == (None, None, None)
    assert desk.states() == ["accepted", "accepted"]


async def test_a_bug_of_the_connector_is_named_without_its_text(desk: Desk) -> None:
    """An unexpected exception may hold anything; its type is kept, and the reports are tried again."""
    await moved(desk)
    desk.platform.troubles = [ZeroDivisionError("ada@example.com")]
    await desk.report()
    (report,) = desk.reports()
    assert (report.state, report.code, report.message) == ("sent", "bug", "ZeroDivisionError")
    desk.office.clock.advance(HOUR)
    await desk.report()
    assert desk.states() == ["accepted"]


async def test_an_event_that_the_connector_cannot_bear_holds_up_no_other(desk: Desk) -> None:
    """After a bug each event of the batch is sent by itself; the one that causes it is tried again later, alone."""
    await moved(desk, 3)
    desk.platform.poison = "lead-1"
    await desk.report()
    assert desk.states() == ["accepted", "sent", "accepted"]
    assert desk.reports()[1].code == "bug"
    desk.platform.poison = None
    desk.office.clock.advance(HOUR)
    await desk.report()
    assert desk.states() == ["accepted"] * 3


async def test_a_rate_limit_after_a_bug_forgets_nothing(desk: Desk) -> None:
    """The batch in which the connector fell over may have been taken: what is sent by itself then never left anew."""
    await moved(desk, 2)
    desk.platform.troubles = [ZeroDivisionError(), RateLimitedError("Slow down.")]
    with pytest.raises(RateLimitedError):
        await desk.report()
    assert desk.states() == ["sent", "sent"]
    assert all(row.first_sent_at is not None for row in desk.reports())
    desk.office.clock.advance(KNOWN_FOR)
    await desk.report()
    assert desk.states() == ["unknown", "unknown"]


async def test_a_rate_limit_after_a_lost_answer_forgets_nothing(desk: Desk) -> None:
    """What may have counted before is not taken for something that never left: it is repeated for as long as the
    platform knows it, and no longer."""
    await moved(desk)
    desk.platform.troubles = [RetryableError("No answer.", code="timeout"), RateLimitedError("Slow down.")]
    await desk.report()
    first = desk.reports()[0].first_sent_at
    desk.office.clock.advance(HOUR)
    with pytest.raises(RateLimitedError):
        await desk.report()
    assert (desk.states(), desk.reports()[0].first_sent_at) == (["sent"], first)
    desk.office.clock.advance(KNOWN_FOR)
    await desk.report()
    assert desk.states() == ["unknown"]


async def test_a_deleted_lead_is_not_reported(desk: Desk) -> None:
    """What waits about it ends; the row stays, without the lead."""
    (lead,) = await moved(desk)
    await desk.collect()
    where = (desk.office.organisation_id, lead.id)
    desk.office.database.write_now(service.delete_lead, *where, author=ME, now=desk.office.clock.now())
    await desk.report()
    (report,) = desk.reports()
    assert (report.state, report.code, report.lead_id) == ("withheld", "lead_deleted", None)
    assert desk.platform.calls == 0


async def test_a_removed_rule_takes_back_what_waits(desk: Desk) -> None:
    """What was reported stays in the list, what was not is not sent any more."""
    rule_id = desk.add_rule(desk.stage("open", 1))
    await moved(desk)
    await desk.report()
    desk.move(await desk.lead("lead-9"), desk.stage("open", 1))
    await desk.collect()
    desk.office.database.write_now(rules.remove_rule, desk.office.organisation_id, rule_id)
    await desk.report()
    assert [(row.state, row.code) for row in desk.reports()] == [("accepted", None), ("withheld", "rule_removed")]


@pytest.mark.parametrize(("said", "state"), [(True, "accepted"), (False, "withheld"), (None, "withheld")])
async def test_consent_is_asked_for_where_the_rule_says_so(desk: Desk, said: bool | None, state: str) -> None:
    """Who said no, or was never asked, is not reported under a rule that needs the consent."""
    desk.add_rule(desk.stage("open", 1), consent_purpose="ads")
    await moved(desk, **({} if said is None else {"consent": said}))
    await desk.report()
    assert desk.states() == [state]
    assert bool(desk.office.rows(consents)) is (said is not None)


async def test_a_consent_taken_back_counts(desk: Desk) -> None:
    """The last word about the purpose is in force when the report would leave."""
    desk.add_rule(desk.stage("open", 1), consent_purpose="ads")
    (lead,) = await moved(desk, consent=True)
    desk.office.clock.advance(HOUR)
    body = {"answers": {"full_name": ["Ada"], "email": ["lead-0@example.com"]}, "consent": False}
    await desk.office.send(("lead-again", body))
    await desk.report()
    (report,) = desk.reports()
    assert (report.state, report.code, report.lead_id) == ("withheld", "no_consent", lead.id)
