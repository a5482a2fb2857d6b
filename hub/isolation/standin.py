"""A stand-in: what the hub holds in place of a connector. It has the same capabilities and the same manifest."""

import inspect
from abc import ABCMeta
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar

from hub.connector.base import Connector, HostsForms
from hub.core.connections.apart import RunsApart
from hub.isolation.calls import Call, CallKind, calls_of, capabilities
from hub.isolation.running import Apart, Here, Running


class StandIn(RunsApart):
    """Base of every stand-in. ``running`` is where the connector's code runs now; it may change once."""

    running: Running
    passed_on: ClassVar[Mapping[str, Call]]
    """What the connector's own code answers; the rest is the hub's."""

    @property
    def is_apart(self) -> bool:
        """Whether the connector's code runs in a process of its own now."""
        return isinstance(self.running, Apart)

    async def wait_for(self, name: str, *arguments: Any) -> Any:
        """Call a pure function without blocking the event loop."""
        if name not in self.passed_on:
            return getattr(self, name)(*arguments)
        return await self.running.waiting(self.passed_on[name], arguments, {})


def stand_in(connector: Connector, running: Here | Apart) -> Connector:
    """A stand-in for this connector.

    What the connector does not override is the hub's own code and stays here, but for signing in: there the hub's code
    calls the platform and reads its errors by the connector's rules.
    """
    kind = type(connector)
    shared = {name: getattr(kind, name) for each in capabilities() for name in _attributes(each) if hasattr(kind, name)}
    calls = {name: call for name, call in calls_of(kind).items() if _is_passed_on(call, kind)}
    bases = tuple(each for each in capabilities() if issubclass(kind, each))
    made: type[Any] = ABCMeta(
        f"StandInFor{kind.__name__}",
        (StandIn, *_most_derived(bases)),
        {
            "__module__": __name__,
            "__doc__": f"In place of {kind.__module__}.{kind.__qualname__}.",
            "passed_on": calls,
            **shared,
            **{name: _method(call) for name, call in calls.items()},
        },
    )
    found: Connector = made()
    assert isinstance(found, StandIn)  # noqa: S101 - its first base
    found.running = running
    return found


def _attributes(capability: type) -> tuple[str, ...]:
    return tuple(name for name in inspect.get_annotations(capability) if not name.startswith("_"))


def _is_passed_on(call: Call, kind: type) -> bool:
    return call.is_overridden(kind) or (call.kind is CallKind.WAITING and call.owner.__name__ == "Authorizes")


def _most_derived(bases: tuple[type, ...]) -> tuple[type, ...]:
    """Without those that another one derives from, so that the order of resolution is plain."""
    return tuple(each for each in bases if not any(other is not each and issubclass(other, each) for other in bases))


def _method(call: Call) -> Callable[..., Any]:
    method = _passing_on(call)
    method.__name__, method.__doc__ = call.name, call.declared.__doc__
    return method


def _passing_on(call: Call) -> Callable[..., Any]:
    match call.kind:
        case CallKind.PURE:

            def pure(self: StandIn, *args: Any, **kwargs: Any) -> Any:
                return self.running.pure(call, args, kwargs)

            return pure
        case CallKind.WAITING:

            async def waiting(self: StandIn, *args: Any, **kwargs: Any) -> Any:
                return await self.running.waiting(call, args, kwargs)

            return waiting
        case CallKind.STREAM:

            def stream(self: StandIn, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
                return self.running.stream(call, args, kwargs)

            return stream


def may_leave(connector: Connector) -> bool:
    """Whether another process can make this connector: its class stands at the top of a module, and it does not host
    the hub's own forms, whose pages are made in the midst of a request."""
    return not isinstance(connector, HostsForms) and "<" not in type(connector).__qualname__
