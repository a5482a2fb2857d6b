"""How the console is built and served, without a browser."""

import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import hatch_build
from hub.web import console

CONSOLE = Path(hatch_build.SOURCES)


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The light routes alone, with a small build beside them."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Leadhub</title>")
    (tmp_path / "assets" / "index-A1b2.js").write_text("let a = 1")
    (tmp_path / "secret.js").write_text("not an asset")
    monkeypatch.setattr(console, "BUILT", tmp_path)
    app = web.Application()
    app.add_routes(console.console_routes)
    return TestClient(TestServer(app))


async def test_every_address_of_the_console_gives_its_page(served: TestClient) -> None:
    """The page is not kept by browsers, runs no foreign or inline script, and may not be framed."""
    async with served:
        for path in ("/", "/leads", "/leads/0193", "/ledger/receipts", "/first-run", "/sign-in"):
            answer = await served.get(path)
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "no-store"
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert "default-src 'none'" in policy


async def test_built_files_are_kept_for_good_and_nothing_else_is_served(served: TestClient) -> None:
    """Names hold a hash; a name that leaves the folder is a 404."""
    async with served:
        answer = await served.get("/console/assets/index-A1b2.js")
        assert "immutable" in answer.headers["Cache-Control"]
        for name in ("missing.js", "..%2Fsecret.js", "%2e%2e", ".stamp", "index-A1b2.js%00"):
            assert (await served.get(f"/console/assets/{name}")).status == 404, name


async def test_a_hub_without_a_built_console_says_how_to_build_it(
    served: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain words and the command, instead of a blank page."""
    monkeypatch.setattr(console, "BUILT", tmp_path / "nowhere")
    async with served:
        answer = await served.get("/")
        assert answer.status == 503
        assert "make setup" in await answer.text()


def test_the_server_knows_every_section_of_the_router() -> None:
    """A page that the router has and the server does not would be lost on a reload."""
    source = (CONSOLE / "src" / "router.ts").read_text()
    paths = {path.strip("/").split("/")[0] for path in re.findall(r"path: '([^']*)'", source)}
    nested = {"paths", "receipts"}
    assert paths - nested - {"", ":rest(.*)*"} == set(console.SECTIONS)


def test_the_lock_file_holds_no_address() -> None:
    """Wherever packages come from is the business of each machine."""
    assert '"resolved": "http' not in (CONSOLE / "package-lock.json").read_text()


def test_a_changed_source_makes_the_build_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stamp compares contents, and leaves installed packages and generated files aside."""
    (tmp_path / "src").mkdir()
    (tmp_path / "node_modules").mkdir()
    page = tmp_path / "src" / "App.vue"
    page.write_text("one")
    monkeypatch.setattr(hatch_build, "SOURCES", tmp_path)
    before = hatch_build.fingerprint()
    (tmp_path / "node_modules" / "left.js").write_text("pad")
    assert hatch_build.fingerprint() == before
    page.write_text("two")
    assert hatch_build.fingerprint() != before
