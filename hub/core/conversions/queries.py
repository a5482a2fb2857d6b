"""What pages show of conversion feedback."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.conversions.models import conversion_reports, conversion_rules
from hub.db.types import AnyRow


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Filters of the list of reports; None means no filter."""

    state: str | None = None
    connection_id: UUID | None = None
    rule_id: UUID | None = None
    lead_id: UUID | None = None


def list_rules(connection: Connection, organisation_id: UUID) -> Sequence[AnyRow]:
    """All rules, oldest first."""
    return connection.execute(
        sa.select(conversion_rules)
        .where(conversion_rules.c.organisation_id == organisation_id)
        .order_by(conversion_rules.c.id)
    ).all()


def counts_by_rule(connection: Connection, organisation_id: UUID) -> dict[UUID, dict[str, int]]:
    """How many reports of each rule stand in each state."""
    rows = connection.execute(
        sa.select(conversion_reports.c.rule_id, conversion_reports.c.state, sa.func.count())
        .where(conversion_reports.c.organisation_id == organisation_id, conversion_reports.c.rule_id.is_not(None))
        .group_by(conversion_reports.c.rule_id, conversion_reports.c.state)
    )
    found: dict[UUID, dict[str, int]] = {}
    for rule_id, state, count in rows:
        found.setdefault(rule_id, {})[state] = count
    return found


def list_reports(
    connection: Connection,
    organisation_id: UUID,
    wanted: ReportFilter,
    *,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> Sequence[AnyRow]:
    """Reports, newest first, beginning after the row ``before``."""
    table = conversion_reports
    query = (
        sa.select(table)
        .where(table.c.organisation_id == organisation_id)
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(limit)
    )
    for name in ("state", "connection_id", "rule_id", "lead_id"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(table.c[name] == value)
    if before is not None:
        moment, report_id = before
        place = (sa.literal(moment, table.c.created_at.type), sa.literal(report_id, table.c.id.type))
        query = query.where(sa.tuple_(table.c.created_at, table.c.id) < sa.tuple_(*place))
    return connection.execute(query).all()
