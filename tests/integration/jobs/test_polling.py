"""Polling: pages are stored before the cursor, and a mark never passes a gap."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from fake_source import (
    KEY,
    OVERLAP,
    DirectConnections,
    FakeSource,
    KeepingLedger,
    Platform,
    make_connection,
    make_form,
    marks,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.connector.errors import PermanentError, RateLimitedError, RetryableError
from hub.connector.models import SourceForm
from hub.core.intake.receipts import Accepted, Delivery, Path
from hub.core.jobs.service import Job
from hub.core.pulls.service import pull_all_soon
from hub.db.engine import Database, DatabaseUnavailableError
from hub.jobs.opening import ConnectionKey
from hub.jobs.polling import Polling, poll_job
from hub.testing.clock import VirtualClock


class Catalogue:
    """Notes what was found."""

    def __init__(self) -> None:
        self.seen: list[SourceForm] = []

    async def found(self, key: ConnectionKey, forms: Sequence[SourceForm], now: datetime) -> None:
        self.seen.extend(forms)


class Bench:
    """Polling with a fake source, a keeping ledger, and real marks."""

    def __init__(self, database: Database, clock: VirtualClock, *, state: str = "active") -> None:
        self.database, self.clock, self.platform, self.ledger = database, clock, Platform(), KeepingLedger()
        self.connections, self.catalogue = DirectConnections(clock), Catalogue()
        connectors = {KEY: FakeSource(self.platform)}
        self.polling = Polling(database, clock, connectors, self.connections, self.ledger, self.catalogue)
        self.key = make_connection(database, clock.now(), state=state)
        self.form_id = make_form(database, self.key, clock.now())

    async def poll(self) -> Exception | None:
        """Poll once; the error, if it failed."""
        job: Job = poll_job(self.key, self.form_id)
        try:
            await self.polling.poll(job.payload)
        except (RetryableError, PermanentError, DatabaseUnavailableError) as error:
            return error
        return None

    @property
    def mark(self) -> datetime | None:
        """The stored mark."""
        (row,) = [row for row in marks(self.database, self.key) if row.source_form_id == self.form_id]
        return row.mark  # type: ignore[no-any-return]


@pytest.fixture
def bench(database: Database, clock: VirtualClock) -> Bench:
    """A form with a mark at an active connection."""
    return Bench(database, clock)


def fill(bench: Bench, number: int) -> None:
    """Leads at the source, a minute apart, ending now."""
    for minute in range(number):
        bench.platform.leads[f"l{minute}"] = bench.clock.now() - timedelta(minutes=minute)


async def test_a_whole_listing_moves_the_mark_to_the_newest(bench: Bench) -> None:
    """The mark is the platform's time of the newest submission, and the next poll is planned."""
    fill(bench, 5)
    assert await bench.poll() is None
    assert sorted(bench.ledger.names) == ["l0", "l1", "l2", "l3", "l4"]
    assert {delivery.path for delivery in bench.ledger.deliveries} == {Path.PULL}
    (row,) = marks(bench.database, bench.key)
    assert (row.mark, row.resume_token) == (bench.platform.leads["l0"], None)
    assert row.next_run_at == bench.clock.now() + timedelta(minutes=15)
    assert row.complete_until == bench.clock.now()


