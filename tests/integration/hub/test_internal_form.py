"""The master form is the organisation's own: nobody outside can see, fill or embed it."""

from typing import Any

import aiohttp
import pytest

from hub.web.app import ROUTES
from tests.integration.hub.conftest import Served

WAYS = ("share", "embed", "link", "publish", "activate", "preview", "submissions", "token")


async def asked(served: Served, method: str, path: str, *, signed_in: bool) -> tuple[int, Any]:
    """Status and headers of an answer."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as stranger:
        client = served.client if signed_in else stranger
        async with client.request(method, f"{served.url}{path}", headers={"Origin": served.url}) as answer:
            return answer.status, answer.headers


async def names_of(served: Served) -> list[str]:
    """By which somebody could hope to address it: the form's name, its organisation, and plain words."""
    form = await served.ask("GET", "/api/v1/master-form")
    organisation = await served.ask("GET", "/api/v1/organisation")
    assert form["fields"]
    assert not {"link", "public_key", "iframe", "script", "status"} & set(form)
    return [organisation["id"], form["name"], "master-form", "master"]


@pytest.mark.proves("Z-110")
async def test_the_master_form_has_no_public_address_and_no_way_to_get_one(served: Served) -> None:
    """No address shows or takes it, signed in or not; every address that is its own asks who is calling."""
    for name in await names_of(served):
        for path in (f"/f/{name}", f"/api/v1/forms/{name}/share", *(f"/f/{name}/{way}" for way in WAYS)):
            for method in ("GET", "POST"):
                status, _ = await asked(served, method, path, signed_in=True)
                assert status in (404, 405), f"{method} {path}: {status}"
    for way in WAYS:
        for method in ("GET", "POST", "PUT"):
            status, _ = await asked(served, method, f"/api/v1/master-form/{way}", signed_in=True)
            assert status in (404, 405), f"{method} {way}: {status}"
    assert (await served.ask("GET", "/api/v1/forms"))["items"] == []
    assert served.hub.app is not None
    own = [route for route in served.hub.app[ROUTES] if route.path.startswith("/api/v1/master-form")]
    assert len(own) >= 8
    for route in own:
        status, _ = await asked(served, route.method, route.path.replace("{", "").replace("}", ""), signed_in=False)
        assert status == 401, f"{route.method} {route.path}: {status}"


@pytest.mark.proves("Z-111")
async def test_the_master_form_cannot_be_put_into_another_page(served: Served) -> None:
    """An embed code with any of its names frames a page that is not there; whatever shows it forbids every frame
    and every other origin."""
    for name in await names_of(served):
        status, headers = await asked(served, "GET", f"/f/{name}?embed=1", signed_in=True)
        assert status == 404
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    for path in ("/api/v1/master-form", "/api/v1/master-form/versions", "/api/v1/master-form/versions/1", "/forms"):
        _, headers = await asked(served, "GET", path, signed_in=True)
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert "Access-Control-Allow-Origin" not in headers, path
