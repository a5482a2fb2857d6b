"""What routing is told about a lead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(slots=True)
class RoutingRequest:
    """One lead that needs somebody.

    ``values`` are mapped values by master field key, ``campaign`` is a contract ``Campaign`` as JSON, ``priority``
    is ``critical``, ``high``, ``medium`` or ``low``. ``default_assignee_id`` comes from the form defaults,
    ``former_owner_id`` is who had the last lead of the same person (P-45). ``not_to`` are people who must not get
    it now, such as the one it was just taken from. ``is_overdue``: it waited in a queue until the clock ran out, so
    rules that name a queue are passed over.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    source_form_id: UUID | None = None
    source_id: UUID | None = None
    type_id: UUID | None = None
    centre_id: UUID | None = None
    priority: str | None = None
    campaign: Mapping[str, Any] | None = None
    language: str | None = None
    default_assignee_id: UUID | None = None
    former_owner_id: UUID | None = None
    not_to: frozenset[UUID] = frozenset()
    is_overdue: bool = False
