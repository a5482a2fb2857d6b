"""A few kills of the whole demonstration; ``tests.faults.kill_sweep`` makes as many as one likes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.kill_sweep import Subject, Tally, sqlite_subject, sweep

SEED = 11
LONGEST_WAIT = 6.0


def _killed(rounds: int, make_subject: Callable[[], Subject]) -> Tally:
    told: list[str] = []
    tally = sweep(rounds, SEED, make_subject, longest_wait=LONGEST_WAIT, say=told.append)
    assert tally.broken == [], told
    return tally


@pytest.mark.proves("X-01", "OP-02", "DG-01")
@pytest.mark.timeout(300)
def test_the_demonstration_killed_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """On SQLite: killed, started again, and in the end the journals of the senders and the ledger agree."""
    tally = _killed(6, lambda: sqlite_subject(tmp_path))
    assert tally.kills == 6
    assert tally.finished >= 1


@pytest.mark.proves("X-01", "OP-02", "DG-01")
@pytest.mark.timeout(300)
def test_the_demonstration_killed_on_postgresql_loses_and_doubles_nothing(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    """The same on PostgreSQL, whose server lives on."""
    folder = tmp_path / "demo"
    folder.mkdir()
    url = empty_postgres_url.replace("postgresql+psycopg://", "postgresql://")
    tally = _killed(3, lambda: Subject(folder, url))
    assert tally.kills == 3
