"""Processes that are killed, paused and ended: open work goes on, and none is lost."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.core.jobs.models import jobs
from hub.core.jobs.service import Job, add
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS

WORKER = Path(__file__).with_name("job_worker.py")
QUICK = {"beat_every": 0.1, "look_every": 0.1, "silence": 1.5}
REAL: dict[str, float] = {}


class Workers:
    """Worker processes on one database, and their journal."""

    def __init__(self, database: Database, journal: Path) -> None:
        self.database, self.journal = database, journal
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, rhythm: dict[str, float], **pace: float) -> subprocess.Popen[bytes]:
        """Start one."""
        url = self.database.url.render_as_string(hide_password=False)
        arguments = [sys.executable, str(WORKER), url, str(self.journal), json.dumps(rhythm), json.dumps(pace)]
        worker = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        self.running.append(worker)
        return worker

    def add(self, key: str, seconds: float, partition: str | None = None) -> None:
        """Add a job that takes so long."""
        job = Job("work", key, {"key": key, "seconds": seconds}, partition=partition)
        self.database.write_now(add, job, datetime.now(UTC))

    def events(self, event: str, key: str | None = None) -> list[float]:
        """When something was noted."""
        lines = [line.split() for line in self.journal.read_text().splitlines()] if self.journal.exists() else []
        return [float(at) for name, of, at in lines if name == event and key in (None, of)]

    def open_jobs(self) -> int:
        """How many are not done."""
        left = sa.select(sa.func.count()).select_from(jobs).execution_options(**{ALL_ORGANISATIONS: "test"})
        return self.database.read_now(lambda connection: connection.scalar(left)) or 0

    def until(self, reached: Callable[[], bool], seconds: float) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)

    def pause(self, worker: subprocess.Popen[bytes]) -> None:
        """Stop one between two of its writes: within one it would keep SQLite's lock, and everybody would wait."""
        for _ in range(50):
            worker.send_signal(signal.SIGSTOP)
            if self._can_write():
                return
            worker.send_signal(signal.SIGCONT)
            time.sleep(0.03)
        raise AssertionError("it was always writing")

    def _can_write(self) -> bool:
        if not self.database.is_sqlite:
            return True
        with closing(sqlite3.connect(str(self.database.url.database), timeout=1.0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True

    def end(self) -> None:
        """Kill what still runs."""
        for worker in self.running:
            worker.kill()
            worker.wait()


@pytest.fixture
def workers(database: Database, tmp_path: Path) -> Iterator[Workers]:
    """No worker yet."""
    made = Workers(database, tmp_path / "journal")
    yield made
    made.end()


@pytest.mark.proves("OP-02", "DG-06")
def test_work_open_at_kill_9_runs_again_within_3_seconds_of_the_restart(workers: Workers) -> None:
    """The restart has the name of its predecessor and finds its work, also in a partition with one place."""
    workers.add("a", 60, partition="c1")
    first = workers.start({})
    workers.until(lambda: workers.events("begun", "a") != [], 40)
    first.kill()
    first.wait()
    restarted_at = time.time()
    second = workers.start({})
    workers.until(lambda: len(workers.events("begun", "a")) == 2, 40)
    assert workers.events("begun", "a")[1] - restarted_at - _wait_for_a_processor(second) < 3


def _wait_for_a_processor(process: subprocess.Popen[bytes]) -> float:
    """Seconds in which it could have run but the machine ran others; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def _take_over(workers: Workers, rhythm: dict[str, float]) -> float:
    """Kill the process that runs a job while another one lives; seconds until the job runs there."""
    workers.add("a", 60, partition="c1")
    first = workers.start(rhythm)
    workers.until(lambda: workers.events("begun", "a") != [], 40)
    workers.start(rhythm)
    workers.until(lambda: len(workers.events("serving")) == 2, 40)
    first.kill()
    killed_at = time.time()
    first.wait()
    workers.until(lambda: len(workers.events("begun", "a")) == 2, 50)
    return workers.events("begun", "a")[1] - killed_at


def test_another_process_takes_over_after_the_silence(workers: Workers) -> None:
    """Detection, release and hand-over together take little longer than the silence."""
    assert _take_over(workers, QUICK) < QUICK["silence"] + 2


@pytest.mark.proves("DG-06")
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_another_process_takes_over_within_35_seconds(workers: Workers) -> None:
    """With the intervals of production."""
    assert _take_over(workers, REAL) < 35


def test_a_process_paused_beyond_its_silence_settles_nothing(workers: Workers) -> None:
    """It wakes, goes on living, and the job that was taken from it is settled by its successor alone."""
    workers.add("a", 3)
    first = workers.start(QUICK)
    workers.until(lambda: workers.events("begun", "a") != [], 40)
    workers.pause(first)
    workers.start(QUICK)
    workers.until(lambda: len(workers.events("begun", "a")) == 2, 40)
    first.send_signal(signal.SIGCONT)
    workers.until(lambda: workers.open_jobs() == 0, 40)
    assert workers.events("done", "a")[-1] - workers.events("begun", "a")[1] >= 3
    workers.add("b", 0)
    workers.until(lambda: workers.events("done", "b") != [], 40)
    assert first.poll() is None


@pytest.mark.proves("OP-01")
def test_sigterm_gives_open_work_to_others_at_once(workers: Workers) -> None:
    """No silence has to pass, and the process ends with 0 once the grace for what runs is over."""
    workers.add("a", 60)
    first = workers.start(REAL, grace=2.0)
    workers.until(lambda: workers.events("begun", "a") != [], 40)
    workers.start(REAL)
    workers.until(lambda: len(workers.events("serving")) == 2, 40)
    first.terminate()
    started_at = time.time()
    assert first.wait(25) == 0
    workers.until(lambda: len(workers.events("begun", "a")) == 2, 5)
    assert workers.events("begun", "a")[1] - started_at < 10


@pytest.mark.proves("DG-06")
def test_jobs_drawn_but_not_begun_at_kill_9_are_taken_over_too(workers: Workers) -> None:
    """Between the queue and the first look at the row, a job is in the name of the process that handed it over."""
    for number in range(40):
        workers.add(f"j{number}", 0.05)
    workers.start(QUICK, concurrency=1)
    workers.until(lambda: workers.events("begun") != [], 40)
    victim = workers.start(QUICK, stalls=True)
    workers.until(lambda: workers.events("drawn") != [], 40)
    victim.kill()
    victim.wait()
    workers.until(lambda: workers.open_jobs() == 0, 25)


@pytest.mark.proves("OP-02")
def test_no_job_is_lost_over_kills_at_random_moments(workers: Workers) -> None:
    """Two processes work; one of them is killed again and again and comes back; every job is done in the end."""
    draw = random.Random(7)
    keys = [f"j{number}" for number in range(120)]
    for number, key in enumerate(keys):
        workers.add(key, 0.01, partition=f"c{number % 10}" if number % 2 else None)
    workers.start(QUICK)
    for _ in range(6):
        victim = workers.start(QUICK)
        time.sleep(draw.uniform(0.3, 1.8))
        victim.kill()
        victim.wait()
    workers.until(lambda: workers.open_jobs() == 0, 40)
    assert all(workers.events("done", key) for key in keys)
