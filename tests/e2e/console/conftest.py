"""A whole hub with the built console, a simulated platform, and a browser that reports what it should not do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

import hatch_build
from hub.bootstrap import Hub, open_hub
from hub.connector.base import Connector
from hub.connector.clock import SystemClock
from hub.connector.models import FieldType, Question
from hub.connectors import Registry
from hub.core.accounts.first_run import issue_first_run_link
from hub.settings import Settings
from hub.web.server import WatchedRunner
from plugins.web_forms.connector import WebForms
from tests.conformance.reference.connector import Reference
from tests.conformance.reference.simulator import ReferenceSimulator

EMAIL = "ada@example.com"
PASSWORD = "four unrelated words: violin harbour"
ORGANISATION = {"name": "Example Spa", "country": "DE", "language": "en", "time_zone": "Europe/Berlin"}
QUESTIONS = (
    Question(key="full_name", label="Your name", kind=FieldType.TEXT),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
    Question(key="shoe_size", label="Shoe size", kind=FieldType.TEXT),
)
PATIENCE_MS = 15_000


@pytest.fixture(scope="session")
def built_console() -> None:
    """The pages that are tested are those of the sources."""
    if not hatch_build.is_built(hatch_build.fingerprint()):
        pytest.fail("The console is not built from its present sources. Run: make setup (or python hatch_build.py)")


@dataclass
class ConsoleHub:
    """A served hub, not set up yet, and the platform beside it."""

    hub: Hub
    url: str
    client: aiohttp.ClientSession
    platform: ReferenceSimulator

    async def first_run_link(self) -> str:
        """The link that a starting server prints."""
        token = await self.hub.database.write(issue_first_run_link, self.hub.clock.now())
        return f"{self.url}/first-run#{token}"

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One API call as the administrator."""
        headers = {"Origin": self.url}
        async with self.client.request(method, f"{self.url}{path}", json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 400, f"{method} {path}: {answer.status} {text}"
            return await answer.json(content_type=None) if text else None

    async def set_up(self) -> None:
        """Organisation and administrator, over the API."""
        token = (await self.first_run_link()).partition("#")[2]
        administrator = {"name": "Ada Admin", "email": EMAIL, "password": PASSWORD}
        body = {"token": token, "organisation": ORGANISATION, "administrator": administrator}
        await self.ask("POST", "/api/v1/first-run", body)

    async def add_app(self) -> dict[str, Any]:
        """The hub's app at the platform."""
        settings = self.platform.settings()
        secrets = {
            "client_secret": settings.client_secret.get_secret_value(),
            "webhook_secret": settings.webhook_secret.get_secret_value(),
        }
        body = {"connector": "reference", "name": "Our app", "settings": {"client_id": settings.client_id, **secrets}}
        app: dict[str, Any] = await self.ask("POST", "/api/v1/apps", body)
        return app

    async def connect(self) -> dict[str, Any]:
        """An app, and an account connected through it; the app."""
        app = await self.add_app()
        start = await self.ask("POST", "/api/v1/authorisations", {"app_id": app["id"]})
        async with self.client.get(await self.platform.authorize(start["url"])) as landed:
            assert landed.status == 200
        return app

    def add_leads(self, *names: str) -> list[str]:
        """People fill in the platform's form; the platform's ids of what they sent."""
        form = next(iter(self.platform.forms), None) or self.platform.add_form("Spring offer", QUESTIONS)
        return [
            self.platform.add_submission(
                form,
                {
                    **({"full_name": [name]} if name else {}),
                    "email": [f"{(name or 'nobody').split()[0].lower()}@customer.example"],
                    "shoe_size": ["43"],
                },
            )
            for name in names
        ]


@pytest.fixture
def connectors() -> list[Connector]:
    """What is installed; a module may override it."""
    return [Reference(), WebForms()]


@pytest.fixture
def elsewhere() -> dict[str, str]:
    """Where further simulated platforms listen, by their real origins; a module may override it."""
    return {}


@pytest.fixture
async def console_hub(
    built_console: None, tmp_path: Path, connectors: list[Connector], elsewhere: dict[str, str]
) -> AsyncIterator[ConsoleHub]:
    """The hub listens; nobody has set it up."""
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    async with ReferenceSimulator(SystemClock()) as platform:
        settings = Settings(
            data_dir=tmp_path,
            public_url=url,
            insecure_cookies=True,
            allow_loopback=True,
            origin_overrides={**platform.origin_overrides(), **elsewhere},
        )
        registry = Registry.from_connectors(connectors)
        async with (
            open_hub(settings, "serve", registry=registry) as hub,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        ):
            assert hub.app is not None
            runner = WatchedRunner(hub.app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield ConsoleHub(hub, url, client, platform)
            hub.services.lifecycle.stop()
            await runner.cleanup()


@dataclass
class Window:
    """A browser window on the console. ``outside`` are requests to other addresses, ``complaints`` what the browser
    itself reports (a violated policy, an error in a script)."""

    page: Page
    hub: ConsoleHub
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> "Window":
        """Begin to note."""
        self.page.on("request", self._note_request)
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return self

    async def sign_in(self) -> "Window":
        """As the administrator, without the page for it."""
        credentials = {"email": EMAIL, "password": PASSWORD}
        headers = {"Origin": self.hub.url}
        await self.page.request.post(f"{self.hub.url}/api/v1/session", data=credentials, headers=headers)
        return self

    async def open(self, path: str, heading: str) -> None:
        """Go to an address of the console and wait for its page."""
        await self.page.goto(f"{self.hub.url}{path}")
        await expect(self.page.get_by_role("heading", name=heading, level=1)).to_be_visible()

    async def require_accessible(self) -> None:
        """No violation of any axe rule, and nothing wider than the window."""
        found = (await Axe().run(self.page)).response["violations"]
        named = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]
        assert not named, f"{self.page.url}: {named}"
        too_wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await self.page.evaluate(too_wide) <= 0, f"{self.page.url} is wider than its window"

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.hub.url, "data:", "blob:")):
            self.outside.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        is_expected = "status of 4" in message.text
        if message.type in ("error", "warning") and not is_expected:
            self.complaints.append(message.text)


@pytest.fixture
async def context(browser: Browser) -> BrowserContext:
    """A fresh browser profile."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context


@pytest.fixture
async def new_window(context: BrowserContext, console_hub: ConsoleHub) -> AsyncIterator[Window]:
    """A window on a hub that nobody has set up; at the end it has asked no other address and nothing complained."""
    expect.set_options(timeout=PATIENCE_MS)
    window = Window(await context.new_page(), console_hub).watch()
    yield window
    await context.close()
    assert not window.outside
    assert not window.complaints


@pytest.fixture
async def window(new_window: Window) -> Window:
    """The administrator is signed in."""
    await new_window.hub.set_up()
    return await new_window.sign_in()
