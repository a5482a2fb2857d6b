"""What the intake hands over to the leads: a submission, mapped, with everything needed to create or join a lead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from hub.connector.models import Submission
from hub.core.opt_outs.words import Wish
from mapping.contacts import ContactPoint
from mapping.engine import MappedSubmission
from mapping.rules import Policy

LATE_AFTER = timedelta(hours=1)
"""A submission received this long after it was made is late: its owner is told (X-10)."""


@dataclass(frozen=True, slots=True)
class LeadKey:
    """The one-lead-per-platform-id key (DG-03): what the id is unique within, and the id."""

    scope: str
    source_id: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a new lead of a form starts, form defaults applied to the organisation's own."""

    pipeline_id: UUID
    stage_id: UUID
    stage_kind: str
    source_id: UUID
    type_id: UUID | None = None
    priority: str | None = None
    centre_id: UUID | None = None
    assignee_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """One receipt's submission on its way into the leads."""

    receipt_id: UUID
    connection_id: UUID | None
    connector: str
    path: str
    received_at: datetime
    digest: str
    key: LeadKey
    submission: Submission
    mapped: MappedSubmission
    contacts: tuple[ContactPoint, ...]
    placement: Placement
    source_form_id: UUID | None
    form_name: str
    mapping_version: int
    policies: Mapping[str, Policy]
    wish: Wish | None = None
    receipt: str = field(init=False)
    """``receipt_id`` as text, which every value of a lead names as its origin."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "receipt", str(self.receipt_id))

    @property
    def is_late(self) -> bool:
        """Whether it was received long after the person sent it."""
        return self.received_at - self.submission.submitted_at > LATE_AFTER

    def text(self, *keys: str) -> str:
        """The first of these master fields that holds a text, else an empty text."""
        for key in keys:
            value = self.mapped.values.get(key)
            if isinstance(value, str) and value:
                return value
        return ""

    @property
    def name(self) -> str:
        """The person's name: whole where it came whole, else from its parts."""
        whole = self.text("full_name")
        return whole or " ".join(part for part in (self.text("first_name"), self.text("last_name")) if part)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one submission ended: the disposition of its receipt, the lead, and a reason where one helps."""

    receipt_id: UUID
    disposition: str
    lead_id: UUID | None
    reason: str | None = None
