"""Quiet hours: at night nobody is written to who did not write first.

The clock on the wall counts where the lead is: that of its centre, or else of its organisation. A message that
answers one of the last ``ANSWER_WINDOW`` is never held back: whoever writes at night may be answered at night.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

ANSWER_WINDOW = timedelta(hours=24)
"""How long after a person's message one to them counts as its answer."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``starts`` until ``ends``, over midnight where that is earlier; both the same: never."""

    starts: time
    ends: time

    def hold(self, local: time) -> bool:
        """Whether it is quiet at this time on the wall."""
        if self.starts <= self.ends:
            return self.starts <= local < self.ends
        return local >= self.starts or local < self.ends


DEFAULT = QuietHours(time(21), time(8))


def next_allowed(moment: datetime, quiet: QuietHours | None, zone: ZoneInfo) -> datetime:
    """The first moment from ``moment`` on (aware) at which it is not quiet; UTC.

    Where clocks are put forward over the end of the quiet hours, they last as long as if that had not been: nobody
    is written to earlier than on other days.
    """
    if quiet is None or not quiet.hold(moment.astimezone(zone).time()):
        return moment.astimezone(UTC)
    today = moment.astimezone(zone).date()
    ends = [
        datetime.combine(today + timedelta(days=days), quiet.ends, tzinfo=zone).replace(fold=fold).astimezone(UTC)
        for days in (0, 1, 2)
        for fold in (0, 1)
    ]
    return min(end for end in ends if end > moment and not quiet.hold(end.astimezone(zone).time()))


def is_answer(moment: datetime, last_inbound_at: datetime | None) -> bool:
    """Whether a message that leaves at ``moment`` answers the person's last one."""
    return last_inbound_at is not None and moment - last_inbound_at <= ANSWER_WINDOW
