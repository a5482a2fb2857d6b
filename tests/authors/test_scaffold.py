"""``leadhub connectors new``: what it writes works at once, and it never spoils anything."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli.main import app
from hub.cli.scaffold.naming import Names, UnusableNameError
from hub.cli.scaffold.writing import FolderTakenError, Kind, render, write_connector
from tests.authors.installing import beside_the_hub, check_in

MOST_LINES = {Kind.WEBHOOK: 80, Kind.FULL: 300}
"""Of a connector without its simulator, as the guide promises."""


@pytest.mark.parametrize("kind", list(Kind))
def test_a_new_connector_keeps_every_rule_at_once(tmp_path: Path, kind: Kind) -> None:
    """Written by the command, installed and checked: no rule is broken, and nothing had to be changed."""
    done = CliRunner().invoke(app, ["connectors", "new", "acme_calls", "--kind", kind.value, "--dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "leadhub-acme-calls"
    assert str(folder) in done.output.replace("\n", "")
    beside_the_hub(folder, "acme_calls", "leadhub-acme-calls")
    assert check_in(folder, "acme_calls") == (0, {})


@pytest.mark.parametrize("kind", list(Kind))
def test_a_new_connector_is_as_small_as_promised(kind: Kind) -> None:
    """Its own code, without simulator and tests, has at most 80 lines for a webhook and 300 with sign-in and lists."""
    files = {str(path): content for path, content in render(Names.of("acme_calls"), kind)}
    code = [files[f"acme_calls/{name}.py"] for name in ("__init__", "payloads", "connector")]
    assert sum(len(each.splitlines()) for each in code) <= MOST_LINES[kind]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_new_connector_is_clean_whatever_it_is_called(tmp_path: Path, kind: Kind) -> None:
    """Nothing of the templates is left over, and ruff and the type checker have nothing to say."""
    folder = write_connector(Names.of("zeta_9_forms"), kind, tmp_path)
    for path in folder.rglob("*.*"):
        assert "$" not in path.read_text("utf-8")
        assert path.suffix != ".template"
    for python in folder.rglob("*.py"):
        ast.parse(python.read_text("utf-8"))
    ruff = ("ruff", "check", "--isolated", "--no-cache", "--line-length", "120", "--select", "E,F,W,I,N,UP,B,SIM", ".")
    mypy = ("mypy", "--strict", "--no-incremental", "--cache-dir", "/dev/null", "zeta_9_forms")
    for words in (ruff, mypy):
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "Acme",
        "acme-calls",
        "9lives",
        "a",
        "acme__calls",
        "acme_",
        "a" * 41,
        "ä_calls",
        "",
        "class",
        "match",
        "json",
        "hub",
        "pytest",
    ],
)
def test_a_name_that_cannot_be_is_refused_with_advice(tmp_path: Path, name: str) -> None:
    """Wrong characters, words of Python, and modules that are installed; nothing is written."""
    with pytest.raises(UnusableNameError, match=r"Take|Add"):
        Names.of(name)
    done = CliRunner().invoke(app, ["connectors", "new", name, "--dir", str(tmp_path)])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["folder", "file", "dangling link"])
def test_nothing_is_ever_overwritten(tmp_path: Path, what: str) -> None:
    """Where something stands already, it stays as it is, and no half of a connector is left beside it."""
    target = tmp_path / "leadhub-acme-calls"
    if what == "folder":
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    elif what == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FolderTakenError, match="nothing is ever overwritten"):
        write_connector(Names.of("acme_calls"), Kind.WEBHOOK, tmp_path)
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """A place that is a file gives an error that names it, and exit code 2."""
    place = tmp_path / "place"
    place.write_text("mine")
    done = CliRunner().invoke(app, ["connectors", "new", "acme_calls", "--dir", str(place)])
    assert done.exit_code == 2
    assert place.read_text() == "mine"


def test_the_names_follow_from_the_key() -> None:
    """Class, distribution, title and a domain that cannot exist."""
    names = Names.of("acme_9_calls")
    assert (names.class_name, names.distribution, names.name) == ("Acme9Calls", "leadhub-acme-9-calls", "Acme 9 calls")
    assert names.placeholders()["domain"] == "acme-9-calls.example"