@pytest.mark.proves("X-02")
async def test_a_run_asked_for_during_a_listing_still_comes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing may have passed what somebody wants read now."""
    fill(bench, 5)
    store = bench.ledger.accept

    async def asked_meanwhile(delivery: Delivery) -> Accepted:
        bench.clock.advance(timedelta(seconds=1))
        place = (bench.key.organisation_id, bench.key.connection_id)
        bench.database.write_now(pull_all_soon, *place, bench.clock.now())
        return await store(delivery)

    monkeypatch.setattr(bench.ledger, "accept", asked_meanwhile)
    assert await bench.poll() is None
    (row,) = marks(bench.database, bench.key)
    assert row.next_run_at <= bench.clock.now()


async def test_the_next_listing_begins_an_overlap_earlier(bench: Bench) -> None:
    """A lead that the source shows late, within the overlap, is found."""
    fill(bench, 1)
    await bench.poll()
    bench.platform.leads["late"] = bench.clock.now() - OVERLAP
    bench.platform.leads["too late"] = bench.clock.now() - OVERLAP - timedelta(seconds=1)
    await bench.poll()
    assert bench.ledger.names == ["l0", "l0", "late"]


@pytest.mark.proves("DG-09")
@pytest.mark.parametrize("page", [1, 2])
async def test_a_listing_cut_off_leaves_the_mark_and_goes_on_where_it_was(bench: Bench, page: int) -> None:
    """Pages that are stored are not read again, and the mark waits for the end."""
    fill(bench, 6)
    bench.platform.errors[page] = RetryableError("gone")
    assert isinstance(await bench.poll(), RetryableError)
    assert bench.mark is None
    assert len(bench.ledger.names) == 2 * page
    assert await bench.poll() is None
    assert sorted(bench.ledger.names) == [f"l{number}" for number in range(6)]
    assert bench.mark == bench.platform.leads["l0"]


async def test_a_page_that_was_not_stored_moves_no_cursor(bench: Bench) -> None:
    """The ledger answers first; a page whose receipts were not written is read again."""
    fill(bench, 4)
    bench.ledger.errors[2] = DatabaseUnavailableError("away")
    assert isinstance(await bench.poll(), DatabaseUnavailableError)
    assert await bench.poll() is None
    assert sorted(bench.ledger.names) == ["l0", "l1", "l2", "l3"]


async def test_a_place_that_the_source_forgot_starts_the_listing_again(bench: Bench) -> None:
    """A token that is refused would otherwise stop the form for good."""
    fill(bench, 4)
    bench.platform.errors[1] = RetryableError("gone")
    await bench.poll()
    bench.platform.errors[0] = PermanentError("unknown cursor")
    assert isinstance(await bench.poll(), RetryableError)
    assert await bench.poll() is None
    assert set(bench.ledger.names) == {"l0", "l1", "l2", "l3"}


async def test_a_permanent_error_at_the_beginning_is_told(bench: Bench) -> None:
    """Nothing is restarted where nothing was resumed; page and row tell the reason."""
    bench.platform.errors[0] = PermanentError("The form was deleted.")
    assert isinstance(await bench.poll(), PermanentError)
    (row,) = marks(bench.database, bench.key)
    assert row.last_error == "The form was deleted."
    assert len(bench.connections.failures) == 1


async def test_a_rate_limit_reaches_the_engine(bench: Bench) -> None:
    """The engine makes the whole connection wait."""
    bench.platform.errors[0] = RateLimitedError("slow", retry_after=timedelta(minutes=5))
    assert isinstance(await bench.poll(), RateLimitedError)


async def test_an_absurd_future_time_hides_nothing(bench: Bench) -> None:
    """A submission that claims to be from the year 2099 is kept, and the mark stays behind it."""
    fill(bench, 1)
    await bench.poll()
    bench.platform.leads["2099"] = bench.clock.now() + timedelta(days=30_000)
    await bench.poll()
    bench.platform.leads["next"] = bench.clock.now() + timedelta(minutes=1)
    await bench.poll()
    assert {"l0", "2099", "next"} <= set(bench.ledger.names)


@pytest.mark.parametrize("state", ["inactive", "authorization_needed", "disconnected"])
async def test_a_connection_that_is_not_active_is_not_called(
    database: Database, clock: VirtualClock, state: str
) -> None:
    """Its mark stays, so that polling resumes where it was."""
    bench = Bench(database, clock, state=state)
    assert await bench.poll() is None
    assert bench.connections.opened == []


async def test_new_forms_are_found_and_read_at_once(database: Database, clock: VirtualClock) -> None:
    """A form that appears gets a mark that is due now; one that is known keeps its mark."""
    bench = Bench(database, clock)
    fill(bench, 1)
    await bench.poll()
    clock.advance(timedelta(minutes=1))
    make_form(database, bench.key, clock.now(), marked=False)
    bench.platform.forms = [SourceForm(id="f", name="F")]
    await bench.polling.list_forms(bench.key.payload())
    assert [form.id for form in bench.catalogue.seen] == ["f"]
    rows = marks(database, bench.key)
    assert sorted((row.mark is None, row.next_run_at <= clock.now()) for row in rows) == [(False, False), (True, True)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.integers(1, 6), st.integers(0, 119)),
        st.tuples(st.just("arrive hours apart"), st.integers(2, 6), st.integers(0, 119)),
        st.tuples(st.just("poll"), st.just(0), st.just(0)),
        st.tuples(st.just("source fails at page"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("ledger fails at page"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("source forgets its place"), st.just(0), st.just(0)),
        st.tuples(st.just("time passes"), st.integers(1, 3 * 24 * 60), st.just(0)),
        st.tuples(st.just("our clock is set"), st.integers(-10, 10), st.just(0)),
    ),
    min_size=2,
    max_size=14,
)


@pytest.mark.proves("DG-09", "X-02")
@given(steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_mark_never_passes_a_gap(database: Database, steps: list[tuple[str, int, int]]) -> None:
    """Whatever fails in whatever order, and however our clock stands to the platform's, the next listing still
    covers everything that is not stored; and when all works again, nothing is missing."""
    asyncio.run(_never_passes_a_gap(Bench(database, VirtualClock()), steps))


async def _never_passes_a_gap(bench: Bench, steps: list[tuple[str, int, int]]) -> None:
    platform_now = bench.clock.now()
    for step, number, late in steps:
        if step.startswith("arrive"):
            for _ in range(number):
                passing = timedelta(hours=3 if "apart" in step else 0)
                platform_now += passing
                bench.clock.advance(passing)
                bench.platform.leads[f"l{len(bench.platform.leads)}"] = platform_now - timedelta(minutes=late)
        elif step == "poll":
            await bench.poll()
        elif step == "source fails at page":
            bench.platform.errors[number] = RetryableError("gone")
            await bench.poll()
        elif step == "ledger fails at page":
            bench.ledger.errors[bench.ledger.asked + number] = DatabaseUnavailableError("away")
            await bench.poll()
        elif step == "source forgets its place":
            bench.platform.errors[0] = PermanentError("unknown cursor")
            await bench.poll()
        elif step == "time passes":
            platform_now += timedelta(minutes=number)
            bench.clock.advance(timedelta(minutes=number))
        else:
            bench.clock.advance(timedelta(minutes=number))
        _next_listing_covers_what_is_missing(bench)
    bench.platform.errors.clear()
    bench.ledger.errors.clear()
    while await bench.poll() is not None:
        continue
    await bench.poll()
    assert set(bench.ledger.names) == set(bench.platform.leads)


def _next_listing_covers_what_is_missing(bench: Bench) -> None:
    mark, stored = bench.mark, set(bench.ledger.names)
    missing = [at for name, at in bench.platform.leads.items() if name not in stored]
    assert mark is None or all(at >= mark - OVERLAP for at in missing)
    assert mark is None or mark <= max(bench.platform.leads.values())


def test_the_ids_in_a_payload_are_checked() -> None:
    """A payload that lost its ids is a bug that is told, not a silent nothing."""
    with pytest.raises(ValueError, match="organisation"):
        ConnectionKey.read({"connection": str(UUID(int=1))})
