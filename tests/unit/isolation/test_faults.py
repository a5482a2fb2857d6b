"""What a process remembers of its connectors' faults."""

from datetime import timedelta

from hub.core.connections.apart import FaultKind
from hub.core.connector_health.faults import QUIET, Faults
from hub.testing.clock import VirtualClock


def test_a_connector_recovers_when_it_answers_after_a_quiet_while(clock: VirtualClock) -> None:
    """An answer right after a fault proves nothing; one a minute later does."""
    faults = Faults(clock)
    faults.note("acme", "receive", FaultKind.RAISED, "it raised KeyError")
    faults.note_success("acme")
    assert faults.health("acme").is_failing
    clock.advance(QUIET + timedelta(seconds=1))
    assert faults.health("acme").is_failing
    faults.note_success("acme")
    assert not faults.health("acme").is_failing


def test_changes_are_taken_once_and_added_up(clock: VirtualClock) -> None:
    """What could not be kept is new again, together with what came since."""
    faults = Faults(clock)
    faults.note("acme", "receive", FaultKind.RAISED, "first")
    faults.note("acme", "receive", FaultKind.RAISED, "second")
    taken = faults.take_changes()
    assert [(each.number, each.reason) for each in taken.faults] == [(2, "second")]
    assert not faults.take_changes().faults
    clock.advance(timedelta(seconds=1))
    faults.note("acme", "receive", FaultKind.RAISED, "third")
    faults.give_back(taken)
    again = faults.take_changes()
    assert [(each.number, each.reason) for each in again.faults] == [(3, "third")]
    assert [each.connector for each in again.health] == ["acme"]
