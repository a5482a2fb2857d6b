"""Reporting back to a platform what became of its leads: what is reported, to where, and what the platform said."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from hub.connector.model import Identifier, Model

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""A currency by its code (ISO 4217)."""


class ConversionProfile(Model):
    """What a platform takes as a conversion.

    A lead is of interest where the platform knows it by one of its own: its lead id (``by_lead_id``), or one of
    these ``click_ids`` (by the names of ``Campaign.click_ids``), whichever connection the lead came through.
    An event counts for ``event_window`` after it happened, and for ``lead_window`` after the lead was submitted (None:
    without limit). ``repeatable_for`` is how long the platform knows an event id again, so that sending it twice
    counts once (None: always). ``batch_size`` is how many events one call may hold. With ``has_event_names`` the
    admin chooses a name for the event; without, the target alone says what happened.
    """

    by_lead_id: bool = False
    click_ids: tuple[str, ...] = ()
    event_window: timedelta | None = None
    lead_window: timedelta | None = None
    repeatable_for: timedelta | None = None
    batch_size: int = Field(default=500, ge=1)
    has_event_names: bool = True


class ConversionTarget(Model):
    """Where reports can go to: a data set, a conversion action. ``part_id`` names the account part that it hangs on."""

    id: Identifier
    name: str
    part_id: Identifier | None = None


class Conversion(Model):
    """One step of a lead that is reported.

    ``event_id`` is the same at every attempt and of no other event. ``lead_id`` is the platform's own id of the lead,
    as the connector named it in ``Submission.source_id``; ``submitted_at`` when the person sent it.
    """

    event_id: Identifier
    event_name: str
    happened_at: AwareDatetime
    submitted_at: AwareDatetime
    lead_id: Identifier | None = None
    click_ids: Mapping[str, str] = Field(default_factory=dict)
    value: Decimal | None = None
    currency: Currency | None = None


class ConversionVerdict(StrEnum):
    """What the platform made of one event."""

    ACCEPTED = "accepted"
    """Taken, or known already under this event id."""
    REFUSED = "refused"
    """Not taken; the same event would be refused again."""
    TOO_LATE = "too_late"
    """Not taken, because it or its lead is too old by now."""
    NOT_YET = "not_yet"
    """Not taken now; the same event may be taken ``retry_after``."""


class ConversionOutcome(Model):
    """The platform's answer to one event. ``code`` is stable, ``message`` says in plain words what to do."""

    event_id: Identifier
    verdict: ConversionVerdict
    code: str | None = None
    message: str = ""
    retry_after: timedelta | None = None
