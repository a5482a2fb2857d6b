"""One process of several that receive the same submission again and again: ``python -m tests.judges.copying``.

Arguments: database address, name of this process, organisation, connection, number of copies.
"""

import asyncio
import sys
from dataclasses import dataclass
from uuid import UUID

from hub.connector.clock import SystemClock
from hub.core.intake.claiming import take_over
from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.queries import ReceiptFilter
from hub.core.intake.receipts import Path
from hub.core.intake.redriving import redrive
from hub.core.intake.work_off import Intake
from hub.db.engine import Database
from tests.factories import PlainConnector, answers, delivery, raw

SOURCE_ID = "lead-1"


@dataclass
class Copier:
    """Takes copies by every way there is, and works them off."""

    database: Database
    name: str
    organisation_id: UUID
    connection_id: UUID

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        forms = FormWorks(self.database, self.clock)
        self.intake = Intake(self.database, self.clock, self.name, {"reference": PlainConnector()}, forms)
        self.ledger = Ledger(self.database, self.clock, self.name, self.intake.offer)

    async def copy(self, path: Path, *, is_held: bool) -> None:
        """One copy; a held one waits in quarantine for its release."""
        submission = raw(SOURCE_ID, answers(email="ada@customer.example"))
        await self.ledger.accept(
            delivery(
                self.organisation_id,
                self.connection_id,
                [submission],
                path=path,
                received_at=self.clock.now(),
                hold="inactive" if is_held else None,
            )
        )

    async def run(self, copies: int) -> None:
        """All copies at once: delivered, pulled, and held and released."""
        self.intake.start()
        ways = ((Path.WEBHOOK, False), (Path.PULL, False), (Path.WEBHOOK, True))
        await asyncio.gather(
            *(self.copy(path, is_held=held) for path, held in (ways[n % len(ways)] for n in range(copies)))
        )
        await self.database.write(
            redrive,
            self.organisation_id,
            ReceiptFilter(disposition="quarantined"),
            process_name=self.name,
            actor="hub",
            now=self.clock.now(),
        )
        await self.intake.stop()
        await self.database.write(take_over, self.name, [])
        await self.intake.drain()
        await self.ledger.close()


def main(url: str, name: str, organisation_id: str, connection_id: str, copies: str) -> None:
    """Wait for a line, so that all processes begin together, and go."""
    database = Database(url)
    copier = Copier(database, name, UUID(organisation_id), UUID(connection_id))
    print("ready", flush=True)  # noqa: T201 - the test waits for this line
    sys.stdin.readline()
    asyncio.run(copier.run(int(copies)))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
