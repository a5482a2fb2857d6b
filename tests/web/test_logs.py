"""Nothing personal and no secret reaches the log (DA-03)."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
import structlog
from aiohttp import web

from hub.core.accounts.permissions import Permission
from hub.logs import HIDDEN, clean, describe, set_up_logs
from hub.web.api.groups import PLATFORM_GROUPS
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.app import ROUTES, build_app
from hub.web.services import WebServices
from tests.web.conftest import ORIGIN, Hub

CANARY = "Zsófia Canary-Kovács"
EMAIL = "zsofia.canary@private.example"
PHONE = "+36 30 555 0147"
TOKEN = "EAABsbCS1iHgBO7canary7ZC9q0Vtoken"
SECRETS = (CANARY, "Canary", EMAIL, "zsofia", PHONE, "555 0147", "5550147", TOKEN, "canary")


class Form(Input):
    """A body."""

    name: str


@contextmanager
def captured(form: Literal["json", "console"]) -> Iterator[Callable[[], str]]:
    root = logging.getLogger()
    level, stream = root.level, io.StringIO()
    set_up_logs(form, level="debug")
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    try:
        yield stream.getvalue
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.raiseExceptions = True
        structlog.reset_defaults()


@pytest.fixture
def lines() -> Iterator[Callable[[], str]]:
    """Logs as in production; gives what was written so far."""
    with captured("json") as read:
        yield read


def assert_clean(text: str) -> None:
    found = [one for one in SECRETS if one.lower() in text.lower()]
    assert not found, (found, text)


@pytest.fixture
def make_app() -> Callable[[WebServices], web.Application]:
    """The platform's routes, and three faults that carry what was sent."""

    def make(services: WebServices) -> web.Application:
        group, light = RouteGroup("Test"), web.RouteTableDef()

        @group.route("POST", "/api/v1/fault", permission=Permission("sign_in", "add"), body=Form, summary="Fault")
        async def fault(call: Call[NoInput, NoInput, Form]) -> None:
            structlog.get_logger("test").warning("bad answer", value=call.body.name, answers={"e-mail": EMAIL})
            logging.getLogger("library").error("cannot send to %s (%s)", EMAIL, PHONE)
            try:
                raise ValueError(f"cannot read {call.body.name}")
            except ValueError as cause:
                raise RuntimeError(f"{EMAIL} {PHONE} {TOKEN}") from cause

        @light.post("/in/{token}")
        async def inbound(request: web.Request) -> web.Response:
            raise KeyError(await request.text())

        @light.post("/sql")
        async def sql(request: web.Request) -> web.Response:
            await services.database.write(lambda c: c.execute(sa.text("INSERT INTO nowhere VALUES (:x)"), {"x": EMAIL}))
            return web.Response()

        return build_app(services, *PLATFORM_GROUPS, group, light)

    return make


@pytest.mark.proves("DA-03")
async def test_canaries_in_every_field_and_error_path(hub: Hub, lines: Callable[[], str]) -> None:
    """Address, query, headers, body and key of every route; faults of ours, of libraries, of the database."""
    body = dict.fromkeys(("name", "email", "password", "token", "next", "current", "new", "permissions"), CANARY)
    headers = {
        "Origin": ORIGIN,
        "User-Agent": CANARY.encode().decode("latin-1"),
        "X-Forwarded-For": EMAIL,
        "Referer": f"https://x.example/?mail={EMAIL}",
        "Content-Type": "application/json",
    }
    for route in hub.app[ROUTES]:
        if route.events is None:
            path = route.path.replace("{", TOKEN).replace("}", TOKEN) + f"?email={EMAIL}&phone={PHONE}"
            sent = body if route.method != "GET" else None
            await hub.ask(route.method, path.replace(" ", "%20"), as_role="Administrator", headers=headers, body=sent)
            await hub.ask(route.method, path.replace(" ", "%20"), key=f"lh_{TOKEN}", headers=headers, body=sent)
    assert (await hub.ask("POST", "/api/v1/fault", body={"name": CANARY})).status == 500
    assert (await hub.ask("POST", f"/in/{TOKEN}", raw=f"{CANARY} {EMAIL}".encode())).status == 500
    assert (await hub.ask("POST", "/sql")).status in (500, 503)
    text = lines()
    assert "request failed" in text
    assert "bad answer" in text
    assert "builtins.RuntimeError" in text
    assert_clean(text)


