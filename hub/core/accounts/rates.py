"""Counting attempts in rows, so that all processes together obey one limit (AD-05).

A sliding window of two halves: the count of the running window plus the share of the previous one that still
lies within the period. An attempt that is refused is not counted.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.core.accounts.errors import TooManyAttemptsError
from hub.core.accounts.models import rate_windows
from hub.core.accounts.secrets import fingerprint
from hub.db.upsert import insert


def count_attempt(connection: Connection, subject: str, *, allowed: int, period: timedelta, now: datetime) -> None:
    """Count one attempt of ``subject``, or raise ``TooManyAttemptsError``.

    Runs in the caller's transaction, which must be rolled back when this raises.
    """
    seconds = period.total_seconds()
    window, inside = divmod(now.timestamp(), seconds)
    statement = insert(connection, rate_windows).values(
        key=fingerprint(subject), window=int(window), current=1, previous=0, forget_at=now + 2 * period
    )
    here, new = rate_windows.c, statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[here.key],
        set_={
            "window": new.window,
            "current": sa.case((here.window == new.window, here.current + 1), else_=1),
            "previous": sa.case(
                (here.window == new.window, here.previous),
                (here.window == new.window - 1, here.current),
                else_=0,
            ),
            "forget_at": new.forget_at,
        },
    ).returning(rate_windows.c.current, rate_windows.c.previous)
    current, previous = connection.execute(statement).one()
    if current + previous * (1 - inside / seconds) > allowed:
        raise TooManyAttemptsError(timedelta(seconds=max(1, round(seconds - inside))))


def forget_attempts(connection: Connection, subject: str) -> None:
    """Start counting anew, for example after a success."""
    connection.execute(sa.delete(rate_windows).where(rate_windows.c.key == fingerprint(subject)))


def forget_old_windows(connection: Connection, now: datetime) -> None:
    """Remove what no longer counts; keeps the table as small as the last two periods."""
    connection.execute(sa.delete(rate_windows).where(rate_windows.c.forget_at < now))
