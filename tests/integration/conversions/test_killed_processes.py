"""Processes that are killed while they report: nothing is lost, and the platform counts each event once."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.integration.conversions.conftest import Desk

REPORTS = 5
KILLS = 2
NEXT = timedelta(minutes=15)


class Counter:
    """Counts event ids, and kills the process that reports them: in turns before and after it has counted."""

    def __init__(self) -> None:
        self.process: Process | None = None
        self.arrived: list[str] = []
        self.kills = 0

    async def take(self, request: web.Request) -> web.Response:
        """One report."""
        ids = await request.json()
        dies = self.kills < KILLS
        self.kills += dies
        if not dies or self.kills % 2:
            self.arrived += ids
        if dies and self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
        return web.json_response({})


@pytest.mark.proves("P-53")
async def test_killed_processes_lose_and_double_nothing(desk: Desk, database_url: str) -> None:
    """SIGKILL between request and record, and before the platform has counted: all are reported in the end, and the
    platform, which knows an event id again, counts each once."""
    desk.add_rule(desk.stage("open", 1))
    for number in range(REPORTS):
        desk.move(await desk.lead(f"lead-{number}"), desk.stage("open", 1))
    await desk.collect()
    counter, app = Counter(), web.Application()
    app.router.add_post("/events", counter.take)
    async with TestServer(app) as server:
        ends = []
        for _ in range(KILLS + 2):
            arguments = (
                database_url,
                str(server.make_url("/events")),
                str(desk.office.organisation_id),
                str(desk.office.connection_id),
                desk.office.clock.now().isoformat(),
            )
            program = ("-m", "tests.integration.conversions.reporting_process")
            counter.process = await asyncio.create_subprocess_exec(sys.executable, *program, *arguments)
            ends.append(await counter.process.wait())
            desk.office.clock.advance(NEXT)
    assert ends == [-signal.SIGKILL] * KILLS + [0, 0]
    assert desk.states() == ["accepted"] * REPORTS
    assert set(counter.arrived) == {row.event_id for row in desk.reports()}
    assert len(counter.arrived) > REPORTS, "some arrived twice, under the same id"
