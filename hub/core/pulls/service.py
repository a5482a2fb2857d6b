"""Moving the marks of pulls.

A mark is the platform's own time of the newest submission read; it moves only when a whole listing was read to its
end, never backwards, and never by our clock (DG-09).
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from hub.connector.models import Cursor
from hub.core.connections.models import connections, pull_marks
from hub.core.field_mappings.models import source_forms
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.types import UtcDateTime
from hub.db.upsert import insert

log = structlog.get_logger(__name__)

ABSURD = timedelta(days=1)
"""A submission from further in the future than this says nothing about what was read."""

SOON = timedelta(minutes=1)
"""A next run within this was asked for, by a process whose clock may differ a little; a planned one is further off."""

Enqueue = Callable[[Connection, UUID, UUID, UUID], object]
"""Adds the poll of (organisation, connection, source form) in the given transaction."""


def ensure_marks(connection: Connection, organisation_id: UUID, connection_id: UUID, now: datetime) -> None:
    """Give every live source form of a connection a mark; new ones are read at once, from the very beginning."""
    missing = connection.scalars(
        sa.select(source_forms.c.id).where(
            source_forms.c.organisation_id == organisation_id,
            source_forms.c.connection_id == connection_id,
            source_forms.c.is_live,
            source_forms.c.id.not_in(
                sa.select(pull_marks.c.source_form_id).where(pull_marks.c.organisation_id == organisation_id)
            ),
        )
    ).all()
    for source_form_id in missing:
        row = {
            "source_form_id": source_form_id,
            "organisation_id": organisation_id,
            "connection_id": connection_id,
            "next_run_at": now,
        }
        connection.execute(insert(connection, pull_marks).values(**row).on_conflict_do_nothing())


def enqueue_due(connection: Connection, now: datetime, again_after: timedelta, limit: int, enqueue: Enqueue) -> int:
    """Enqueue the polls that are due, for active connections; says how many marks were due.

    Job and next moment are written together, so that a due moment gives one job, whatever the number of processes.
    """
    due = connection.execute(
        sa.select(pull_marks.c.organisation_id, pull_marks.c.connection_id, pull_marks.c.source_form_id)
        .join(connections, connections.c.id == pull_marks.c.connection_id)
        .where(pull_marks.c.next_run_at <= now, connections.c.state == "active")
        .order_by(pull_marks.c.next_run_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=pull_marks)
        .execution_options(**{ALL_ORGANISATIONS: "the schedule looks after the connections of every organisation"})
    ).all()
    for organisation_id, connection_id, source_form_id in due:
        enqueue(connection, organisation_id, connection_id, source_form_id)
        plan_next(connection, organisation_id, source_form_id, now + again_after)
    return len(due)


def plan_next(connection: Connection, organisation_id: UUID, source_form_id: UUID, at: datetime) -> None:
    """When the form is read again."""
    _change(connection, organisation_id, source_form_id, next_run_at=at)


def pull_all_soon(connection: Connection, organisation_id: UUID, connection_id: UUID, now: datetime) -> None:
    """Read every form of a connection at once: after an outage of its deliveries there may be a gap."""
    connection.execute(
        sa.update(pull_marks)
        .where(pull_marks.c.organisation_id == organisation_id, pull_marks.c.connection_id == connection_id)
        .values(next_run_at=now)
    )


def pull_part_soon(
    connection: Connection, organisation_id: UUID, connection_id: UUID, part_ids: Collection[str], now: datetime
) -> None:
    """Read the forms of parts of a connection at once, because they can be read again."""
    forms = sa.select(source_forms.c.id).where(
        source_forms.c.organisation_id == organisation_id,
        source_forms.c.connection_id == connection_id,
        source_forms.c.part_id.in_(part_ids),
    )
    connection.execute(
        sa.update(pull_marks)
        .where(pull_marks.c.organisation_id == organisation_id, pull_marks.c.source_form_id.in_(forms))
        .values(next_run_at=now)
    )


def begin_listing(connection: Connection, organisation_id: UUID, source_form_id: UUID, now: datetime) -> None:
    """A new listing starts at its beginning; not to be called when one is resumed."""
    _change(connection, organisation_id, source_form_id, last_run_at=now)


def note_page(connection: Connection, organisation_id: UUID, source_form_id: UUID, cursor: Cursor) -> None:
    """A page is stored; the listing goes on after it."""
    _change(connection, organisation_id, source_form_id, resume_token=cursor.token, resume_mark=cursor.mark)


def forget_listing(connection: Connection, organisation_id: UUID, source_form_id: UUID) -> None:
    """The place inside a listing is of no use any more; the next one starts from the mark."""
    _change(connection, organisation_id, source_form_id, resume_token=None, resume_mark=None)


def end_listing(
    connection: Connection,
    organisation_id: UUID,
    source_form_id: UUID,
    cursor: Cursor,
    *,
    now: datetime,
    next_run_at: datetime,
) -> None:
    """The last page is stored: only here does the mark move.

    A mark from an absurd future is not taken: it would hide everything until then.
    """
    values: dict[str, object] = {
        "resume_token": None,
        "resume_mark": None,
        "complete_until": sa.func.coalesce(pull_marks.c.last_run_at, sa.literal(now, UtcDateTime)),
        "last_error": None,
        "next_run_at": _unless_asked_for(next_run_at, now),
    }
    if cursor.mark is not None and cursor.mark > now + ABSURD:
        log.warning("a submission claims to be from the future; the mark stays", source_form=str(source_form_id))
    elif cursor.mark is not None:
        is_newer = sa.or_(pull_marks.c.mark.is_(None), pull_marks.c.mark < cursor.mark)
        values["mark"] = sa.case((is_newer, sa.literal(cursor.mark, UtcDateTime)), else_=pull_marks.c.mark)
    _change(connection, organisation_id, source_form_id, **values)


def _unless_asked_for(planned: datetime, now: datetime) -> sa.ColumnElement[datetime]:
    """A run that was asked for while this one read (``pull_all_soon``) still has to come."""
    while_it_read = sa.and_(pull_marks.c.next_run_at > pull_marks.c.last_run_at, pull_marks.c.next_run_at <= now + SOON)
    return sa.case((while_it_read, pull_marks.c.next_run_at), else_=sa.literal(planned, UtcDateTime))


def note_failure(connection: Connection, organisation_id: UUID, source_form_id: UUID, sentence: str) -> None:
    """Why the last run did not reach the end of its listing."""
    _change(connection, organisation_id, source_form_id, last_error=sentence[:500])


def _change(connection: Connection, organisation_id: UUID, source_form_id: UUID, **values: object) -> None:
    connection.execute(
        sa.update(pull_marks)
        .where(pull_marks.c.organisation_id == organisation_id, pull_marks.c.source_form_id == source_form_id)
        .values(**values)
    )
