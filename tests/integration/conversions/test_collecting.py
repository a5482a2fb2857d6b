"""Which stage changes become reports: those that an admin selected, each once, whatever happens to lead and rule."""

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from hub.connector.conversions import ConversionTarget
from hub.core.conversions import service as rules
from hub.core.conversions.collecting import collect_reports, follow_restored_outbox
from hub.core.conversions.models import conversion_cursors
from hub.core.leads import service
from hub.core.leads.models import lead_submissions
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.outbox.models import outbox_events
from hub.db.guard import ALL_ORGANISATIONS
from tests.factories import add_connection
from tests.integration.conversions.conftest import ME, Desk

WHOLE = {ALL_ORGANISATIONS: "a test looks at everything"}


async def test_only_selected_stages_are_reported(desk: Desk) -> None:
    """A move to the stage of a rule is a report with the rule's target and name; other moves are none."""
    desk.add_rule(desk.stage("won"))
    lead = await desk.lead()
    desk.move(lead, desk.stage("open", 1))
    await desk.collect()
    assert desk.reports() == []
    desk.move(lead, desk.stage("won"))
    await desk.collect()
    (report,) = desk.reports()
    assert (report.event_name, report.target_id, report.state) == ("Qualified", "data-set-1", "waiting")
    assert (report.lead_id, report.happened_at) == (lead.id, desk.office.clock.now())


async def test_a_new_lead_enters_its_first_stage(desk: Desk) -> None:
    """The stage in which a lead begins counts as entered, even if it was left before anybody looked."""
    desk.add_rule(desk.stage("open"), "Lead")
    lead = await desk.lead()
    desk.move(lead, desk.stage("open", 1))
    await desk.lead("lead-2")
    await desk.collect()
    assert [row.event_name for row in desk.reports()] == ["Lead", "Lead"]


async def test_a_stage_that_is_left_and_entered_again_is_reported_once(desk: Desk) -> None:
    """Back and forth, before and after the report has left."""
    desk.add_rule(desk.stage("open", 1))
    lead = await desk.lead()
    for _ in range(3):
        desk.move(lead, desk.stage("open", 1))
        desk.move(lead, desk.stage("open"))
        await desk.report()
    assert desk.states() == ["accepted"]
    assert len(desk.platform.counted) == 1


async def test_a_rule_made_anew_does_not_report_again(desk: Desk) -> None:
    """The key of an event holds target, name and submission, not the rule or the connection."""
    rule_id = desk.add_rule(desk.stage("open", 1))
    lead = await desk.lead()
    desk.move(lead, desk.stage("open", 1))
    await desk.report()
    desk.office.database.write_now(rules.remove_rule, desk.office.organisation_id, rule_id)
    desk.add_rule(desk.stage("open", 1))
    desk.move(lead, desk.stage("open"))
    desk.move(lead, desk.stage("open", 1))
    await desk.report()
    assert desk.states() == ["accepted"]


async def test_what_happened_before_a_rule_is_not_reported(desk: Desk) -> None:
    """A rule counts from when it was added; so does one that is switched on again, or selects something else."""
    lead, stage = await desk.lead(), desk.stage("open", 1)
    desk.move(lead, stage)
    rule_id = desk.add_rule(stage, is_active=False)
    second = await desk.lead("lead-2")
    desk.move(second, stage)
    change = (rules.change_rule, desk.office.organisation_id, desk.connectors, rule_id)
    desk.office.database.write_now(*change, desk.draft(stage), desk.office.clock.now())
    await desk.collect()
    assert desk.reports() == []
    third = await desk.lead("lead-3")
    desk.move(third, stage)
    desk.office.database.write_now(*change, desk.draft(stage, "Better name"), desk.office.clock.now())
    await desk.collect()
    assert desk.reports() == []


async def test_another_rule_does_not_hide_what_a_first_one_has_not_read(desk: Desk) -> None:
    """Adding a rule leaves the place in the outbox alone while other rules read on."""
    desk.add_rule(desk.stage("open", 1))
    lead = await desk.lead()
    desk.move(lead, desk.stage("open", 1))
    desk.add_rule(desk.stage("won"))
    await desk.collect()
    assert len(desk.reports()) == 1


async def test_leads_that_the_platform_does_not_know_are_left_out(desk: Desk) -> None:
    """Neither through its connection nor with a click of its: there is nothing to report, and no row says so."""
    other = desk.office.database.write_now(add_connection, desk.office.organisation_id)
    desk.add_rule(desk.stage("open"), connection_id=other)
    await desk.lead("walk-in")
    clicked = await desk.lead("by-form", clicks={"clid": "click-1", "other": "x"})
    await desk.lead("other-click", clicks={"other": "x"})
    await desk.collect()
    assert [row.lead_id for row in desk.reports()] == [clicked.id]


async def test_tests_are_not_reported(desk: Desk) -> None:
    """A test lead that somebody moves is no conversion."""
    desk.add_rule(desk.stage("won"))
    lead = await desk.lead(test=True)
    desk.move(lead, desk.stage("won"))
    await desk.collect()
    assert desk.reports() == []


async def test_a_lead_of_two_submissions_is_reported_once(desk: Desk) -> None:
    """Who asks again attaches to the lead; its first submission is the one that is reported."""
    desk.add_rule(desk.stage("open", 1))
    lead = await desk.lead()
    body = {"answers": {"full_name": ["Ada"], "email": ["lead-1@example.com"]}}
    await desk.office.send(("lead-again", body))
    desk.move(lead, desk.stage("open", 1))
    await desk.report()
    assert [each.lead_id for each in desk.platform.counted] == ["lead-1"]


