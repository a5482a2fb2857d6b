"""A process of the hub with a job engine and one kind of job, for tests that kill it.

It writes ``begun KEY`` and ``done KEY`` lines, each with the time, to the file it is given; a job takes as many
seconds as its payload says.
"""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from uuid import UUID

from pydantic import JsonValue

from hub.connector.clock import SystemClock
from hub.core.jobs import service
from hub.core.processes.identity import take_name
from hub.db.engine import Database
from hub.jobs.engine import JobEngine, Pace
from hub.jobs.presence import Presence, Rhythm


def note(journal: Path, event: str, key: str) -> None:
    """One line in one write, so that several processes can share the file."""
    with journal.open("a") as file:
        file.write(f"{event} {key} {time.time()}\n")


async def serve(url: str, journal: Path, rhythm: Rhythm, pace: Pace, *, stalls: bool) -> None:
    """Until SIGTERM. One that ``stalls`` draws jobs from the queue and begins none of them."""
    database, clock = Database(url), SystemClock()
    held = take_name(database, "host", "worker")
    engine = JobEngine(database, clock, process_name=held.name, pace=pace)
    ended = asyncio.Event()

    async def handle(payload: JsonValue) -> None:
        assert isinstance(payload, dict)
        key, seconds = str(payload["key"]), payload["seconds"]
        assert isinstance(seconds, int | float)
        note(journal, "begun", key)
        await asyncio.sleep(seconds)
        note(journal, "done", key)

    async def stall(job_id: UUID, generation: int) -> None:
        note(journal, "drawn", f"{job_id}.{generation}")
        await ended.wait()

    engine.register("work", handle)
    if stalls:
        engine._handlers.run = stall  # type: ignore[method-assign]
    presence = Presence(
        database,
        clock,
        held,
        releases=[service.release],
        gives_back=[service.release],
        on_taken_over=engine.resume_from,
        on_name_lost=ended.set,
        rhythm=rhythm,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await presence.start()
    await engine.start()
    note(journal, "serving", held.name)
    await ended.wait()
    await engine.stop()
    await presence.stop()
    database.close()
    note(journal, "ended", held.name)


if __name__ == "__main__":
    options = json.loads(sys.argv[4])
    stalling = options.pop("stalls", False)
    asyncio.run(
        serve(sys.argv[1], Path(sys.argv[2]), Rhythm(**json.loads(sys.argv[3])), Pace(**options), stalls=stalling)
    )
