"""By which of its submissions a platform knows a lead, and until when it takes news of it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from hub.connector.conversions import ConversionProfile
from hub.db.types import AnyRow


def matching_submission(
    submissions: Sequence[AnyRow], profile: ConversionProfile, connection_id: UUID
) -> AnyRow | None:
    """The first submission that the platform knows: one that came through the rule's own connection, or one that
    carries a click of its. The first, because a lead must not be reported once more when its person asks again."""
    for row in submissions:
        if (profile.by_lead_id and row.connection_id == connection_id) or click_ids_of(row, profile):
            return row
    return None


def click_ids_of(submission: AnyRow, profile: ConversionProfile) -> Mapping[str, str]:
    """The click ids that the platform gave; of the submission's own visit, or else of the person's first one."""
    for touch in (submission.campaign, submission.first_touch):
        known = (touch or {}).get("click_ids") or {}
        found = {name: str(known[name]) for name in profile.click_ids if known.get(name)}
        if found:
            return found
    return {}


def report_until(profile: ConversionProfile, happened_at: datetime, submitted_at: datetime) -> datetime | None:
    """The last moment at which the platform takes an event; None where there is none."""
    ends = []
    if profile.event_window is not None:
        ends.append(happened_at + profile.event_window)
    if profile.lead_window is not None:
        ends.append(submitted_at + profile.lead_window)
    return min(ends, default=None)
