"""Connectors that may run apart from the hub, and what the hub is told when one of them fails as no connector should.

The core does not know how a connector is kept apart (``hub.isolation``). It knows two things: a pure function may have
to wait for another process and then never runs on the event loop, and a connector may be resting.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from hub.connector.errors import RateLimitedError

T = TypeVar("T")


class FaultKind(StrEnum):
    """In which way a connector failed as no connector should."""

    RAISED = "raised"
    TOO_SLOW = "too_slow"
    BLOCKED = "blocked"
    MEMORY = "memory"
    ENDED = "ended"
    BAD_ANSWER = "bad_answer"
    NOT_STARTED = "not_started"


class ConnectorFaultError(Exception):
    """A connector broke its contract in one call; the others are not concerned. The text quotes nothing it handled."""

    def __init__(self, connector: str, call: str, kind: FaultKind, what: str) -> None:
        super().__init__(f"{connector}, {call}: {what}")
        self.kind = kind
        self.what = what


class ConnectorRestingError(RateLimitedError):
    """The connector failed repeatedly, or has too much to do: nothing of this call was done. Later it may be."""

    default_code = "connector_resting"

    def __init__(self, user_message: str, *, retry_after: timedelta) -> None:
        super().__init__(user_message, retry_after=retry_after)
        self.rest = retry_after


class RunsApart(ABC):
    """A connector that runs apart from the hub, or will from the moment on at which it breaks a budget."""

    @property
    @abstractmethod
    def is_apart(self) -> bool:
        """Whether its code runs in a process of its own now."""

    @abstractmethod
    async def wait_for(self, name: str, *arguments: Any) -> Any:
        """Call one of its pure functions without blocking the event loop. Raises what it raises."""


async def call_pure(function: Callable[..., T], *args: Any) -> T:
    """Call a pure function of a connector from the event loop: at once where it runs in this process."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, RunsApart) and owner.is_apart:
        found: T = await owner.wait_for(function.__name__, *args)
        return found
    return function(*args)


def is_apart(connector: object) -> bool:
    """Whether a connector's code runs in a process of its own now."""
    return isinstance(connector, RunsApart) and connector.is_apart
