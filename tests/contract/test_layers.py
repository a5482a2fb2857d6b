"""The layers of the architecture, read from the source: who may import whom, and what the core may not say."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("hub", "mapping", "plugins")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "hub.connector": (),
    "hub.db": (),
    "hub.logs": (),
    "hub.testing": ("hub.connector", "hub.connectors"),
    "hub.connectors": ("hub.connector",),
    "mapping": ("hub.connector.models", "hub.connector.text"),
    "hub.core": ("hub.connector", "mapping", "hub.db"),
    "hub.isolation": ("hub.connector", "hub.connectors", "hub.core.connections.apart", "hub.core.connector_health"),
    "hub.management": ("hub.core", "hub.connector", "mapping", "hub.db"),
    "hub.jobs": ("hub.management", "hub.core", "hub.connector", "hub.connectors", "mapping", "hub.db"),
    "hub.web": ("hub.management", "hub.core", "hub.connector", "hub.connectors", "mapping", "hub.db"),
    "hub.settings": ("hub.connector",),
    "hub.bootstrap": ("hub", "mapping"),
    "hub.demo": ("hub", "mapping"),
    "hub.cli": ("hub", "mapping"),
}
"""A layer may import itself and what stands here; the more special layer name wins."""

TOP = ("hub.bootstrap", "hub.cli", "hub.demo")
PLATFORM_NAMES = ("meta_ads", "facebook", "instagram", "google", "twilio", "whatsapp", "vonage", "tiktok", "linkedin")
FORBIDDEN_IN_CORE = ("aiohttp", "http", "jinja2", "dbos")


def modules(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Every module of ours that is not a test, with its dotted name."""
    for package in OURS:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if "tests" in parts or "migrations" in parts:
                continue
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def layer_of(module: str) -> str:
    """The layer that a module belongs to: the longest known prefix."""
    if module.startswith("plugins."):
        return ".".join(module.split(".")[:2])
    fits = [layer for layer in MAY_IMPORT if module == layer or module.startswith(layer + ".")]
    return max(fits, key=len, default=module)


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """The absolute names of ours that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node


def is_allowed(module: str, imported: str) -> bool:
    """Whether the layer of ``module`` may import ``imported``."""
    layer = layer_of(module)
    if imported == layer or imported.startswith(layer + "."):
        return True
    if layer.startswith("plugins."):
        return (
            imported.startswith("hub.connector.")
            or (imported.startswith("hub.testing") and module.split(".")[-1] in ("simulator", "conformance"))
            or (imported.startswith("hub.testing") and ".simulator." in module)
        )
    if any(imported == top or imported.startswith(top + ".") for top in TOP):
        return module in TOP or layer_of(module) in TOP
    allowed = MAY_IMPORT.get(layer, ())
    return any(imported == prefix or imported.startswith(prefix + ".") for prefix in allowed)


PARSED = {name: (path, ast.parse(path.read_text("utf-8"))) for name, path in modules()}


@pytest.mark.proves("D-007", "D-014")
@pytest.mark.parametrize("module", sorted(PARSED))
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    """Forbidden imports between layers fail the build."""
    wrong = [
        f"line {node.lineno}: {name}"
        for name, node in imports(PARSED[module][1])
        if name.split(".")[0] in OURS and not is_allowed(module, name)
    ]
    assert not wrong, f"{module} may not import {wrong}"


@pytest.mark.parametrize("module", sorted(PARSED))
def test_no_import_stands_inside_a_function(module: str) -> None:
    """Imports stand at the top, where a reader and this test can see them."""
    inside = [
        child.lineno
        for node in ast.walk(PARSED[module][1])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
        if isinstance(child, ast.Import | ast.ImportFrom)
    ]
    assert not inside, f"{module} imports inside a function at lines {inside}"


@pytest.mark.proves("D-007")
@pytest.mark.parametrize("module", [name for name in sorted(PARSED) if name.startswith("hub.core")])
def test_the_core_names_no_platform_and_no_http(module: str) -> None:
    """The core's source holds no platform name, not even in a comment, and imports no web library."""
    path, tree = PARSED[module]
    text = path.read_text("utf-8").lower()
    assert not [name for name in PLATFORM_NAMES if name in text]
    assert not [name for name, _ in imports(tree) if name.split(".")[0] in FORBIDDEN_IN_CORE]


def test_modules_import_each_other_in_no_circle() -> None:
    """The import graph of our modules has no cycle."""
    graph = {
        module: {
            known
            for name, node in imports(tree)
            for known in (name, name.rpartition(".")[0])
            if known in PARSED and known != module and not _is_type_checking(node, tree)
        }
        for module, (_, tree) in PARSED.items()
    }
    for module in graph:
        graph[module] = {name for name in graph[module] if not module.startswith(name + ".")}
    done: set[str] = set()
    for start in graph:
        assert not (circle := _circle_from(start, graph, done)), " -> ".join(circle)


def _is_type_checking(node: ast.stmt, tree: ast.AST) -> bool:
    guards = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    return any(node in guard.body for guard in guards)


def _circle_from(start: str, graph: dict[str, set[str]], done: set[str]) -> list[str]:
    path: list[str] = []

    def visit(module: str) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        path.append(module)
        for following in sorted(graph[module]):
            if circle := visit(following):
                return circle
        path.pop()
        done.add(module)
        return []

    return visit(start)


@pytest.mark.parametrize(
    ("module", "imported", "allowed"),
    [
        ("hub.core.leads.service", "hub.web.app", False),
        ("hub.core.leads.service", "hub.db.engine", True),
        ("hub.web.app", "hub.jobs.engine", False),
        ("hub.jobs.polling", "hub.web.app", False),
        ("hub.web.app", "plugins.meta_ads", False),
        ("plugins.meta_ads.connector", "plugins.web_forms.connector", False),
        ("plugins.meta_ads.connector", "hub.core.leads.service", False),
        ("plugins.meta_ads.connector", "hub.testing.simulator", False),
        ("plugins.meta_ads.simulator", "hub.testing.simulator", True),
        ("mapping.engine", "hub.connector.models.Answer", True),
        ("mapping.engine", "hub.connector.access.Access", False),
        ("hub.core.leads.service", "hub.bootstrap", False),
    ],
)
def test_the_rule_itself(module: str, imported: str, allowed: bool) -> None:
    """The rule says yes and no where it should: this test would see it grow blind."""
    assert is_allowed(module, imported) is allowed