@pytest.mark.proves("DA-03")
def test_log_injection_is_escaped(lines: Callable[[], str]) -> None:
    """One event is one line, whatever is in it; terminals are not steered either."""
    log = structlog.get_logger("test")
    log.info("odd", reason='x\n{"level":"critical","event":"forged"}', code="\x1b[2J\r\x00\u2028\u202e\ud800")
    logging.getLogger("library").error("first\nsecond \x1b[31m")
    written = lines().splitlines()
    assert len(written) == 2
    assert [json.loads(line)["event"] for line in written] == ["odd", "first\\u000asecond \\u001b[31m"]
    assert "\x1b" not in "".join(written)


@pytest.mark.proves("DA-03")
@pytest.mark.parametrize(
    "text",
    [
        EMAIL,
        f"mail to <{EMAIL}>",
        PHONE,
        "tel:+36305550147",
        "(030) 555-0147",
        f"token={TOKEN}",
        f"Bearer {TOKEN}",
        "lh_abc123",
        "password: hunter2",
        "client_secret=xyz",
        "https://user:pass@host.example/",
        "https://graph.example/me?access_token=abc",
        "a" * 40,
    ],
)
def test_secrets_in_kept_text_are_replaced(text: str) -> None:
    """Even in a text that the program chose to log."""
    assert HIDDEN in clean(text)
    assert_clean(clean(text))


@pytest.mark.parametrize(
    "text",
    [
        "request failed",
        "/api/v1/users/{user_id}",
        "user:01890a5d-ac96-774b-bcce-b302099a8057",
        "field_data[2].name",
        "2 of 3 pages read in 120 ms",
        "hub.db.engine.DatabaseUnavailableError",
    ],
)
def test_what_operators_need_stays(text: str) -> None:
    """Ids, codes, routes and counts are not personal."""
    assert clean(text) == text


def test_plain_values_are_kept_and_unknown_keys_hidden(lines: Callable[[], str]) -> None:
    """Numbers, yes/no, moments and UUIDs under any key; texts only under the keys on the list."""
    structlog.get_logger("test").info(
        "done",
        rows=3,
        fast=True,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        thing=UUID(int=7),
        reason="inactive",
        answer="Yes",
        error="TimeoutError",
        nested={"reason": "x", "city": "Y"},
    )
    line = json.loads(lines())
    assert (line["rows"], line["fast"], line["at"], line["reason"]) == (
        3,
        True,
        "2026-01-01 00:00:00+00:00",
        "inactive",
    )
    assert line["thing"] == str(UUID(int=7))
    assert line["answer"] == HIDDEN
    assert line["error"] == "TimeoutError"
    assert line["nested"] == {"reason": "x", "city": HIDDEN}


def test_an_exception_is_types_and_places() -> None:
    """The whole chain, no message."""
    try:
        try:
            raise ValueError(EMAIL)
        except ValueError as cause:
            raise RuntimeError(CANARY) from cause
    except RuntimeError:
        told = "\n".join(describe(sys.exc_info()[1]))  # type: ignore[arg-type]
    assert "builtins.RuntimeError" in told
    assert "builtins.ValueError" in told
    assert "test_logs.py" in told
    assert_clean(told)


def test_console_lines_are_clean_too() -> None:
    """The other form goes through the same filter."""
    with captured("console") as read:
        try:
            raise ValueError(EMAIL)
        except ValueError:
            structlog.get_logger("test").exception("request failed", name=CANARY)
        text = read()
    assert "request failed" in text
    assert_clean(text)


@pytest.mark.proves("DA-03")
def test_a_broken_stream_does_not_print_the_raw_line(capsys: pytest.CaptureFixture[str]) -> None:
    """When the log cannot be written the library would print message and arguments itself."""
    with captured("json"):
        handler = logging.getLogger().handlers[0]
        assert isinstance(handler, logging.StreamHandler)
        handler.stream.close()
        logging.getLogger("library").error("cannot send to %s", EMAIL)
        handler.setStream(io.StringIO())
    assert_clean(capsys.readouterr().err)
