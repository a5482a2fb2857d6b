"""The documentation says what the code says: names, signatures, settings, commands, and code that runs."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from hub.cli.main import app
from hub.connector import (
    access,
    base,
    clock,
    conversations,
    conversions,
    delivery,
    errors,
    hookspecs,
    json_web_tokens,
    models,
    oauth,
    retry_after,
    sending,
    signatures,
    standard_webhooks,
    text,
)
from hub.core.connections.labels import label
from hub.core.connections.state import ConnectionState
from hub.core.intake.receipts import Disposition
from hub.settings import PREFIX, Settings
from hub.testing.clock import VirtualClock
from tests import acceptance

ROOT = acceptance.ROOT
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
AUTHORS = (DOCS / "connectors.md").read_text("utf-8")
OPERATORS = (DOCS / "operator.md").read_text("utf-8")
ADMINS = (DOCS / "admin.md").read_text("utf-8")

MODULES = (
    hookspecs,
    base,
    models,
    conversations,
    conversions,
    delivery,
    sending,
    errors,
    access,
    oauth,
    signatures,
    standard_webhooks,
    json_web_tokens,
    clock,
    retry_after,
    text,
)
"""What authors import."""
NOT_WRITTEN_ABOUT = {"__init__", "address_guard", "outgoing", "model"}
"""The hub's own transport, which no connector sees, and the base that ``models`` shows."""
WITH_MODELS = (models, conversations, conversions, delivery, sending)
NOT_FOR_AUTHORS = {
    "ID",
    "TIMESTAMP",
    "SIGNATURE",
    "SEED_BYTES",
    "SettingsT",
    "TRACE_LENGTH",
    "LONGEST_LIFE",
    "TOLERANCE",
    "LONGEST",
    "LONGEST_TOKEN",
    "REPLACEMENT",
}
"""Type variables and constants that no connector needs."""

BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]+) -->\n)?```(?P<kind>\w+)(?: title=\"(?P<title>\w+)\")?\n(?P<code>.*?)\n```", re.S
)
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<second>[^|]*) \|", re.M)


def blocks(page: str) -> Iterator[re.Match[str]]:
    """Every fenced block of a page."""
    return BLOCK.finditer(page)


def runnable() -> list[str]:
    """The Python blocks under ``<!-- runnable -->`` of every page."""
    found = [each for page in PAGES for each in blocks(page.read_text("utf-8"))]
    return [each["code"] for each in found if each["mark"] == "runnable"]


def public_names() -> list[str]:
    """Everything that a module for authors defines under a public name."""
    found = []
    for module in MODULES:
        for node in ast.parse(Path(module.__file__ or "").read_text("utf-8")).body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found.append(name)
                case ast.Assign(targets=[ast.Name(id=name)]):
                    found.append(name)
    return [name for name in found if not name.startswith("_") and name not in NOT_FOR_AUTHORS]


def shapes(nodes: list[ast.stmt]) -> dict[str, str]:
    """Each function as ``name(arguments) -> answer``, and whether it is a property or a coroutine."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            kind = "property" if any(_is_property(each) for each in node.decorator_list) else type(node).__name__
            answer = ast.unparse(node.returns) if node.returns else ""
            found[node.name] = f"{kind} {node.name}({ast.unparse(node.args)}) -> {answer}"
    return found


def _is_property(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id == "property"


def signatures_in(nodes: list[ast.stmt]) -> dict[str, dict[str, str]]:
    """The methods of each class, and the free functions under an empty name."""
    found = {node.name: shapes(node.body) for node in nodes if isinstance(node, ast.ClassDef)}
    return {**found, "": shapes(nodes)}


def test_no_module_of_the_contract_is_forgotten() -> None:
    """A new module for authors is documented like the others, or named as one that is not for them."""
    written = {path.stem for path in Path(base.__file__ or "").parent.glob("*.py")}
    assert written == {each.__name__.rpartition(".")[2] for each in MODULES} | NOT_WRITTEN_ABOUT


def test_every_public_name_of_the_contract_is_documented() -> None:
    """Hook, capability, model, error and helper: each stands on the authors' page as code."""
    known = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", AUTHORS))))
    known |= set(re.findall(r"\w+", " ".join(each["code"] for each in blocks(AUTHORS) if each["title"])))
    missing = sorted(set(public_names()) - known)
    assert not missing, f"write about these in docs/connectors.md: {', '.join(missing)}"


