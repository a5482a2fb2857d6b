"""The process that is killed: it sends what waits, over HTTP, until nothing waits any more."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import aiohttp

from hub.connector.access import Access
from hub.connector.base import Sends
from hub.connector.clock import SystemClock
from hub.connector.errors import RetryableError
from hub.connector.sending import OutgoingMessage, Sent
from hub.core.outbound import settling
from hub.core.outbound.moving import send_job
from hub.core.outbound.queries import is_anything_open
from hub.db.engine import Database
from hub.jobs.addresses import WebhookAddresses
from hub.jobs.sending import Sending
from tests.factories import PlainConnector

T = TypeVar("T")
PROCESS = "sending-0"


class Posting(PlainConnector, Sends):
    """Hands each message to the platform on this port, with the number of its own process."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        """One request of a connection of its own."""
        body = {"id": message.id, "process": os.getpid()}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"http://127.0.0.1:{self.port}/", json=body) as answer,
            ):
                return Sent(provider_id=(await answer.json())["id"])
        except aiohttp.ClientError:
            raise RetryableError("No answer.") from None


class Opening:
    """Opens every connection without a grant."""

    async def open(self, organisation_id: UUID, connection_id: UUID) -> Access:
        """Nothing is called through it."""
        return Access(None, SystemClock())  # type: ignore[arg-type]  # no transport is used

    async def run(self, organisation_id: UUID, connection_id: UUID, work: Callable[[Access], Awaitable[T]]) -> T:
        """Do the work."""
        return await work(await self.open(organisation_id, connection_id))


def run(url: str, port: int, organisation_id: UUID, connection_id: UUID) -> None:
    """What a process does from its start, as the hub's processes do: give up what one of its name had, then send."""
    database, clock = Database(url), SystemClock()
    database.write_now(settling.abandon, PROCESS)
    addresses = WebhookAddresses(database, "https://hub.example.com")
    sending = Sending(database, clock, {"reference": Posting(port)}, Opening(), PROCESS, addresses)
    payload = send_job(organisation_id, connection_id).payload
    while database.read_now(is_anything_open, organisation_id, connection_id, clock.now()):
        asyncio.run(sending.send(payload))
    database.close()
