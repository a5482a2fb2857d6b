"""The guide for authors: its code is the code that ``connectors new`` writes and the kit runs, and it stays short."""

import re

import pytest

from hub.cli.scaffold.naming import Names
from hub.cli.scaffold.writing import Kind, render
from hub.testing.conformance import ConnectorConformance
from hub.testing.rules import PREFIX
from tests.acceptance import ROOT

GUIDE = (ROOT / "docs" / "writing-a-connector.md").read_text("utf-8")
BLOCK = re.compile(r"<!-- from: (?P<kind>\w+) (?P<file>[\w.]+)(?:, [^>]*)? -->\n```python\n(?P<code>.*?)\n```", re.S)
LINES_OF_A_PAGE = 55
KEYS = {Kind.WEBHOOK: "acme_calls", Kind.FULL: "acme_crm"}


@pytest.mark.proves("D-017")
def test_its_code_is_what_the_command_writes() -> None:
    """Every block of code stands so in a file of a new connector, which passes the kit (``test_scaffold``)."""
    found = list(BLOCK.finditer(GUIDE))
    assert len(found) == GUIDE.count("```python") == 4
    for block in found:
        kind = Kind(block["kind"])
        files = {str(path): content for path, content in render(Names.of(KEYS[kind]), kind)}
        assert block["code"] in files[f"{KEYS[kind]}/{block['file']}"], block["file"]


def test_it_has_at_most_ten_pages() -> None:
    """Of 55 lines each."""
    assert len(GUIDE.splitlines()) <= 10 * LINES_OF_A_PAGE


def test_the_rules_that_it_names_exist() -> None:
    """The table of what fails first names rules of the kit."""
    table = GUIDE.partition("| Rule | What it means |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if line.count("|") > 2))
    assert len(named) > 5
    assert not [name for name in named if not hasattr(ConnectorConformance, PREFIX + name)]
