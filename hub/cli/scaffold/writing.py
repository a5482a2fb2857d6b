"""Writing the files of a new connector from the templates beside this module."""

import shutil
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path, PurePosixPath
from string import Template

from hub.cli.scaffold.naming import Names

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".template"
PACKAGE = "package"
"""The folder of the templates that becomes the package, named like the key."""


class Kind(StrEnum):
    """What the new connector begins with."""

    WEBHOOK = "webhook"
    FULL = "full"


class FolderTakenError(FileExistsError):
    """There is something already where the connector should be written; nothing was changed."""


def write_connector(names: Names, kind: Kind, parent: Path) -> Path:
    """Write a distribution into a new folder below ``parent`` and return that folder.

    All or nothing. Raises ``FolderTakenError`` where the folder exists, and ``OSError`` where it cannot be written.
    """
    target = parent / names.distribution
    if target.exists() or target.is_symlink():
        raise FolderTakenError(f"{target} exists already, and nothing is ever overwritten. Remove it, or take --dir.")
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".new-connector-") as unfinished:
        made = Path(unfinished) / names.distribution
        for path, content in render(names, kind):
            file = made / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        shutil.move(made, target)
    return target


def render(names: Names, kind: Kind) -> Iterator[tuple[PurePosixPath, str]]:
    """Each file of the distribution with its content, by path."""
    folder = TEMPLATES / kind.value
    for template in sorted(folder.rglob(f"*{SUFFIX}")):
        steps = template.relative_to(folder).with_name(template.name.removesuffix(SUFFIX)).parts
        path = PurePosixPath(names.key if steps[0] == PACKAGE else steps[0], *steps[1:])
        yield path, Template(template.read_text(encoding="utf-8")).substitute(names.placeholders())
