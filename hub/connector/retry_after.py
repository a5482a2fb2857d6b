"""Reading a Retry-After header (RFC 9110 section 10.2.3)."""

from datetime import timedelta

LONGEST = timedelta(hours=24)


def parse_retry_after(value: str | None) -> timedelta | None:
    """The wait in a ``Retry-After`` of seconds, at most a day; None where there is none or it is a date.

    A date would have to be compared with our clock, which may differ from the platform's: the caller's own
    backoff serves better then.
    """
    if value is None or not value.strip().isdecimal():
        return None
    return min(timedelta(seconds=int(value.strip()[:9])), LONGEST)
