"""What can be called on a connector, read from the capability classes of the contract.

A call crosses to another process by the annotations of the contract, so that a capability that is added there works
here without a word.
"""

import inspect
from abc import ABC
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from types import GenericAlias
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter

from hub.connector import base
from hub.connector.access import Access


class CallKind(StrEnum):
    """How a call runs: pure functions at once, coroutines with waits, streams answer by answer."""

    PURE = "pure"
    WAITING = "waiting"
    STREAM = "stream"


@dataclass(frozen=True)
class Call:
    """One function of a capability. ``owner`` is the class that declares it."""

    owner: type
    name: str
    kind: CallKind

    @cached_property
    def signature(self) -> inspect.Signature:
        """Its parameters, without ``self``."""
        found = inspect.signature(self.declared)
        return found.replace(parameters=list(found.parameters.values())[1:])

    @property
    def declared(self) -> Callable[..., Any]:
        """The function as the contract declares it."""
        found: Callable[..., Any] = vars(self.owner)[self.name]
        return found

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The annotation of each parameter."""
        return get_type_hints(self.declared)

    @cached_property
    def answer(self) -> TypeAdapter[Any]:
        """What it answers; a stream: each time."""
        hint = self.hints["return"]
        return _adapter(get_args(hint)[0] if get_origin(hint) is AsyncIterator else hint)

    @cached_property
    def parameters(self) -> dict[str, TypeAdapter[Any] | None]:
        """What each parameter is; None for an ``Access`` and for settings, which cross in their own way."""
        return {
            name: None if self.hints[name] in (Access, BaseModel) else _adapter(self.hints[name])
            for name in self.signature.parameters
        }

    @cached_property
    def is_about_settings(self) -> bool:
        """Whether it answers from the connector's settings alone, and so the same until they change."""
        return self.kind is CallKind.PURE and [self.hints[name] for name in self.signature.parameters] == [BaseModel]

    def is_overridden(self, kind: type) -> bool:
        """Whether a connector class has a function of its own here."""
        return getattr(kind, self.name) is not self.declared


def capabilities() -> tuple[type, ...]:
    """Every class of the contract that a connector derives from, ``Connector`` first."""
    return tuple(
        each
        for each in vars(base).values()
        if isinstance(each, type) and issubclass(each, ABC) and each.__module__ == base.__name__
    )


@cache
def calls_of(kind: type) -> Mapping[str, Call]:
    """The calls that a connector class answers, by name."""
    found: dict[str, Call] = {}
    for capability in capabilities():
        if issubclass(kind, capability):
            for name, declared in vars(capability).items():
                if inspect.isfunction(declared) and not name.startswith("_"):
                    found[name] = Call(capability, name, _kind_of(declared))
    return found


def _adapter(hint: Any) -> TypeAdapter[Any]:
    """Pydantic knows no ``Collection``; as a tuple it is one."""
    if get_origin(hint) is Collection:
        hint = GenericAlias(tuple, (get_args(hint)[0], ...))
    return TypeAdapter(hint)


def _kind_of(declared: Callable[..., Any]) -> CallKind:
    if inspect.iscoroutinefunction(declared):
        return CallKind.WAITING
    if get_origin(get_type_hints(declared)["return"]) is AsyncIterator:
        return CallKind.STREAM
    return CallKind.PURE
