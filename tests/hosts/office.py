"""The administrator of a deployment: sets it up over the API, as a person would, and looks at it afterwards."""

import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from plugins.meta_ads.simulator.platform import MetaAdsSimulator
from tests.hosts.hub_process import PUBLIC_URL, HubProcess

PASSWORD = "four unrelated words: violin harbour"
FIRST_RUN = re.compile(r"/first-run#(\S+)")
FORM = {
    "title": "Book a trial",
    "description": "We call you back within a day.",
    "fields": [
        {"key": "full_name", "label": "Your name", "kind": "text", "required": True, "maps_to": "full_name"},
        {"key": "email", "label": "E-mail", "kind": "email", "required": True, "maps_to": "email"},
    ],
}


class Office:
    """A browser signed in at one of the serving processes. Use ``async with``."""

    def __init__(self, desk: HubProcess) -> None:
        self.desk = desk
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=[URL(desk.url)])
        self._session = aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=30))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One API call; the answer's JSON. Anything but success is an error."""
        headers = {"Origin": PUBLIC_URL}
        async with self._session.request(method, f"{self.desk.url}{path}", json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text[:500]}"
            return await answer.json(content_type=None) if text else None

    async def set_up(self, serving: Sequence[HubProcess]) -> str:
        """Organisation, administrator and a published form, through the first-run link; the form's public key.

        Each serving process printed a link, and only the newest of them is good.
        """
        links = [FIRST_RUN.search(each.log.read_text()) for each in serving]
        tried = [await self._redeem(link[1]) for link in links if link is not None]
        assert 200 in tried, f"no first-run link was taken: {tried}"
        form = await self.ask("POST", "/api/v1/forms", FORM)
        return str((await self.ask("POST", f"/api/v1/forms/{form['id']}/publish"))["public_key"])

    async def _redeem(self, token: str) -> int:
        home = {"name": "Example Spa", "country": "DE", "language": "en", "time_zone": "Europe/Berlin"}
        administrator = {"name": "Ada Admin", "email": "ada@example.com", "password": PASSWORD}
        body = {"token": token, "organisation": home, "administrator": administrator}
        url, headers = f"{self.desk.url}/api/v1/first-run", {"Origin": PUBLIC_URL}
        async with self._session.post(url, json=body, headers=headers) as answer:
            return answer.status

    async def connect(self, simulator: MetaAdsSimulator) -> str:
        """Connect the simulated account; the path to which the platform delivers."""
        settings = {
            name: value.get_secret_value() if hasattr(value, "get_secret_value") else value
            for name, value in simulator.settings()
            if value is not None
        }
        app = await self.ask("POST", "/api/v1/apps", {"connector": "meta_ads", "name": "App", "settings": settings})
        start = await self.ask("POST", "/api/v1/authorisations", {"app_id": app["id"]})
        back = await simulator.authorize(start["url"])
        async with self._session.get(self.desk.url + back.removeprefix(PUBLIC_URL)) as landed:
            text = await landed.text()
            assert landed.status == 200, f"the sign-in at the platform failed: {text[:800]}"
        return str(app["webhook_url"]).removeprefix(PUBLIC_URL)

    async def balance(self) -> dict[str, Any]:
        """The ledger as the API tells it."""
        found: dict[str, Any] = await self.ask("GET", "/api/v1/ledger")
        return found
