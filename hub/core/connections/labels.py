"""The status texts that people read, derived from stored facts."""

from datetime import datetime, timedelta

from hub.core.connections.state import ConnectionState

WARNING_WINDOW = timedelta(days=14)

_TEXTS = {
    ConnectionState.AUTHORIZATION_NEEDED: "Authorization is needed",
    ConnectionState.ACTIVE: "Integration is active",
    ConnectionState.INACTIVE: "Inactive",
    ConnectionState.DISCONNECTED: "Disconnected",
}


def label(
    state: ConnectionState,
    authorised_until: datetime | None,
    now: datetime,
    warning_window: timedelta = WARNING_WINDOW,
) -> str:
    """The status text of a connection."""
    days = re_sync_days(state, authorised_until, now, warning_window)
    return _TEXTS[state] if days is None else f"Re-sync needed in {days} days"


def re_sync_days(
    state: ConnectionState,
    authorised_until: datetime | None,
    now: datetime,
    warning_window: timedelta = WARNING_WINDOW,
) -> int | None:
    """Whole days until an admin must sign in again, rounded down and never negative; None outside the window."""
    if state is not ConnectionState.ACTIVE or authorised_until is None:
        return None
    left = authorised_until - now
    return max(left.days, 0) if left <= warning_window else None
