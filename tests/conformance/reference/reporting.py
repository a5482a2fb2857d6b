"""Reports of the reference connector."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from hub.connector.access import Access
from hub.connector.base import ReportsConversions
from hub.connector.conversions import (
    Conversion,
    ConversionOutcome,
    ConversionProfile,
    ConversionTarget,
    ConversionVerdict,
)
from hub.connector.errors import RetryableError

API = "https://api.reference.example"
VERDICTS: Mapping[str, tuple[ConversionVerdict, str]] = {
    "taken": (ConversionVerdict.ACCEPTED, ""),
    "unknown_lead": (ConversionVerdict.REFUSED, "The platform does not know this lead."),
    "too_old": (ConversionVerdict.TOO_LATE, "The platform takes an event for a week."),
}


class ReferenceReports(ReportsConversions):
    """Events by the platform's lead id, each with an answer of its own."""

    conversions: ClassVar[ConversionProfile] = ConversionProfile(
        by_lead_id=True, event_window=timedelta(days=7), batch_size=100
    )

    async def list_conversion_targets(self, access: Access) -> Sequence[ConversionTarget]:
        """The lists to which events can be sent."""
        rows = _rows((await access.get(f"{API}/targets")).body, "targets", "id", "name")
        return [ConversionTarget(id=row["id"], name=row["name"]) for row in rows]

    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        """One call for all events."""
        events = [self.event(access, each) for each in conversions]
        answer = await access.call("POST", f"{API}/targets/{target.id}/events", json_body={"events": events})
        return [self.outcome(row["key"], row["said"]) for row in _rows(answer.body, "outcomes", "key", "said")]

    def event(self, access: Access, conversion: Conversion) -> dict[str, Any]:
        """One event as the platform wants it."""
        return {
            "key": conversion.event_id,
            "name": conversion.event_name,
            "at": int(conversion.happened_at.timestamp()),
            "lead": conversion.lead_id,
        }

    def outcome(self, event_id: str, said: str) -> ConversionOutcome:
        """What the platform's word for it means."""
        verdict, message = VERDICTS.get(said, (ConversionVerdict.REFUSED, "The platform refused this event."))
        return ConversionOutcome(event_id=event_id, verdict=verdict, code=said if message else None, message=message)


def _rows(body: Any, name: str, *members: str) -> list[dict[str, str]]:
    rows = body.get(name) if isinstance(body, dict) else None
    if isinstance(rows, list) and all(_has(row, members) for row in rows):
        return rows
    raise RetryableError("The platform's list could not be read.", code="garbage")


def _has(row: Any, members: Sequence[str]) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(each), str) for each in members)
