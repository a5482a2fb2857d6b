"""Writes ``docs/acceptance.md``: every acceptance row that a test proves, in one line, with its tests.

``python -m tests.acceptance`` writes the page, ``--check`` only says whether it is up to date (code 1 if not).

A row is proved where a test carries ``@pytest.mark.proves("DG-03")``. The markers are read from the source, so
nothing is imported and nothing is run. The line of a row is the first sentence of the docstring of the test that
proves the fewest rows, because that one speaks most plainly about this row; ``docs/acceptance.toml`` holds better
lines where there are any.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "acceptance.md"
LINES = ROOT / "docs" / "acceptance.toml"
SEARCHED = ("tests", "mapping", "plugins", "bench")
ROW_ID = re.compile(r"(?P<group>I(?=\d)|[A-Z]{1,2}(?=-))-?(?P<number>\d{1,3})")
"""Group and number; the invariants are written without a dash."""
GROUPS = {
    "X": "What the hub promises beyond other systems",
    "I": "Invariants, checked from outside",
    "DG": "Delivery",
    "TK": "Tokens",
    "WH": "Incoming webhooks",
    "PF": "Public forms",
    "AD": "Administration",
    "DA": "Data",
    "OP": "Operations",
    "SC": "Supply chain",
    "D": "Shape of the system",
    "Z": "Pages and rules of the administration",
    "C": "Leads, pipelines, journey",
    "N": "Assignment and history",
    "O": "Workflows and automation",
    "M": "Messages and calls",
    "P": "What good systems have",
    "L": "Ways to lose a lead, each closed",
}
HEAD = """# Acceptance

Every line is a requirement that a test proves: without the protection the test fails. The page is made from the
tests by `python -m tests.acceptance`; do not edit it by hand. What is missing, and why, stands in
[What is not built](not-built.md).
"""


class AcceptanceError(Exception):
    """A marker or a line that cannot be used; the text says where and what to do."""


@dataclass(frozen=True)
class Proof:
    """One test that carries the marker. ``path`` is relative to the project, ``says`` its docstring's first
    sentence (empty where it has none), ``rows`` all ids of its marker."""

    path: str
    name: str
    says: str
    rows: tuple[str, ...]

    @property
    def where(self) -> str:
        """As pytest names it."""
        return f"{self.path}::{self.name}"


def find_proofs(root: Path) -> list[Proof]:
    """All tests with a marker, by path and place. Raises ``AcceptanceError`` for an id that is none."""
    files = sorted(path for folder in SEARCHED for path in (root / folder).rglob("test_*.py"))
    return [proof for path in files for proof in _proofs_in(path, path.relative_to(root).as_posix())]


def rows_of(proofs: Sequence[Proof]) -> dict[str, list[Proof]]:
    """The proved rows in the order of the page, each with its tests."""
    found: dict[str, list[Proof]] = {}
    for proof in proofs:
        for row in proof.rows:
            found.setdefault(row, []).append(proof)
    return {row: found[row] for row in sorted(found, key=_place)}


def render(rows: Mapping[str, Sequence[Proof]], lines: Mapping[str, str]) -> str:
    """The page. ``lines`` by row id; one without a test is not shown. Raises ``AcceptanceError`` where a row has
    neither a line nor a test with a docstring."""
    for row in lines:
        _split(row)
    parts = [HEAD]
    group = ""
    for row, proofs in rows.items():
        if _split(row)[0] != group:
            group = _split(row)[0]
            parts.append(f"\n## {GROUPS.get(group, group)}\n\n| Row | What holds | Tests |\n|---|---|---|\n")
        tests = "<br>".join(f"`{each.where}`" for each in proofs)
        parts.append(f"| {row} | {_cell(lines.get(row) or _most_telling(row, proofs))} | {tests} |\n")
    parts.append(f"\n{len(rows)} rows are proved.\n")
    return "".join(parts)


def make_page(root: Path = ROOT) -> str:
    """The page as it should be now."""
    lines = tomllib.loads(LINES.read_text("utf-8")) if LINES.exists() else {}
    return render(rows_of(find_proofs(root)), lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the page; returns the code of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description="Writes docs/acceptance.md.")
    parser.add_argument("--check", action="store_true", help="change nothing; code 1 if the page is out of date")
    check = parser.parse_args(arguments).check
    try:
        page = make_page()
    except AcceptanceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if check:
        if PAGE.exists() and PAGE.read_text("utf-8") == page:
            return 0
        sys.stderr.write("docs/acceptance.md is out of date; run: python -m tests.acceptance\n")
        return 1
    PAGE.write_text(page, "utf-8")
    sys.stdout.write(f"{page.splitlines()[-1]}\n")
    return 0


def _proofs_in(path: Path, name: str) -> Iterator[Proof]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"), name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            rows = tuple(row for mark in node.decorator_list for row in _marked(mark))
            for row in rows:
                if not ROW_ID.fullmatch(row):
                    raise AcceptanceError(f"{name}::{node.name}: {row!r} is no row id; write one such as DG-03")
            if rows:
                yield Proof(name, node.name, _first_sentence(ast.get_docstring(node) or ""), rows)


def _marked(mark: ast.expr) -> list[str]:
    if not isinstance(mark, ast.Call) or not ast.unparse(mark.func).endswith("mark.proves"):
        return []
    return [arg.value for arg in mark.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


def _first_sentence(docstring: str) -> str:
    text = " ".join(docstring.split("\n\n")[0].split())
    end = re.search(r"(?<![A-Z])(?<!e\.g)(?<!i\.e)\.(?=\s+[A-Z(]|$)", text)
    return text[: end.start()] if end else text


def _most_telling(row: str, proofs: Sequence[Proof]) -> str:
    telling = min((each for each in proofs if each.says), key=lambda each: len(each.rows), default=None)
    if telling is None:
        raise AcceptanceError(f"{proofs[0].where}: give this test a docstring, or {row} a line in {LINES.name}")
    return telling.says


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _split(row: str) -> tuple[str, int]:
    found = ROW_ID.fullmatch(row)
    if found is None:
        raise AcceptanceError(f"{row!r} is no row id; write one such as DG-03")
    return found["group"], int(found["number"])


def _place(row: str) -> tuple[int, str, int]:
    group, number = _split(row)
    order = list(GROUPS)
    return (order.index(group) if group in order else len(order), group, number)


if __name__ == "__main__":
    raise SystemExit(main())
