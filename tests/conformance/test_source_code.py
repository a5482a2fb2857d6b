"""What the kit reads from a plugin's source without running it."""

from pathlib import Path

import pytest

from hub.testing.source_code import clock_calls, foreign_imports, product_files

PACKAGE = "plugins.acme"


def _module(folder: Path, text: str, name: str = "connector.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("line", "is_allowed"),
    [
        ("import json, re, hashlib", True),
        ("from urllib.parse import urlsplit", True),
        ("from http import HTTPStatus", True),
        ("from pydantic import BaseModel", True),
        ("from hub.connector.models import Submission", True),
        ("from plugins.acme.payloads import Lead", True),
        ("from . import payloads", True),
        ("from .payloads import Lead", True),
        ("import phonenumbers", True),
        ("from hub import connector", True),
        ("from hub import core", False),
        ("import hub.core.leads", False),
        ("from hub.testing.simulator import Simulator", False),
        ("from plugins.other.connector import Other", False),
        ("from mapping import engine", False),
        ("import aiohttp", False),
        ("import requests", False),
        ("import urllib.request", False),
        ("from urllib import request", False),
        ("from http import client", False),
        ("import socket", False),
        ("import sqlite3", False),
        ("def f():\n    import sqlalchemy", False),
    ],
)
def test_imports_are_judged(tmp_path: Path, line: str, is_allowed: bool) -> None:
    """The contract, the standard library without its network and storage, the own package and what the author
    names may be imported."""
    found = list(foreign_imports(_module(tmp_path, line), PACKAGE, frozenset({"phonenumbers"})))
    assert (not found) is is_allowed, [str(each) for each in found]


@pytest.mark.parametrize(
    ("line", "is_allowed"),
    [
        ("now = access.clock.now()", True),
        ("moment = datetime.fromtimestamp(5, UTC)", True),
        ("await access.clock.sleep(1)", True),
        ("now = datetime.now(UTC)", False),
        ("now = datetime.datetime.utcnow()", False),
        ("today = date.today()", False),
        ("now = time.time()", False),
        ("await asyncio.sleep(1)", False),
        ("time.sleep(1)", False),
    ],
)
def test_clock_calls_are_found(tmp_path: Path, line: str, is_allowed: bool) -> None:
    """Only the clock that was handed in may be asked."""
    body = f"async def work(access):\n    {line}\n"
    found = list(clock_calls(_module(tmp_path, body)))
    assert (not found) is is_allowed


def test_tests_and_simulator_are_not_product_code(tmp_path: Path) -> None:
    """The simulator may be a module or a folder; neither it nor the tests are judged."""
    for name in ("connector.py", "parts/leads.py", "tests/test_a.py", "simulator.py", "simulator/wire.py"):
        _module(tmp_path, "", name)
    assert [path.name for path in product_files(tmp_path)] == ["connector.py", "leads.py"]
