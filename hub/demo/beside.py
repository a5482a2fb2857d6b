"""Further platforms beside the main one: whichever installed connectors bring a simulator that can be shown.

They get their own history, deliveries with losses and repetitions, and trouble while their lists are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from hub.connector.base import Connector, Polls
from hub.connectors import Registry
from hub.demo.platform import Announces, SimulatedPlatform
from hub.testing.check import KitNotFoundError, find_kits
from hub.testing.simulator import Simulator

FIRST_PERSON = 100
"""Where the people of these platforms begin, who are named by number."""


@runtime_checkable
class CanBeShown(Announces, Protocol):
    """A simulator with forms of its own, at which a person types in where deliveries go."""

    def open_forms(self) -> Sequence[str]:
        """Publish the usual forms, the same each time; their ids."""
        ...

    def enter_address(self, url: str) -> None:
        """Deliver what these forms bring to this address from now on."""
        ...


def find_beside(registry: Registry, main: Connector) -> Iterator[tuple[Connector, type[Simulator]]]:
    """The connectors that can be shown beside the main one, each with a simulator of it."""
    for connector in registry:
        if connector.manifest.key == main.manifest.key or not isinstance(connector, Polls):
            continue
        try:
            kits = find_kits(connector)
        except KitNotFoundError:
            continue
        simulator = next((kit.simulator for kit in kits if issubclass(kit.simulator, CanBeShown)), None)
        if simulator is not None:
            yield connector, simulator


class PlatformBeside(SimulatedPlatform):
    """A simulator with its journal, in a folder of its own. Its leads are what the simulator's people usually say."""

    def __init__(self, connector: Connector, simulator: type[Simulator], folder: Path, *, place: int) -> None:
        self._first_id = simulator.first_id + 1_000_000_000 * (place + 1)
        self._forms: Sequence[str] = ()
        own = folder / connector.manifest.key
        own.mkdir(mode=0o700, exist_ok=True)
        super().__init__(connector, own, simulator)

    def enter_address(self, url: str) -> None:
        """As an admin does at the platform."""
        self._shown.enter_address(url)

    def piece(self, tag: str, person: int, place: int = 0) -> str:
        """The id of what this person sends under this tag, which comes in now if it has not yet."""
        known = self._by_tag.get(tag)
        if known is not None:
            return known
        entry = self.journal.note(
            "lead",
            id=str(self._first_id + len(self._by_tag)),
            tag=tag,
            form=self._forms[place % len(self._forms)],
            person=FIRST_PERSON + person,
            at=self.simulator.clock.now().isoformat(),
            test=False,
        )
        self._show_lead(entry)
        return str(entry["id"])

    def _restore(self) -> None:
        self._forms = self._shown.open_forms()
        super()._restore()

    def _answers_in(self, entry: Mapping[str, object]) -> Mapping[str, Sequence[str]]:
        return self.simulator.sample_answers(int(str(entry["person"])))

    def _facts_in(self, entry: Mapping[str, object]) -> Mapping[str, str] | None:
        return None

    @property
    def _shown(self) -> CanBeShown:
        return cast(CanBeShown, self.simulator)
