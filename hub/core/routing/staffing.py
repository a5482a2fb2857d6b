"""Who takes leads, how many and when."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.organisations.checks import zoned
from hub.core.organisations.errors import RefusedChangeError, UnknownRecordError
from hub.core.organisations.service import check_capacity, check_weight
from hub.core.routing.hours import read_hours
from hub.core.routing.loading import lock_routing
from hub.core.routing.models import assignees


def set_absence(
    connection: Connection, organisation_id: UUID, user_id: UUID, *, start: datetime | None, end: datetime | None
) -> None:
    """Absent from ``start`` (None: since ever) until ``end`` (None: until further notice); both None ends it."""
    if start is not None and end is not None and end <= start:
        raise RefusedChangeError("the absence ends before it starts; correct one of the two", field="absent_until")
    _change(connection, organisation_id, user_id, absent_from=start, absent_until=end)


def set_capacity(connection: Connection, organisation_id: UUID, user_id: UUID, capacity: int | None) -> None:
    """How many open leads the person may have at most; None for no limit."""
    check_capacity(capacity)
    _change(connection, organisation_id, user_id, capacity=capacity)


def set_weight(connection: Connection, organisation_id: UUID, user_id: UUID, weight: int) -> None:
    """The person's share under the weighted strategy, 1 to 100; their turn starts anew."""
    check_weight(weight)
    _change(connection, organisation_id, user_id, weight=weight, current_weight=0)


def set_takes_leads(connection: Connection, organisation_id: UUID, user_id: UUID, takes_leads: bool) -> None:
    """Whether automatic assignment may choose the person at all."""
    _change(connection, organisation_id, user_id, takes_leads=takes_leads)


def set_hours(
    connection: Connection,
    organisation_id: UUID,
    user_id: UUID,
    hours: Mapping[str, Sequence[Sequence[str]]] | None,
    time_zone: str | None,
) -> None:
    """Weekly working hours as ``hours.read_hours`` reads them, in an IANA time zone; None means always."""
    if hours is None:
        _change(connection, organisation_id, user_id, hours=None, time_zone=None)
        return
    if time_zone is None:
        raise RefusedChangeError("working hours need a time zone, for example Europe/Lisbon", field="time_zone")
    read_hours(hours, zoned(time_zone))
    stored = {day: [list(span) for span in spans] for day, spans in hours.items()}
    _change(connection, organisation_id, user_id, hours=stored, time_zone=time_zone)


def _change(connection: Connection, organisation_id: UUID, user_id: UUID, **values: Any) -> None:
    """Write under the routing lock: what routes after this sees it, and nothing routes half before it."""
    lock_routing(connection, organisation_id)
    mine = (assignees.c.organisation_id == organisation_id, assignees.c.user_id == user_id)
    if connection.execute(sa.update(assignees).where(*mine).values(values)).rowcount == 0:
        raise UnknownRecordError("assignee")
