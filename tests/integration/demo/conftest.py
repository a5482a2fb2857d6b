"""A demonstration that was played to its end, once for all tests of this folder."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.demo.once import run_once


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a scenario on SQLite, and its report."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, asyncio.run(run_once(folder, port=0, database_url=""))


@pytest.fixture
def notes() -> tuple[list[str], Callable[[str], None]]:
    """What was told, and the way to tell it."""
    told: list[str] = []
    return told, told.append
