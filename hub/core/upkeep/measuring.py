"""What the operator measures of the whole hub: numbers only, over all organisations, none of which is named."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from hub.core.intake.balance import ledger_totals
from hub.core.intake.overdue import count_alerts, oldest_pending
from hub.core.jobs import queries as jobs
from hub.core.outbound import queries as outbound
from hub.core.processes.queries import heartbeats
from hub.core.upkeep.queries import count_by_state, expiring_grants


@dataclass(frozen=True, slots=True)
class Measurements:
    """The hub at one moment, read in one transaction.

    ``ledger``: by connector (None: of no connection) and way in, ``received`` and each disposition. ``connections``:
    by connector and state. ``expiries``: by connector, the time until the first grant of its active connections
    runs out; negative when it is past. ``messages`` are those that wait, leave, or ended unknown; ``foreign_reports``
    are about messages that nobody here is known to have sent.
    """

    ledger: dict[tuple[str | None, str], dict[str, int]]
    oldest_pending_for: timedelta
    alerts: int
    jobs: dict[str, int]
    connections: dict[tuple[str, str], int]
    expiries: dict[str, timedelta]
    processes: int
    messages: dict[str, int]
    foreign_reports: int


def measure(connection: Connection, now: datetime) -> Measurements:
    """Read counters and what is open; settled receipts and leads are not touched, however many there are."""
    oldest = oldest_pending(connection)
    expiries: dict[str, timedelta] = {}
    for grant in expiring_grants(connection):
        expiries.setdefault(grant.connection.connector, grant.expires_at - now)
    return Measurements(
        ledger=ledger_totals(connection),
        oldest_pending_for=max(now - oldest, timedelta()) if oldest is not None else timedelta(),
        alerts=count_alerts(connection),
        jobs=jobs.count_by_state(connection),
        connections=count_by_state(connection),
        expiries=expiries,
        processes=len(heartbeats(connection)),
        messages=outbound.count_unsettled(connection),
        foreign_reports=outbound.count_unknown_reports(connection),
    )
