"""Kill the sending process between sending and recording, again and again, and count what the platform got.

    python -m tests.faults.sending.sweep --kills 500 --database sqlite
    python -m tests.faults.sending.sweep --kills 500 --database postgres [--seed 7]

No message may arrive twice; one that is recorded as sent arrived; one that did arrive is recorded as sent or unknown.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import sqlalchemy as sa

from hub.core.tables import metadata
from hub.db.engine import Database
from tests.faults.sending.child import run
from tests.faults.sending.platform import Platform
from tests.faults.sending.scene import Scene
from tests.postgres import running_server

AT_ONCE = 40
LONGEST = 60.0
"""Seconds after which a process that was not killed counts as hanging."""
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.faults.sending.child"])


@dataclass
class Found:
    """What came of a sweep. ``arrived_of_unknown``: so many unknown messages had arrived."""

    kills: dict[str, int]
    messages: int
    states: dict[str, int]
    arrived_of_unknown: int
    broken: list[str] = field(default_factory=list)


def sweep(url: str, kills: int, seed: int) -> Found:
    """Kill until there were so many kills, then let the rest be sent."""
    database, platform = Database(url), Platform(seed)
    scene = Scene.make(database)
    broken: list[str] = []
    with platform.listening() as port:
        while sum(platform.kills.values()) < kills and not broken:
            scene.ask(database, min(AT_ONCE, kills))
            broken += _until_nothing_waits(url, port, database, scene)
    states = scene.states(database)
    broken += _broken(states, platform.arrivals)
    database.close()
    return Found(
        kills=dict(platform.kills),
        messages=len(states),
        states=dict(Counter(states.values())),
        arrived_of_unknown=sum(platform.arrivals[each] for each, state in states.items() if state == "unknown"),
        broken=broken,
    )


def _until_nothing_waits(url: str, port: int, database: Database, scene: Scene) -> list[str]:
    while any(state in ("queued", "sending") for state in scene.states(database).values()):
        child = _FORKING.Process(target=run, args=(url, port, scene.organisation_id, scene.connection_id))
        child.start()
        child.join(LONGEST)
        if child.exitcode is None:
            child.kill()
            child.join()
            return ["a process hung"]
        if child.exitcode not in (0, -9):
            return [f"a process ended with {child.exitcode}"]
    return []


def _broken(states: dict[str, str], arrivals: Counter[str]) -> list[str]:
    twice = [f"{each} arrived {number} times" for each, number in arrivals.items() if number > 1]
    lost = [
        f"{each} is sent but never arrived" for each, state in states.items() if state == "sent" and not arrivals[each]
    ]
    other = [
        f"{each} is {state} after {arrivals[each]} arrivals"
        for each, state in states.items()
        if state not in ("sent", "unknown")
    ]
    return [*twice, *lost, *other]


@contextmanager
def _database(kind: str) -> Iterator[str]:
    if kind == "postgres":
        with running_server(Path(tempfile.gettempdir())) as server:
            yield sa.make_url(server).render_as_string(hide_password=False)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'hub.db'}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with _database(given.database) as url:
        database = Database(url)
        database.write_now(metadata.create_all)
        database.close()
        found = sweep(url, given.kills, given.seed)
    sys.stdout.write(json.dumps({"database": given.database, "seed": given.seed, **asdict(found)}, indent=1) + "\n")
    sys.exit(1 if found.broken else 0)


if __name__ == "__main__":
    main()
