"""Kill the whole demonstration with SIGKILL at random moments, start it again, and look whether anything is missing.

    python -m tests.faults.kill_sweep --rounds 200 --database sqlite
    python -m tests.faults.kill_sweep --rounds 200 --database postgres [--seed 7]

A round is one kill. A scenario that was killed goes on in the next round, in the same folder; one that reached its end
is checked twice, by itself and by ``outside_check``, and the next begins. The seed is printed: the same seed waits the
same times.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from tests.faults.outside_check import broken_invariants
from tests.postgres import running_server

COMMAND = "from hub.cli import main; main()"
TELL_EVERY = 25
LONGEST = 240.0
"""Seconds after which a run that is not killed counts as hanging."""


@dataclass
class Tally:
    """What happened so far."""

    kills: int = 0
    finished: int = 0
    kills_of_finished: list[int] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


@dataclass
class Subject:
    """One scenario in its folder, on its own database."""

    folder: Path
    database_url: str

    @property
    def rows_url(self) -> str:
        """Where its rows are."""
        if not self.database_url:
            return f"sqlite:///{self.folder / 'data' / 'leadhub.db'}"
        return sa.make_url(self.database_url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)

    def start(self) -> "subprocess.Popen[bytes]":
        """Begin, or go on."""
        arguments = [sys.executable, "-c", COMMAND, "demo", "--once", "--json", "--data", str(self.folder / "data")]
        if self.database_url:
            arguments += ["--database-url", self.database_url]
        out, err = (self.folder / "out.json").open("wb"), (self.folder / "err.log").open("ab")
        with out, err:
            return subprocess.Popen(arguments, stdout=out, stderr=err)

    def faults(self, code: int) -> list[str]:
        """What is wrong after a run that ended by itself."""
        if code != 0:
            report = (self.folder / "out.json").read_text()[:3000]
            return [f"exit code {code}", report, (self.folder / "err.log").read_text()[-3000:]]
        report = json.loads((self.folder / "out.json").read_text())
        return [] if report["ok"] else ["not ok, yet exit code 0"]


def sweep(
    rounds: int, seed: int, make_subject: Callable[[], Subject], *, longest_wait: float, say: Callable[[str], None]
) -> Tally:
    """Kill so many times, then let the last scenario reach its end. Stops at the first fault, and keeps its folder."""
    draw, tally = random.Random(seed), Tally()
    while tally.kills < rounds and not tally.broken:
        subject, kills = make_subject(), 0
        code = None
        while code is None:
            wait = _wait(draw, longest_wait) if tally.kills < rounds else LONGEST
            code = _run(subject, wait)
            if code is None:
                kills, tally.kills = kills + 1, tally.kills + 1
                if tally.kills % TELL_EVERY == 0:
                    say(f"{tally.kills} kills so far")
                if tally.kills > rounds:
                    tally.broken.append(f"a run hung for {LONGEST:.0f} s in {subject.folder}")
                    return tally
        tally.broken += subject.faults(code)
        tally.broken += broken_invariants(subject.folder / "data", subject.rows_url) if not tally.broken else []
        tally.finished += 1
        tally.kills_of_finished.append(kills)
        verdict = f"BROKEN in {subject.folder}" if tally.broken else "good"
        say(f"scenario {tally.finished}: {kills} kills, {verdict}")
        if not tally.broken:
            shutil.rmtree(subject.folder)
    return tally


def _wait(draw: random.Random, longest: float) -> float:
    """Half of the kills fall into starting and recovering, the other half anywhere."""
    return draw.uniform(0.3, 4.5) if draw.random() < 0.5 else draw.uniform(2.5, longest)


def _run(subject: Subject, seconds: float) -> int | None:
    """The exit code, or None where it was killed."""
    process = subject.start()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


@contextmanager
def postgres_subjects(home: Path) -> Iterator[Callable[[], Subject]]:
    """Scenarios on databases of a server of our own."""
    with running_server(home.parent) as server_url:
        yield lambda: postgres_subject(home, server_url)


def postgres_subject(home: Path, server_url: str) -> Subject:
    """A scenario on a new, empty database of this server."""
    name = f"sweep_{uuid4().hex[:10]}"
    server = sa.make_url(server_url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    url = server.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    return Subject(_folder(home), url)


def sqlite_subject(home: Path) -> Subject:
    """A scenario on a file of its own."""
    return Subject(_folder(home), "")


def _folder(home: Path) -> Path:
    folder = home / uuid4().hex[:10]
    folder.mkdir(parents=True)
    return folder


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Kill the demonstration at random moments and check what is left.")
    parser.add_argument("--rounds", type=int, default=200, help="how many kills")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--longest-wait", type=float, default=14.0, help="seconds until a kill, at most")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    _say(f"seed {seed}, {given.rounds} kills, {given.database}")
    home, started = Path(tempfile.mkdtemp(prefix="leadhub-sweep-")), time.monotonic()

    def run(make_subject: Callable[[], Subject]) -> Tally:
        return sweep(given.rounds, seed, make_subject, longest_wait=given.longest_wait, say=_say)

    if given.database == "sqlite":
        tally = run(lambda: sqlite_subject(home))
    else:
        with postgres_subjects(home) as make_subject:
            tally = run(make_subject)
    minutes = (time.monotonic() - started) / 60
    _say(f"{tally.kills} kills, {tally.finished} scenarios reached their end, {minutes:.1f} minutes")
    _say("\n".join(tally.broken) or "Nothing missing, nothing double, the balance holds.")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
