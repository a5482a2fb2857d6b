"""Reading a plugin's source without running it: what it imports, and what it asks of the machine."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NETWORK_AND_STORAGE = frozenset(
    {"aiohttp", "asyncio", "ftplib", "http", "httpx", "pickle", "requests", "shelve", "smtplib", "socket", "sqlalchemy"}
    | {"sqlite3", "ssl", "subprocess", "threading", "urllib3"}
)
"""Top-level modules that would go round ``Access``, or keep something."""
NETWORK_MODULES = frozenset({"urllib.request"})
CONTRACT_LIBRARIES = frozenset({"pydantic", "typing_extensions"})
"""Third-party packages that the contract itself is made of."""
HARMLESS_HTTP = frozenset({"http.HTTPStatus"})
CLOCK_CALLS = frozenset(
    {f"datetime.{name}" for name in ("now", "utcnow", "today")}
    | {"date.today", "sleep"}
    | {f"time.{name}" for name in ("time", "time_ns", "monotonic", "perf_counter", "sleep", "localtime", "gmtime")}
    | {"asyncio.sleep"}
)


@dataclass(frozen=True)
class Finding:
    """One place in the source, and what is there."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line} {self.what}"


def product_files(folder: Path) -> list[Path]:
    """The plugin's modules that run in the hub: neither its tests nor its simulator."""
    aside = {"tests", "simulator", "simulator.py"}
    return [path for path in sorted(folder.rglob("*.py")) if aside.isdisjoint(path.relative_to(folder).parts)]


def foreign_imports(path: Path, package: str, allowed: frozenset[str]) -> Iterator[Finding]:
    """Imports of anything but the standard library, the contract, pydantic, the own package and ``allowed``."""
    for line, name in _imports(path, package):
        top = name.partition(".")[0]
        if name == package or name.startswith(f"{package}.") or top in allowed:
            continue
        if top == "hub":
            is_fine = name == "hub.connector" or name.startswith("hub.connector.")
        elif name in HARMLESS_HTTP:
            is_fine = True
        else:
            is_fine = (top in sys.stdlib_module_names or top in CONTRACT_LIBRARIES) and not _is_barred(name, top)
        if not is_fine:
            yield Finding(path, line, f"imports {name}")


def clock_calls(path: Path) -> Iterator[Finding]:
    """Calls that ask the machine for the time, or wait in real time."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in CLOCK_CALLS or called.removeprefix("datetime.") in CLOCK_CALLS:
                yield Finding(path, node.lineno, f"calls {called}()")


def _is_barred(name: str, top: str) -> bool:
    return top in NETWORK_AND_STORAGE or any(name == each or name.startswith(f"{each}.") for each in NETWORK_MODULES)


def _imports(path: Path, package: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield from ((node.lineno, f"{module}.{each.name}") for each in node.names)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
