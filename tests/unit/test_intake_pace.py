"""When the work behind the ledger rests, and how large its batches are."""

import pytest

from hub.core.intake import pace as pace_module
from hub.core.intake.pace import BUSY_TARGET, IDLE_TARGET, LARGEST_BATCH, LONGEST_REST, SMALLEST_BATCH, Pace


class Hand:
    """A clock for ``perf_counter`` that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The present moment."""
        return self.now


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    """The clock that ``Pace`` reads."""
    made = Hand()
    monkeypatch.setattr(pace_module, "perf_counter", made)
    return made


def run(pace: Pace, hand: Hand, *, arriving: int, speed: int, batches: int = 20) -> float:
    """Batches of 100 at this speed while so many receipts a second arrive; the last rest."""
    rest = 0.0
    for _ in range(batches):
        seconds = 100 / speed
        hand.now += seconds
        pace.note_arrivals(int(arriving * (seconds + rest)))
        rest = pace.rest_after(100, seconds)
        hand.now += rest
    return rest


def test_work_that_keeps_up_never_rests(hand: Hand) -> None:
    """500 a second are no reason to let leads wait for a process that could do 2,000."""
    assert run(Pace(), hand, arriving=500, speed=2_000) == 0


def test_work_that_cannot_keep_up_leaves_most_of_the_time_to_deliveries(hand: Hand) -> None:
    """It takes a fifth of the time, and never less."""
    pace = Pace()
    assert run(pace, hand, arriving=5_000, speed=2_000) == pytest.approx(4 * 100 / 2_000)
    assert run(pace, hand, arriving=5_000, speed=100) == LONGEST_REST


def test_it_works_on_at_full_speed_once_the_crowd_is_gone(hand: Hand) -> None:
    """A backlog alone is no reason to rest."""
    pace = Pace()
    assert run(pace, hand, arriving=5_000, speed=2_000) > 0
    assert run(pace, hand, arriving=0, speed=2_000) == 0


def test_batches_grow_and_shrink_with_the_time_they_take() -> None:
    """The writer is held for as long as it should be, within limits."""
    pace = Pace()
    for _ in range(20):
        pace.adapt(pace.batch_size, IDLE_TARGET / 10, is_busy=False)
    assert pace.batch_size == LARGEST_BATCH
    for _ in range(20):
        pace.adapt(pace.batch_size, BUSY_TARGET * 2, is_busy=True)
    assert pace.batch_size == SMALLEST_BATCH


def test_a_batch_grows_no_further_than_its_time_allows() -> None:
    """Two thirds of the time used means half as many more, not twice as many: those would hold the writer too long."""
    pace = Pace()
    before = pace.batch_size
    pace.adapt(before, IDLE_TARGET * 2 / 3, is_busy=False)
    assert before < pace.batch_size <= before * 3 / 2


def test_small_batches_are_no_sign_of_being_overrun(hand: Hand) -> None:
    """One receipt at a time is worked off slowly, because each has a commit of its own; that is no backlog."""
    pace = Pace()
    for _ in range(50):
        hand.now += 0.006
        pace.note_arrivals(3)
        assert pace.rest_after(3, 0.006) == 0