async def test_a_submission_that_comes_late_reports_no_second_time(desk: Desk) -> None:
    """It was sent before the one that was reported, and joins the lead behind it."""
    stage_id = desk.stage("open", 1)
    desk.add_rule(stage_id)
    person = {"answers": {"full_name": ["Ada"], "email": ["ada@example.com"]}}
    lead = await desk.lead("lead-2", **person)
    desk.move(lead, stage_id)
    await desk.report()
    before = desk.office.clock.now() - timedelta(hours=20)
    await desk.office.send(("lead-1", {**person, "at": before.isoformat()}))
    desk.move(lead, desk.stage("open", 0))
    desk.move(lead, stage_id)
    await desk.report()
    assert len(desk.office.leads()) == 1
    assert [each.lead_id for each in desk.platform.counted] == ["lead-2"]


async def test_leads_that_become_one_report_no_second_time(desk: Desk) -> None:
    """When the submissions of a lead move to another one, what was reported of them is not reported again."""
    stage = desk.stage("open", 1)
    desk.add_rule(stage)
    first, second = await desk.lead("lead-1"), await desk.lead("lead-2")
    desk.move(first, stage)
    await desk.report()

    def merge(connection: sa.Connection) -> None:
        mine = lead_submissions.c.organisation_id == desk.office.organisation_id
        connection.execute(sa.update(lead_submissions).where(mine).values(lead_id=second.id))
        service.delete_lead(connection, desk.office.organisation_id, first.id, author=ME, now=desk.office.clock.now())

    desk.office.database.write_now(merge)
    desk.move(second, stage)
    await desk.report()
    assert desk.states() == ["accepted"]
    assert len(desk.platform.counted) == 1


async def test_reports_and_place_are_one_transaction(desk: Desk) -> None:
    """A process that dies after reading loses nothing and doubles nothing: both are written or neither."""
    desk.add_rule(desk.stage("open", 1))
    lead = await desk.lead()
    desk.move(lead, desk.stage("open", 1))

    def die(connection: sa.Connection) -> None:
        collect_reports(
            connection,
            desk.office.organisation_id,
            lambda key: desk.connector.conversions,
            desk.office.clock.now(),
        )
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            desk.office.database.write_now(die)
    assert desk.reports() == []
    await desk.collect()
    assert len(desk.reports()) == 1


async def test_many_events_are_read_to_their_end(desk: Desk) -> None:
    """More events than one batch holds."""
    desk.add_rule(desk.stage("open"), "Lead")
    bodies = [(f"lead-{n}", {"answers": {"full_name": ["Ada"], "email": [f"p{n}@example.com"]}}) for n in range(250)]
    await desk.office.send(*bodies)
    await desk.collect()
    assert len(desk.reports()) == 250


async def test_a_restored_outbox_is_read_on(desk: Desk) -> None:
    """On another server transactions have other numbers: what was not read is read, what was is not doubled."""
    desk.add_rule(desk.stage("open", 1))
    leads = [await desk.lead(f"lead-{n}") for n in range(3)]
    desk.move(leads[0], desk.stage("open", 1))
    await desk.collect()
    desk.move(leads[1], desk.stage("open", 1))

    def restore(connection: sa.Connection) -> None:
        far = {"transaction_number": 10**12}
        connection.execute(sa.update(conversion_cursors).values(**far).execution_options(**WHOLE))
        is_read = outbox_events.c.number <= connection.scalar(
            sa.select(conversion_cursors.c.number).execution_options(**WHOLE)
        )
        connection.execute(sa.update(outbox_events).where(is_read).values(**far).execution_options(**WHOLE))
        unread = {"transaction_number": 10**12 + 1}
        connection.execute(sa.update(outbox_events).where(~is_read).values(**unread).execution_options(**WHOLE))
        follow_restored_outbox(connection)
        connection.execute(sa.update(outbox_events).values(transaction_number=0).execution_options(**WHOLE))

    desk.office.database.write_now(restore)
    await desk.collect()
    desk.move(leads[2], desk.stage("open", 1))
    await desk.collect()
    assert [row.lead_id for row in desk.reports()] == [each.id for each in leads]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_name": ""}, "event_name"),
        ({"value_field": "no_such_field"}, "value_field"),
        ({"value_field": "full_name"}, "value_field"),
    ],
)
async def test_a_rule_that_cannot_work_is_refused(desk: Desk, change: dict[str, str], field: str) -> None:
    """The refusal names the field and what to choose instead."""
    with pytest.raises(RefusedChangeError) as refused:
        desk.add_rule(desk.stage("won"), **change)
    assert refused.value.field == field


async def test_a_rule_of_something_unknown_is_refused(desk: Desk) -> None:
    """Another organisation's stage or connection, and one rule twice."""
    with pytest.raises(UnknownRecordError):
        desk.add_rule(uuid4())
    with pytest.raises(UnknownRecordError):
        desk.add_rule(desk.stage("won"), connection_id=uuid4())
    desk.add_rule(desk.stage("won"))
    with pytest.raises(ConflictingChangeError):
        desk.add_rule(desk.stage("won"))
    desk.add_rule(desk.stage("won"), target=ConversionTarget(id="data-set-2", name="Another"))
