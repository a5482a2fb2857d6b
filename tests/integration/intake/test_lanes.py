"""Connectors that run apart have lanes of their own: one that keeps its reader waiting keeps nobody else waiting."""

import asyncio
import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from hub.connector.models import RawSubmission, Submission
from hub.core.connections.apart import ConnectorFaultError, ConnectorRestingError, FaultKind, RunsApart
from hub.core.intake.form_work import FormWorks
from hub.core.intake.lane import Lane
from hub.core.intake.lanes import IntakeLanes
from hub.core.intake.ledger import Ledger
from hub.core.intake.models import receipts
from hub.core.intake.work_off import Intake
from tests.factories import PlainConnector, add_connection, answers, delivery, raw
from tests.integration.intake.conftest import PROCESS, Office

SOON = 15.0


class Elsewhere(PlainConnector, RunsApart):
    """A connector as if it ran apart; ``trouble`` is what it does before it reads."""

    def __init__(self, trouble: Callable[[RawSubmission], None] = lambda raw: None) -> None:
        self.trouble = trouble
        self.is_elsewhere = True

    @property
    def is_apart(self) -> bool:
        return self.is_elsewhere

    async def wait_for(self, name: str, *arguments: Any) -> Any:
        return await asyncio.to_thread(getattr(self, name), *arguments)

    def normalise(self, raw: RawSubmission) -> Submission:
        self.trouble(raw)
        return super().normalise(raw)


class Lanes:
    """An intake with lanes, for the office's connection and one of a connector that runs apart."""

    def __init__(self, office: Office, elsewhere: Elsewhere) -> None:
        self.office = office
        self.connectors = {"reference": PlainConnector(), "elsewhere": elsewhere}
        self.intake = IntakeLanes(office.database, office.clock, PROCESS, self.connectors)
        self.ledger = Ledger(office.database, office.clock, PROCESS, self.intake.offer)
        self.connection_id = office.database.write_now(
            lambda connection: add_connection(connection, office.organisation_id, connector="elsewhere")
        )

    async def store(self, connector: str, source_id: str) -> None:
        """One receipt, given to the intake."""
        connection_id = self.office.connection_id if connector == "reference" else self.connection_id
        made = delivery(
            self.office.organisation_id,
            connection_id,
            [raw(source_id, answers(source_id))],
            received_at=self.office.clock.now(),
            connector=connector,
        )
        await self.ledger.accept(made)

    def dispositions(self, connector: str) -> list[str]:
        """How the receipts of a connector ended."""
        return [row.disposition for row in self.office.rows(receipts, receipts.c.connector == connector)]

    async def until(self, connector: str, expected: list[str]) -> None:
        """Wait for it."""
        async with asyncio.timeout(SOON):
            for pause in itertools.repeat(0.02):
                if self.dispositions(connector) == expected:
                    return
                await asyncio.sleep(pause)


async def test_one_that_keeps_its_reader_waiting_holds_up_nobody(office: Office) -> None:
    """Ten receipts of another become leads while the first of this one is still being read."""
    free = threading.Event()
    lanes = Lanes(office, Elsewhere(lambda raw: free.wait(SOON) and None))
    lanes.intake.start()
    try:
        await lanes.store("elsewhere", "slow")
        for number in range(10):
            await lanes.store("reference", f"quick-{number}")
        await lanes.until("reference", ["lead_created"] * 10)
        assert lanes.dispositions("elsewhere") == ["pending"]
        free.set()
        await lanes.until("elsewhere", ["lead_created"])
    finally:
        free.set()
        await lanes.intake.stop()


async def test_receipts_wait_while_their_connector_rests(office: Office) -> None:
    """They are neither settled nor lost, and become leads as soon as it works."""
    rests = [0.1, 0.1, 0.1]

    def rest(raw: RawSubmission) -> None:
        if rests:
            raise ConnectorRestingError("It rests.", retry_after=timedelta(seconds=rests.pop()))

    lanes = Lanes(office, Elsewhere(rest))
    for number in range(3):
        await lanes.store("elsewhere", f"id-{number}")
    lanes.intake.start()
    try:
        await lanes.until("elsewhere", ["lead_created"] * 3)
        assert not rests
    finally:
        await lanes.intake.stop()


async def test_what_was_read_before_a_rest_is_settled(office: Office) -> None:
    """A connector that rests after each receipt still gets on: nothing is read again for ever."""
    seen: list[str] = []

    def one_at_a_time(raw: RawSubmission) -> None:
        seen.append(str(raw.source_id))
        if len(seen) % 2 == 0:
            raise ConnectorRestingError("It rests.", retry_after=timedelta(seconds=0.01))
        if raw.source_id == "id-1":
            raise ConnectorFaultError("elsewhere", "normalise", FaultKind.ENDED, "its process ended")

    lanes = Lanes(office, Elsewhere(one_at_a_time))
    for number in range(4):
        await lanes.store("elsewhere", f"id-{number}")
    lanes.intake.start()
    try:
        await lanes.until("elsewhere", ["lead_created", "quarantined", "lead_created", "lead_created"])
    finally:
        await lanes.intake.stop()
    (set_aside,) = office.rows(receipts, receipts.c.disposition == "quarantined")
    assert set_aside.reason == "connector_fault"
    assert set_aside.detail == "the connector failed: its process ended"


async def test_a_connector_that_is_moved_takes_its_receipts_along(office: Office) -> None:
    """What the common lane held is worked off by the lane that the connector gets."""
    connector = Elsewhere()
    connector.is_elsewhere = False
    lanes = Lanes(office, connector)
    await lanes.store("elsewhere", "before")
    connector.is_elsewhere = True
    lanes.intake.start()
    try:
        await lanes.store("reference", "other")
        await lanes.until("elsewhere", ["lead_created"])
        await lanes.until("reference", ["lead_created"])
    finally:
        await lanes.intake.stop()


async def test_a_lane_that_rests_is_stopped_at_once(office: Office) -> None:
    """A hub that stops does not wait for a rest to end; the receipt stays pending for the next process."""

    def rest(raw: RawSubmission) -> None:
        raise ConnectorRestingError("It rests.", retry_after=timedelta(minutes=1))

    lanes = Lanes(office, Elsewhere(rest))
    await lanes.store("elsewhere", "id-1")
    lanes.intake.start()
    await asyncio.sleep(0.2)
    await asyncio.wait_for(lanes.intake.stop(), timeout=5)
    assert lanes.dispositions("elsewhere") == ["pending"]


@pytest.mark.parametrize("only", [None, "elsewhere"])
async def test_a_lane_reads_its_own_receipts_alone(office: Office, only: str | None) -> None:
    """Of what stands in the database, each lane takes what belongs to it."""
    lanes = Lanes(office, Elsewhere())
    await lanes.store("elsewhere", "theirs")
    await lanes.store("reference", "ours")
    forms = FormWorks(office.database, office.clock)
    lane = Lane(only, lanes.connectors)
    await Intake(office.database, office.clock, PROCESS, lanes.connectors, forms, lane=lane).drain()
    settled = only or "reference"
    assert lanes.dispositions(settled) == ["lead_created"]
    assert lanes.dispositions({"reference": "elsewhere", "elsewhere": "reference"}[settled]) == ["pending"]
