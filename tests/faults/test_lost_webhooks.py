"""What no delivery brings, the platform's list does: every lead, each once, and the ledger says which way found it."""

import random
from datetime import timedelta

import pytest

from hub.connector.models import Choice, FieldType, Question
from hub.db.engine import Database
from hub.testing.clock import VirtualClock
from tests.faults.virtual_hub import VirtualHub, open_virtual_hub

QUESTIONS = (
    Question(key="full_name", label="Full name"),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
    Question(
        key="which_service?",
        label="Which service?",
        kind=FieldType.SINGLE_CHOICE,
        choices=(Choice(value="a", label="A"), Choice(value="b", label="B")),
    ),
)
OUTAGE = timedelta(hours=37)
QUARTER = timedelta(minutes=15)


class Day:
    """Leads of one platform, as they come in."""

    def __init__(self, hub: VirtualHub, seed: int = 7) -> None:
        self.hub = hub
        self.forms = [hub.simulator.add_form(name, QUESTIONS) for name in ("Check-up", "Open day")]
        self.ids: list[str] = []
        self.seed = seed
        self._dice = random.Random(seed)

    def lead(self) -> str:
        """One more lead, of somebody else."""
        number = len(self.ids)
        answers = {
            "full_name": (f"Ada Example {number}",),
            "email": (f"ada.{number}@example.com",),
            "which_service?": ("a",),
        }
        self.ids.append(self.hub.simulator.add_submission(self._dice.choice(self.forms), answers))
        return self.ids[-1]

    async def go_by(self, time: timedelta, *, hub_runs: bool = True) -> None:
        """A lead comes in and is announced each quarter of an hour; the hub works in between, if it runs."""
        until = self.hub.clock.now() + time
        while self.hub.clock.now() < until:
            await self.hub.simulator.announce([self.lead()])
            await self.hub.pass_time(QUARTER, step=QUARTER, runs=hub_runs)

    def assert_each_lead_is_there_once(self) -> None:
        """100 %, no doubles, nothing left, the balance holds."""
        assert self.hub.lead_ids() == sorted(self.ids)
        assert self.hub.number_of_leads() == len(self.ids)
        assert self.hub.balance_holds()


@pytest.mark.proves("X-02", "L-01", "DG-09")
async def test_a_day_with_four_tenths_of_the_webhooks_lost_loses_no_lead(
    database: Database, clock: VirtualClock
) -> None:
    """After a day, and one interval of polling, each lead is there once, and the shares tell what webhooks missed."""
    async with open_virtual_hub(database, clock) as hub:
        day = Day(hub)
        await hub.connect()
        hub.simulator.drop(0.4, seed=day.seed)
        await day.go_by(timedelta(hours=24))
        await hub.pass_time(timedelta(minutes=40))
        day.assert_each_lead_is_there_once()
        shares = hub.shares()
        assert sum(shares.values()) == len(day.ids) == 96
        assert 20 <= shares["pull"] <= 56
        assert shares["webhook"] == len(day.ids) - shares["pull"]


@pytest.mark.proves("L-11", "TK-08")
async def test_leads_of_the_time_without_a_sign_in_come_when_somebody_signs_in_again(
    database: Database, clock: VirtualClock
) -> None:
    """Deliveries are kept meanwhile and fetched afterwards; what was lost is read from the list."""
    async with open_virtual_hub(database, clock) as hub:
        day = Day(hub)
        await hub.connect()
        hub.simulator.drop(0.4, seed=day.seed)
        await day.go_by(timedelta(hours=2))
        hub.simulator.expire_token()
        await day.go_by(timedelta(hours=5))
        assert hub.state() == "authorization_needed"
        assert len(hub.lead_ids()) < len(day.ids)
        await hub.connect()
        assert hub.state() == "active"
        await hub.pass_time(timedelta(minutes=40))
        day.assert_each_lead_is_there_once()
        assert hub.late_leads() > 0


@pytest.mark.proves("X-02", "L-02", "DG-09")
@pytest.mark.parametrize("away", [timedelta(hours=24), OUTAGE])
async def test_an_outage_of_the_hub_heals_by_itself(database: Database, clock: VirtualClock, away: timedelta) -> None:
    """Longer than the platform repeats its deliveries, too: the list has them all, and they are marked as late."""
    async with open_virtual_hub(database, clock) as hub:
        day = Day(hub)
        await hub.connect()
        hub.simulator.drop(0.05, seed=day.seed)
        await day.go_by(timedelta(hours=3))
        await hub.door.close()
        await day.go_by(away, hub_runs=False)
        await hub.door.open()
        await day.go_by(timedelta(hours=2))
        await hub.pass_time(timedelta(minutes=40))
        day.assert_each_lead_is_there_once()
        assert hub.shares()["pull"] > 0
        assert hub.late_leads() > 0


