"""Puts isolation together for a process of the hub: every connector gets its stand-in, some a process of their own."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hub.connector.access import HttpAnswer, Transport
from hub.connector.base import Connector
from hub.connector.clock import Clock
from hub.connectors import Origin, Registry
from hub.core.connections.apart import FaultKind
from hub.core.connector_health.faults import Faults
from hub.isolation.budgets import Budgets
from hub.isolation.hosting import Host, HostLoop
from hub.isolation.running import Apart, Here, prolong
from hub.isolation.standin import StandIn, may_leave, stand_in
from hub.isolation.watching import Watch

OWN_DISTRIBUTION = "leadhub"


@dataclass(frozen=True)
class Policy:
    """Which connectors run in a process of their own from the start. ``trusted`` are keys of those of third parties
    that run here; ``all_apart`` puts the hub's own apart as well."""

    trusted: Collection[str] = ()
    all_apart: bool = False

    def wants_apart(self, key: str, origin: Origin) -> bool:
        """Whether a connector of this origin starts apart."""
        if key in self.trusted:
            return False
        return self.all_apart or origin.distribution not in (None, OWN_DISTRIBUTION)


@dataclass(eq=False)
class Isolation:
    """The connectors of this process, kept apart as far as they must be. ``connectors`` are what the hub works with."""

    registry: Registry
    budgets: Budgets
    policy: Policy
    faults: Faults
    connectors: Mapping[str, Connector] = field(init=False)
    _loop: HostLoop = field(default_factory=HostLoop)

    def __post_init__(self) -> None:
        keys = [each.manifest.key for each in self.registry]
        self.watch = Watch(
            self.budgets.computing,
            self._broken,
            packages={self.registry.origin(key).value.partition(":")[0]: key for key in keys},
            connectors={id(self.registry.get(key)): key for key in keys},
        )
        self.connectors = {each.manifest.key: self._stand_in(each) for each in self.registry}

    def move(self, key: str, why: str) -> bool:
        """Let a connector run in a process of its own from now on; False where it cannot, or does already."""
        connector = self.connectors[key]
        if not isinstance(connector, StandIn) or connector.is_apart or not may_leave(self.registry.get(key)):
            return False
        connector.running = self._apart(key, why)
        return True

    def _stand_in(self, connector: Connector) -> Connector:
        key = connector.manifest.key
        if may_leave(connector) and self.policy.wants_apart(key, self.registry.origin(key)):
            return stand_in(connector, self._apart(key, "of a third party"))
        return stand_in(connector, Here(key, connector, self.budgets, self.faults, self.watch))

    def _apart(self, key: str, why: str) -> Apart:
        host = Host(key, self.registry.origin(key), self.budgets, self.faults)
        self._loop.at_end(host.close)
        self.faults.note_apart(key, why)
        return Apart(host, self._loop, self.faults)

    def _broken(self, key: str, call: str, kind: FaultKind, what: str) -> None:
        self.faults.note(key, call, kind, what)
        self.move(key, what)

    async def close(self) -> None:
        """End every process and the watch."""
        await asyncio.to_thread(self._loop.close)
        await self.watch.stop()


@asynccontextmanager
async def isolated(registry: Registry, budgets: Budgets, policy: Policy, clock: Clock) -> AsyncIterator[Isolation]:
    """The connectors of a registry, kept apart while this is open."""
    isolation = Isolation(registry, budgets, policy, Faults(clock))
    isolation.watch.start()
    try:
        yield isolation
    finally:
        await isolation.close()


@dataclass(frozen=True)
class Prolonging:
    """A transport that tells the call under way that its platform answered, so that its time begins anew."""

    transport: Transport

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """As ``Transport``."""
        try:
            return await self.transport.send(method, url, params=params, headers=headers, body=body)
        finally:
            prolong()
