"""A Chromium for tests that need a real browser; never skipped."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOW_TO = (
    "This test needs Chromium and found none. Install it (Debian, Ubuntu: apt-get install chromium), or name the "
    "program in the environment variable CHROMIUM, and run the test again."
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium, installed the ordinary way where there is none and we may."""
    found = os.environ.get("CHROMIUM") or _find()
    if not found and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(command, check=False, capture_output=True, env=quiet)
        found = _find()
    if not found:
        pytest.fail(HOW_TO)
    return found


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A browser of its own for each test."""
    as_root = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *as_root])
        yield browser
        await browser.close()


def _find() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)
