"""The end of held spam: what nobody released for 30 days is turned away for good, and its content removed (PF-05)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.audit import service as audit
from hub.core.intake import counters
from hub.core.intake.models import receipts
from hub.core.intake.receipts import Disposition, Path
from hub.db.types import AnyRow

HELD_FOR = timedelta(days=30)
REASON = "spam_not_released"
_DETAIL = "Held for 30 days as suspected spam and not released by anybody; its content was removed."


def end_held_spam(connection: Connection, organisation_id: UUID, now: datetime, limit: int) -> int:
    """Reject what has been held for 30 days, at most ``limit`` receipts; returns how many.

    The receipt stays, with its reasons and times, so that the balance still tells of it; what somebody typed goes,
    and with it the possibility to release it. Its fingerprint is kept: the same post sent again is still known.
    """
    rows = connection.execute(
        sa.select(receipts)
        .where(
            receipts.c.organisation_id == organisation_id,
            receipts.c.disposition == Disposition.SPAM.value,
            receipts.c.settled_at <= now - HELD_FOR,
        )
        .order_by(receipts.c.id)
        .limit(limit)
        .with_for_update()
    ).all()
    if not rows:
        return 0
    _reject(connection, organisation_id, [row.id for row in rows], now)
    _remove_bodies(connection, organisation_id, rows)
    moves = ((counters.line_of(row._asdict()), Disposition.SPAM.value, Disposition.REJECTED.value) for row in rows)
    counters.count_moves(connection, moves)
    audit.record(
        connection,
        organisation_id,
        actor="hub",
        action="held_spam_ended",
        subject="receipts",
        now=now,
        detail={"receipts": len(rows)},
    )
    return len(rows)


def _reject(connection: Connection, organisation_id: UUID, receipt_ids: list[UUID], now: datetime) -> None:
    connection.execute(
        sa.update(receipts)
        .where(receipts.c.organisation_id == organisation_id, receipts.c.id.in_(receipt_ids))
        .values(
            disposition=Disposition.REJECTED.value,
            reason=REASON,
            detail=_DETAIL,
            payload=None,
            settled_at=now,
        )
    )


def _remove_bodies(connection: Connection, organisation_id: UUID, rows: Sequence[AnyRow]) -> None:
    """A post of a form is one receipt. The body of any other delivery belongs to its other receipts as well."""
    alone = [row.id for row in rows if row.path == Path.FORM.value]
    connection.execute(
        sa.update(receipts)
        .where(receipts.c.organisation_id == organisation_id, receipts.c.id.in_(alone))
        .values(raw=None, headers={})
    )
