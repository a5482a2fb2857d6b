"""How mutants of the reference connector are made: one bug each, everything else honest."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from hub.connector.base import Connector
from hub.testing.conformance import ConnectorConformance
from hub.testing.simulator import Simulator
from tests.conformance.reference.connector import Reference
from tests.conformance.reference.simulator import ReferenceSimulator

REFERENCE_FOLDER = Path(__file__).parent / "reference"


class ReferenceKit(ConnectorConformance):
    """The kit as the reference connector joins it; a mutant changes one of these."""

    connector: ClassVar[Connector] = Reference()
    simulator: ClassVar[type[Simulator]] = ReferenceSimulator
    fixtures: ClassVar[Path] = REFERENCE_FOLDER / "fixtures"
    folder: ClassVar[Path] = REFERENCE_FOLDER  # type: ignore[assignment]
    package: ClassVar[str] = "tests.conformance.reference"  # type: ignore[assignment]


@dataclass(frozen=True)
class Mutant:
    """A broken connector and the one rule that must fail.

    ``fails_also`` names further rules that cannot be told apart from it, with the reason in ``why``.
    ``rows`` are the peers' bugs that it repeats.
    """

    rule: str
    connector: type[Connector] = Reference
    simulator: type[Simulator] = ReferenceSimulator
    change_folder: Mapping[str, str] = field(default_factory=dict)
    """File name to text that is put at the end of it, in a copy of the plugin's folder."""
    folder_name: str = "reference"
    exempt: Mapping[str, str] = field(default_factory=dict)
    fails_also: frozenset[str] = frozenset()
    why: str = ""
    rows: tuple[str, ...] = ()

    def kit(self, scratch: Path) -> type[ConnectorConformance]:
        """The mutant's kit class; a changed folder is made under ``scratch``."""
        folder = REFERENCE_FOLDER
        if self.change_folder or self.folder_name != "reference":
            folder = scratch / self.folder_name
            shutil.copytree(REFERENCE_FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
            for name, text in self.change_folder.items():
                path = folder / name
                path.write_text((path.read_text() if path.suffix == ".py" else "") + text)
        members: dict[str, Any] = {
            "connector": self.connector(),
            "simulator": self.simulator,
            "folder": folder,
            "exempt": self.exempt,
        }
        return type(f"Mutant_{self.rule}", (ReferenceKit,), members)
