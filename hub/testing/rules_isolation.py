"""Rules that keep a connector apart from the hub, from other connectors and from the machine."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from hub.connector.models import RawSubmission
from hub.testing.cases import read_cases
from hub.testing.clock import VirtualClock
from hub.testing.connected import connect
from hub.testing.rules import Rules, require, rule
from hub.testing.source_code import clock_calls, foreign_imports, product_files

FAR_MOMENTS = (datetime(2011, 3, 13, 1, 59, 59, tzinfo=UTC), datetime(2037, 12, 31, 23, 59, 59, tzinfo=UTC))


class IsolationRules(Rules):
    """Imports, clock and state."""

    allowed_imports: ClassVar[frozenset[str]] = frozenset()
    """Further third-party packages that the plugin may import, such as a phone number library."""

    @rule()
    def test_imports_only_the_contract(self) -> None:
        """The plugin imports hub.connector, pydantic and the standard library; it calls its platform only
        through Access, so nothing that opens a connection, a file store or a process."""
        found = [
            str(each)
            for path in product_files(self.folder)
            for each in foreign_imports(path, self.package, self.allowed_imports)
        ]
        require(not found, "; ".join(found))

    @rule()
    def test_never_asks_the_machine_for_the_time(self) -> None:
        """Time comes from access.clock or from the payload; the source calls no clock and never sleeps."""
        found = [str(each) for path in product_files(self.folder) for each in clock_calls(path)]
        require(not found, "; ".join(found))

    @rule()
    async def test_works_at_any_time(self) -> None:
        """Under a clock that stands in another decade, a lead is read just the same."""
        for moment in FAR_MOMENTS:
            async with connect(self, clock=VirtualClock(moment)) as source:
                lead = source.add(source.form(), 1)[0]
                found = await source.normalised(lead)
                require(all(each.source_id == lead for each in found), f"at {moment:%Y} the lead's id was lost")

    @rule()
    async def test_instances_share_nothing(self) -> None:
        """Nothing of the work stays behind in the instance, its class or its module: a connector is used by many
        connections at once."""
        kept = self._state()
        async with connect(self) as source:
            for lead in source.add(source.form(), 2):
                await source.normalised(lead)
        for raw in self._raws():
            self.connector.normalise(raw)
        changed = [name for name, value in self._state().items() if kept.get(name) != value]
        require(not changed, f"these changed while the connector worked: {', '.join(sorted(changed))}")

    def _raws(self) -> list[RawSubmission]:
        return [case.raw for case in read_cases(self.fixtures).valid if case.raw is not None]

    def _state(self) -> Mapping[str, str]:
        """Everything that could be changed, by name, as text."""
        kind = type(self.connector)
        found = {f"self.{name}": repr(value) for name, value in vars(self.connector).items()}
        for base in kind.__mro__:
            if base.__module__.startswith(self.package):
                found |= {f"{base.__name__}.{k}": repr(v) for k, v in vars(base).items() if _is_mutable(v)}
        for name, module in list(sys.modules.items()):
            if name == self.package or name.startswith(f"{self.package}."):
                found |= {f"{name}.{k}": repr(v) for k, v in vars(module).items() if _is_mutable(v) and k[:2] != "__"}
        return found


def _is_mutable(value: Any) -> bool:
    return isinstance(value, dict | list | set | bytearray)
