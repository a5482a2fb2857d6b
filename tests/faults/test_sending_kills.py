"""A process that sends is killed between sending and recording: no message arrives twice."""

import pytest

from tests.faults.sending.sweep import sweep

KILLS = 12


@pytest.mark.proves("DG-11")
@pytest.mark.timeout(180)
def test_nothing_is_sent_twice_whenever_the_sender_dies(database_url: str) -> None:
    """Killed before the answer, right after it and a little later: what is recorded as sent arrived, nothing arrived
    twice, and what nobody can know is unknown."""
    found = sweep(database_url, KILLS, seed=11)
    assert not found.broken
    assert sum(found.kills.values()) >= KILLS
    assert {"arrived", "answered"} <= set(found.kills)
    assert found.arrived_of_unknown >= 1
