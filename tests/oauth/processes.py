"""What runs in processes of its own: many callers at once, and a process that dies at a named step."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any
from uuid import UUID

from hub.connector.clock import SystemClock
from hub.connector.models import Grant
from hub.connector.oauth import read_token_answer
from hub.db.engine import Database
from tests.oauth.harness import Hub, open_hub
from tests.oauth.strict_connector import ORIGIN


def answer_rounds(
    database_url: str, server_url: str, organisation_id: UUID, connection_id: UUID, name: str, pipe: Pipe
) -> None:
    """For each number received, ask for a grant by so many callers at once; answer with the tokens they got."""
    asyncio.run(_answer_rounds(database_url, server_url, organisation_id, connection_id, name, pipe))


async def _answer_rounds(
    database_url: str, server_url: str, organisation_id: UUID, connection_id: UUID, name: str, pipe: Pipe
) -> None:
    database = Database(database_url)
    async with open_hub(database, SystemClock(), server_url, name) as hub:
        pipe.send("ready")
        while callers := await asyncio.to_thread(pipe.recv):
            calls = (_token(hub, organisation_id, connection_id) for _ in range(callers))
            pipe.send(await asyncio.gather(*calls, return_exceptions=True))
    database.close()


async def _token(hub: Hub, organisation_id: UUID, connection_id: UUID) -> str:
    return (await hub.access.open(organisation_id, connection_id)).token().get_secret_value()


class DyingDatabase(Database):
    """Kills its process before or after the nth write."""

    def __init__(self, url: str, step: str) -> None:
        super().__init__(url)
        self._step = step
        self._writes = 0

    async def write(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As ever, until the step."""
        self._writes += 1
        die_if(self._step, f"before write {self._writes}")
        result = await super().write(work, *args, **kwargs)
        die_if(self._step, f"after write {self._writes}")
        return result


STEPS = (
    "before write 1",
    "after write 1",
    "before write 2",
    "after write 2",
    "before request",
    "during request",
    "after request",
    "before write 3",
    "after write 3",
)
"""Write 1 takes the lease, write 2 stores the intent, write 3 stores the new grant and frees the lease."""


def die_if(wanted: str, here: str) -> None:
    """Die as in a power cut."""
    if wanted == here:
        os.kill(os.getpid(), signal.SIGKILL)


def renew_and_die(database_url: str, server_url: str, organisation_id: UUID, connection_id: UUID, step: str) -> None:
    """Renew a grant, and die at the step."""
    asyncio.run(_renew_and_die(database_url, server_url, organisation_id, connection_id, step))


async def _renew_and_die(
    database_url: str, server_url: str, organisation_id: UUID, connection_id: UUID, step: str
) -> None:
    database = DyingDatabase(database_url, step)
    async with open_hub(database, SystemClock(), server_url, "dying") as hub:

        async def renew(grant: Grant) -> Grant:
            die_if(step, "before request")
            assert grant.refresh_token is not None
            form = {
                "grant_type": "refresh_token",
                "refresh_token": grant.refresh_token.get_secret_value(),
                "client_id": "client-1",
                "client_secret": "client-secret-canary",
            }
            body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
            headers = {"content-type": "application/x-www-form-urlencoded"}
            sending = asyncio.create_task(hub.transport.send("POST", f"{ORIGIN}/token", headers=headers, body=body))
            if step == "during request":
                await asyncio.sleep(0.15)  # the server answers after 0.3 s
            die_if(step, "during request")
            answer = await sending
            die_if(step, "after request")
            return read_token_answer(json.loads(answer.body), hub.clock.now())

        await hub.renewer.fresh_grant(connection_id, organisation_id, renew)
