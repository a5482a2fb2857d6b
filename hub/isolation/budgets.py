"""How much a connector may take, and what it costs to take more."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Budgets:
    """Per call, in seconds and bytes.

    ``computing``: a pure function, or a coroutine between two waits. ``waiting``: how long a coroutine, or one page of
    a listing, may be without an answer of its platform. ``memory``: what a process may take beyond its start.
    """

    computing: float = 5.0
    waiting: float = 120.0
    memory: int = 256 * MEBIBYTE
    starting: float = 60.0
    """Until the module is imported; a machine under load needs seconds for it."""
    ending: float = 5.0
    """Until a call that was cancelled has ended."""


FAULTS_BEFORE_REST = 3.0
ANSWERS_FOR_A_FAULT = 20
"""So many good answers make up for one process that had to be ended: one poisoned receipt among hundreds costs no
rest, a connector that fails at every second one rests nearly always."""
FIRST_REST = 1.0
LONGEST_REST = 60.0
"""Seconds; each rest is twice as long as the one before."""
NICE = 5
NICE_WHEN_SLOW = 19
SLOW = 0.1
"""Seconds of a pure call after which its process yields to all others for the rest of its life (see nice(2))."""


class Patience:
    """How much of the hub's patience a connector has used up by the processes that it cost."""

    def __init__(self) -> None:
        self._faults = 0.0

    def note_answer(self) -> None:
        """It answered as it should."""
        self._faults = max(self._faults - 1 / ANSWERS_FOR_A_FAULT, 0.0)

    def note_fault(self) -> float:
        """It cost a process; the seconds for which it is left alone now."""
        self._faults += 1
        if self._faults < FAULTS_BEFORE_REST:
            return 0.0
        return float(min(FIRST_REST * 2 ** min(self._faults - FAULTS_BEFORE_REST, 10), LONGEST_REST))
