"""An office that reports stages to a platform which judges strictly what it is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import pytest
from pydantic import JsonValue

from hub.connector.access import Access, HttpAnswer
from hub.connector.base import ReportsConversions
from hub.connector.conversions import (
    Conversion,
    ConversionOutcome,
    ConversionProfile,
    ConversionTarget,
    ConversionVerdict,
)
from hub.connector.models import Campaign, Consent, RawSubmission, Submission
from hub.core.conversions import service as rules
from hub.core.conversions.models import conversion_reports
from hub.core.conversions.service import RuleDraft
from hub.core.intake.form_work import FormWorks
from hub.core.intake.ledger import Ledger
from hub.core.intake.work_off import Intake
from hub.core.leads import service
from hub.core.leads.service import Author
from hub.core.pipelines.models import stages
from hub.jobs.conversions import Conversions
from hub.jobs.opening import ConnectionKey
from hub.testing.clock import VirtualClock
from tests.factories import PlainConnector
from tests.integration.intake.conftest import PROCESS, Office, office

__all__ = ["office"]

T = TypeVar("T")
ME = Author("user:00000000-0000-0000-0000-000000000001")
DATA_SET = ConversionTarget(id="data-set-1", name="Roof leads")
WINDOW = timedelta(days=7)
KNOWN_FOR = timedelta(hours=48)


@dataclass
class Platform:
    """Counts each event once for as long as it knows the event id, and refuses what is too old."""

    clock: VirtualClock
    arrived: list[tuple[datetime, Conversion]] = field(default_factory=list)
    counted: list[Conversion] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    """Raised one by one, before anything is read."""
    lost_answers: int = 0
    """So many calls are worked on, and their answer is lost."""
    verdicts: dict[str | None, ConversionVerdict] = field(default_factory=dict)
    poison: str | None = None
    """The connector falls over this lead."""
    calls: int = 0

    def take(self, conversions: Sequence[Conversion]) -> list[ConversionOutcome]:
        """Judge one call."""
        self.calls += 1
        if self.troubles:
            raise self.troubles.pop(0)
        if any(each.lead_id == self.poison for each in conversions):
            raise ZeroDivisionError("ada@example.com")
        outcomes = [self._judge(each) for each in conversions]
        if self.lost_answers:
            self.lost_answers -= 1
            raise asyncio.CancelledError
        return outcomes

    def _judge(self, conversion: Conversion) -> ConversionOutcome:
        now, event_id = self.clock.now(), conversion.event_id
        if conversion.happened_at < now - WINDOW:
            raise AssertionError("an event older than the window spoils the whole batch")
        if verdict := self.verdicts.get(conversion.lead_id):
            return ConversionOutcome(event_id=event_id, verdict=verdict, code="told_so")
        is_known = any(each.event_id == event_id and now - at < KNOWN_FOR for at, each in self.arrived)
        self.arrived.append((now, conversion))
        if not is_known:
            self.counted.append(conversion)
        return ConversionOutcome(event_id=event_id, verdict=ConversionVerdict.ACCEPTED)


class Reporting(PlainConnector, ReportsConversions):
    """The reference connector of these tests; click ids, consents and the platform stand in the body."""

    conversions: ClassVar[ConversionProfile] = ConversionProfile(
        by_lead_id=True,
        click_ids=("clid",),
        event_window=WINDOW,
        lead_window=timedelta(days=90),
        repeatable_for=KNOWN_FOR,
        batch_size=3,
    )

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def normalise(self, raw: RawSubmission) -> Submission:
        body = raw.body if isinstance(raw.body, dict) else {}
        found = super().normalise(raw)
        clicks = body.get("clicks")
        said = body.get("consent")
        return found.model_copy(
            update={
                "campaign": Campaign(click_ids=clicks) if isinstance(clicks, dict) else None,
                "consents": (Consent(key="ads", text="May we?", given=bool(said), purpose="ads"),)
                if said is not None
                else (),
            }
        )

    async def list_conversion_targets(self, access: Access) -> Sequence[ConversionTarget]:
        return [DATA_SET]

    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        return self.platform.take(conversions)


class NoTransport:
    """Nothing is called over the network here."""

    async def send(self, method: str, url: str, **more: Any) -> HttpAnswer:
        raise AssertionError(url)


class Direct:
    """Accesses without grants."""

    def __init__(self, clock: VirtualClock) -> None:
        self.access = Access(NoTransport(), clock)

    async def open(self, organisation_id: UUID, connection_id: UUID) -> Access:
        return self.access

    async def run(self, organisation_id: UUID, connection_id: UUID, work: Callable[[Access], Awaitable[T]]) -> T:
        return await work(self.access)


@dataclass
class Desk:
    """The office with its platform and the jobs that report."""

    office: Office
    platform: Platform
    connector: Reporting
    job: Conversions

    def add_rule(self, stage_id: UUID, event_name: str = "Qualified", **more: Any) -> UUID:
        """A rule that counts from now on."""
        draft = self.draft(stage_id, event_name, **more)
        now = self.office.clock.now()
        return self.office.database.write_now(
            rules.create_rule, self.office.organisation_id, self.connectors, draft, now
        )

    def draft(self, stage_id: UUID, event_name: str = "Qualified", **more: Any) -> RuleDraft:
        """What an admin selects."""
        wanted = {"connection_id": self.office.connection_id, "target": DATA_SET, **more}
        return RuleDraft(stage_id=stage_id, event_name=event_name, **wanted)

    @property
    def connectors(self) -> dict[str, Any]:
        """The installed connectors."""
        return {"reference": self.connector}

    def stage(self, kind: str, place: int = 0) -> UUID:
        """The id of a stage of a kind, in their order."""
        found = sorted((row for row in self.office.rows(stages) if row.kind == kind), key=lambda row: row.position)
        return UUID(str(found[place].id))

    async def lead(self, source_id: str = "lead-1", **body: Any) -> Any:
        """A lead that just came; its row."""
        person = {"answers": {"full_name": ["Ada"], "email": [f"{source_id}@example.com"]}}
        known = {row.id for row in self.office.leads()}
        await self.office.send((source_id, {**person, **body}))
        return next(row for row in self.office.leads() if row.id not in known)

    def move(self, lead: Any, stage_id: UUID) -> None:
        """Move a lead as somebody of the office."""
        where = (self.office.organisation_id, lead.id, stage_id)
        reason = {"lost_reason": "Too expensive"}
        self.office.database.write_now(service.move_stage, *where, author=ME, now=self.office.clock.now(), **reason)

    async def collect(self) -> None:
        """What the planned job does."""
        await self.job.find_conversions()

    async def report(self) -> None:
        """Collect, and send what is due."""
        await self.collect()
        await self.job.report(self.payload)

    @property
    def payload(self) -> JsonValue:
        """Of the job of the office's connection."""
        return ConnectionKey(self.office.organisation_id, self.office.connection_id).payload()

    def reports(self) -> Sequence[Any]:
        """Every report, oldest first."""
        return self.office.rows(conversion_reports)

    def states(self) -> list[str]:
        """The state of each report."""
        return [row.state for row in self.reports()]


@pytest.fixture
def desk(office: Office) -> Desk:
    """Without rules yet."""
    platform = Platform(office.clock)
    connector = Reporting(platform)
    connectors = {"reference": connector}
    office.intake = Intake(office.database, office.clock, PROCESS, connectors, FormWorks(office.database, office.clock))
    office.ledger = Ledger(office.database, office.clock, PROCESS, office.intake.offer)
    job = Conversions(office.database, office.clock, connectors, Direct(office.clock), jitter=lambda: 1.0)
    return Desk(office, platform, connector, job)