@pytest.mark.proves("X-02")
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(minutes=-10)])
async def test_a_clock_ten_minutes_off_loses_and_doubles_nothing(
    database: Database, clock: VirtualClock, ahead: timedelta
) -> None:
    """The mark is the platform's own time, less an overlap; ours plays no part."""
    async with open_virtual_hub(database, clock, platform_ahead=ahead) as hub:
        day = Day(hub)
        await hub.connect()
        hub.simulator.drop(0.4, seed=day.seed)
        await day.go_by(timedelta(hours=8))
        await hub.pass_time(timedelta(minutes=40))
        day.assert_each_lead_is_there_once()


@pytest.mark.proves("X-02", "L-03")
async def test_a_listing_that_breaks_off_moves_no_mark_past_what_it_did_not_read(
    database: Database, clock: VirtualClock
) -> None:
    """The platform fails between two pages, again and again; in the end every lead of every page is there."""
    async with open_virtual_hub(database, clock) as hub:
        day = Day(hub)
        hub.simulator.largest_page = 5
        for _ in range(60):
            day.lead()
            clock.advance(timedelta(minutes=1))
        await hub.connect()
        for _ in range(6):
            hub.simulator.fail(500, times=3)
            await hub.pass_time(timedelta(minutes=15))
            for _ in range(4):
                day.lead()
        hub.simulator.heal()
        await hub.pass_time(timedelta(hours=3))
        day.assert_each_lead_is_there_once()
        assert hub.shares() == {"pull": len(day.ids)}


@pytest.mark.proves("X-02", "L-04")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_ten_thousand_leads_over_many_pages_come_whole_while_new_ones_arrive(
    database: Database, clock: VirtualClock
) -> None:
    """A backfill of 10,000 leads; after each of its pages another lead comes in. Each has one receipt."""
    async with open_virtual_hub(database, clock, page_size=500) as hub:
        form = Day(hub).forms[0]
        hub.simulator.largest_page = 500
        start = clock.now() - timedelta(days=20)
        for number in range(10_000):
            answers = {"full_name": (f"N {number}",), "email": (f"n.{number}@example.com",)}
            hub.simulator.add_submission(form, answers, submitted_at=start + timedelta(minutes=2 * number))
        for number in range(20):
            hub.simulator.arrive_while_paging(form, {"full_name": (f"Late {number}",)})
        hub.works_off = False
        await hub.connect()
        await hub.pass_time(timedelta(hours=1))
        assert len(hub.simulator.submissions) == 10_020
        assert hub.received_ids() == sorted(hub.simulator.submissions)


@pytest.mark.proves("X-02")
async def test_a_subscription_dropped_by_the_platform_is_restored_within_an_interval(
    database: Database, clock: VirtualClock
) -> None:
    """What came in between is read from the list, and deliveries arrive again."""
    async with open_virtual_hub(database, clock) as hub:
        day = Day(hub)
        await hub.connect()
        hub.simulator.end_subscriptions()
        assert await hub.simulator.announce([day.lead()]) == []
        await hub.pass_time(timedelta(minutes=20))
        assert await hub.simulator.announce([day.lead()]) != []
        await hub.turn()
        day.assert_each_lead_is_there_once()
        assert hub.shares() == {"pull": 1, "webhook": 1}


async def test_one_job_fetches_deliveries_whose_own_jobs_got_lost(database: Database, clock: VirtualClock) -> None:
    """The next delivery of the connection brings them all: a source that sends one by one waits for no queue."""
    async with open_virtual_hub(database, clock) as hub:
        day = Day(hub)
        await hub.connect()
        await hub.simulator.announce([day.lead() for _ in range(30)], at_once=False)
        del hub.stored_pointers[:-1]
        await hub.turn()
        day.assert_each_lead_is_there_once()


async def test_deliveries_behind_a_parked_job_are_fetched_all_the_same(database: Database, clock: VirtualClock) -> None:
    """A job that failed for good just when somebody signed in again stands in nobody's way for long."""
    async with open_virtual_hub(database, clock) as hub:
        day = Day(hub)
        await hub.connect()
        await hub.simulator.announce([day.lead()])
        hub.park_fetching()
        await hub.pass_time(timedelta(minutes=3), step=timedelta(minutes=1))
        day.assert_each_lead_is_there_once()
        assert hub.shares() == {"webhook": 1}