@pytest.mark.proves("D-017")
def test_documented_signatures_are_those_of_the_code() -> None:
    """Hooks, capability methods and ``Access``: same arguments, defaults and answers, none missing, none too many."""
    documented: dict[str, dict[str, str]] = {}
    for block in blocks(AUTHORS):
        if block["title"] == "signatures":
            for owner, found in signatures_in(ast.parse(block["code"]).body).items():
                documented[owner] = {**documented.get(owner, {}), **found}
    for module, owners in ((hookspecs, ("",)), (access, ("Access",)), (base, None)):
        written = signatures_in(ast.parse(Path(module.__file__ or "").read_text("utf-8")).body)
        for owner in owners or [name for name in written if written[name] and name]:
            assert documented.get(owner) == written[owner], f"docs/connectors.md, {owner or 'hooks'}"


def test_every_field_of_a_model_is_documented() -> None:
    """The table of models lists exactly the fields of each, and the values of each choice of words."""
    rows = {each["name"]: set(re.findall(r"`(\w+)`", each["second"])) for each in ROW.finditer(AUTHORS)}
    for module, name, kind in ((each, *pair) for each in WITH_MODELS for pair in vars(each).items()):
        if isinstance(kind, type) and kind.__module__ == module.__name__ and name != "Model":
            if issubclass(kind, BaseModel):
                assert rows.get(name) == set(kind.model_fields), f"docs/connectors.md, {name}"
            elif issubclass(kind, StrEnum):
                assert rows.get(name) == {each.value for each in kind}, f"docs/connectors.md, {name}"


@pytest.mark.parametrize("code", runnable(), ids=lambda code: code.splitlines()[-1][:40])
def test_runnable_blocks_run(code: str) -> None:
    """A block marked runnable ends without an error."""
    done = run("-c", code, path=ROOT)
    assert done.returncode == 0, done.stderr


def test_every_setting_is_documented_with_its_default() -> None:
    """The operators' table has exactly the settings of ``hub.settings``, each with its default."""
    rows = dict(re.findall(rf"^\| `{PREFIX}(\w+)` \| (?:`([^`]*)`)? ?\|", OPERATORS, re.M))
    assert rows.pop("CONFIG") == ""
    assert rows == {name.upper(): _shown(field.get_default(call_default_factory=True)) for name, field in FIELDS}


FIELDS = list(Settings.model_fields.items())


def _shown(default: object) -> str:
    secret = getattr(default, "get_secret_value", None)
    if secret is not None:
        default = secret()
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default in ("", None, ()) else str(default)


def test_every_command_that_is_named_exists() -> None:
    """``leadhub X Y`` and ``make X`` on any page are commands of this release, and no command is undocumented."""
    commands = get_command(app)
    known = {name: set(getattr(each, "commands", {})) for name, each in commands.commands.items()}  # type: ignore[attr-defined]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for page in PAGES:
        content = page.read_text("utf-8")
        for name, second in re.findall(r"(?:`|^|bin/)leadhub ([a-z]+)(?: ([a-z]+))?", content, re.M):
            assert name in known, f"{page.name}: leadhub {name}"
            assert not known[name] or second in known[name], f"{page.name}: leadhub {name} {second}"
        for target in re.findall(r"(?:`|^)make ([a-z]+)", content, re.M):
            assert target in targets, f"{page.name}: make {target}"
    missing = [name for name in known if f"leadhub {name}" not in OPERATORS]
    assert not missing, f"docs/operator.md does not name: {', '.join(missing)}"


def test_every_status_and_disposition_is_explained_to_admins() -> None:
    """Each disposition and each status text stands in a table with what to do."""
    for disposition in Disposition:
        assert f"| `{disposition.value}` |" in ADMINS
    now = VirtualClock().now()
    for state in ConnectionState:
        assert f"| {label(state, None, now)} |" in ADMINS
    assert "| Re-sync needed in X days |" in ADMINS


def test_links_between_pages_lead_somewhere() -> None:
    """Relative links of the README and of the pages name files that exist."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_acceptance_page_is_up_to_date() -> None:
    """The page is what the markers say now; run ``python -m tests.acceptance`` after changing them."""
    assert acceptance.main(["--check"]) == 0


def test_what_is_not_built_has_a_reason_and_no_proof() -> None:
    """Each row of the page has a reason, stands there once, and is not proved by a test at the same time."""
    rows = re.findall(r"^\| ([A-Z]{1,2}-\d{2,3}) \| (.*) \|$", (DOCS / "not-built.md").read_text("utf-8"), re.M)
    ids = [row for row, _ in rows]
    assert len(ids) == len(set(ids))
    assert all(len(reason) > 20 for _, reason in rows)
    both = set(ids) & set(acceptance.rows_of(acceptance.find_proofs(ROOT)))
    assert not both, f"proved by now, remove them from docs/not-built.md: {', '.join(sorted(both))}"


def run(*words: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own, with ``path`` to import from."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment = {**clean, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
