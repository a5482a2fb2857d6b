"""Rate limits of one process, in bounded memory (PF-08).

A limit is counted in a sliding window: the running window plus the share of the previous one that still lies
within the period. Counters live in the process: a hub of several processes admits at most that many times the
limit, which is good enough to shed a flood and costs no database write per visitor. Limits that must be exact
(signing in) are rows, see ``hub.core.accounts.rates``.

When memory for ``max_counters`` is used up the longest unused counter is forgotten: the address concerned starts
anew, while the limits per form, organisation and in total still hold.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import structlog

from hub.connector.clock import Clock

MAX_COUNTERS = 50_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``allowed`` per ``period``. ``name`` tells apart limits on the same subject."""

    name: str
    allowed: int
    period: timedelta


class Claim(NamedTuple):
    """One limit applied to one subject: an address or /64 (``proxies.network_of``), a form key, an organisation."""

    limit: Limit
    subject: str


class _Counter(NamedTuple):
    window: int
    current: int
    previous: int


class RateLimiter:
    """Counters for many limits and subjects."""

    def __init__(self, clock: Clock, *, max_counters: int = MAX_COUNTERS) -> None:
        self._clock = clock
        self._max_counters = max_counters
        self._counters: OrderedDict[int, _Counter] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counters)

    def admit(self, claims: Sequence[Claim]) -> timedelta | None:
        """Count one event against every claim and return None; or count nothing and return how long to wait.

        What is refused is counted nowhere: an address over its own limit does not use up the form's.
        """
        now = self._clock.now().timestamp()
        states = [self._state(claim, now) for claim in claims]
        waits = (self._wait(claim, state, now) for claim, state in zip(claims, states, strict=True))
        longest = max(waits, default=0.0)
        if longest > 0:
            return timedelta(seconds=longest)
        for claim, state in zip(claims, states, strict=True):
            self._store(claim, state)
        return None

    def _state(self, claim: Claim, now: float) -> _Counter:
        window = int(now // claim.limit.period.total_seconds())
        known = self._counters.get(hash(claim))
        if known is None or known.window < window - 1 or known.window > window:
            return _Counter(window, 0, 0)
        return known if known.window == window else _Counter(window, 0, known.current)

    def _wait(self, claim: Claim, state: _Counter, now: float) -> float:
        period = claim.limit.period.total_seconds()
        inside = now % period
        if state.current + 1 + state.previous * (1 - inside / period) <= claim.limit.allowed:
            return 0.0
        return max(1.0, period - inside)

    def _store(self, claim: Claim, state: _Counter) -> None:
        key = hash(claim)
        self._counters[key] = state._replace(current=state.current + 1)
        self._counters.move_to_end(key)
        if len(self._counters) > self._max_counters:
            self._counters.popitem(last=False)


def admit_intake(limiter: RateLimiter, claims: Sequence[Claim]) -> timedelta | None:
    """Like ``admit`` for what brings leads: if the limiter itself fails, everybody is admitted (WH-10)."""
    try:
        return limiter.admit(claims)
    except Exception as failure:
        _log.error("rate limiter failed; intake admitted", reason=type(failure).__name__)
        return None
