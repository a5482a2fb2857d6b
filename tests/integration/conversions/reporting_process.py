"""A process that reports what is due and ends, or is killed on its way.

Arguments: database, platform, organisation, connection, and the time that it is.

Its connector tells the platform by HTTP, so that the process can die between a request and its record.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import aiohttp

from hub.connector.access import Access
from hub.connector.conversions import Conversion, ConversionOutcome, ConversionTarget, ConversionVerdict
from hub.db.engine import Database
from hub.jobs.conversions import Conversions
from hub.jobs.opening import ConnectionKey
from hub.testing.clock import VirtualClock
from tests.integration.conversions.conftest import Direct, Platform, Reporting


class ReportingByHttp(Reporting):
    """Posts event ids to an address."""

    def __init__(self, url: str, clock: VirtualClock) -> None:
        super().__init__(Platform(clock))
        self.url = url

    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        ids = [each.event_id for each in conversions]
        async with aiohttp.ClientSession() as session, session.post(self.url, json=ids) as answer:
            answer.raise_for_status()
        return [ConversionOutcome(event_id=each, verdict=ConversionVerdict.ACCEPTED) for each in ids]


async def main(database_url: str, platform: str, organisation_id: str, connection_id: str, now: str) -> None:
    """Report once."""
    database, clock = Database(database_url), VirtualClock(datetime.fromisoformat(now))
    connectors = {"reference": ReportingByHttp(platform, clock)}
    key = ConnectionKey(UUID(organisation_id), UUID(connection_id))
    await Conversions(database, clock, connectors, Direct(clock)).report(key.payload())
    database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
