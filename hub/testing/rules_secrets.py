"""Rules on secrets: no token and no secret is ever seen where people or logs look."""

import traceback
from collections.abc import Awaitable, Callable
from typing import cast

from hub.connector.base import Authorizes, Receives
from hub.testing.connected import ConnectedSource, connect, raised_by
from hub.testing.faults import PlatformAnswer
from hub.testing.listening import listening
from hub.testing.rules import CALLS, Rules, require, rule


class SecretRules(Rules):
    """Reprs, errors, logs, and what the ledger keeps."""

    @rule()
    async def test_no_secret_in_a_repr(self) -> None:
        """Printing the connector, its grant, credentials, settings or an Access shows no secret."""
        async with connect(self) as source:
            settings = source.simulator.settings()
            shown: list[object] = [self.connector, source.access, source.grant, settings]
            if settings is not None and isinstance(self.connector, Authorizes):
                shown += [self.connector.credentials(settings), self.connector.oauth_for(settings)]
            if settings is not None and isinstance(self.connector, Receives):
                shown.append(self.connector.webhook_secrets(settings))
            for each in shown:
                _require_clean(source, f"{each!r} {each}", f"the repr of {type(each).__name__}")

    @rule(CALLS)
    async def test_no_secret_in_an_error(self) -> None:
        """The text, the detail and the traceback of every error are free of secrets."""
        async with connect(self) as source:
            for fault in _faults(source):
                source.simulator.heal()
                calls = source.calls(source.access)
                fault()
                for name, call in calls.items():
                    error = await _raised_at_all(call)
                    if error is not None:
                        told = "".join(traceback.format_exception(error)) + getattr(error, "detail", "")
                        _require_clean(source, f"{told} {error!r}", f"an error of {name}()")

    @rule()
    async def test_no_secret_in_a_log(self) -> None:
        """Neither a log line of any level nor anything printed holds a secret."""
        async with connect(self, signed_in=False) as source:
            with listening() as heard:
                await _ordinary_work(source)
            _require_clean(source, heard.getvalue(), "what was logged or printed")

    @rule()
    async def test_no_secret_in_what_is_kept(self) -> None:
        """Raw submissions, bodies of deliveries and cursors, which the hub stores unencrypted, hold no secret."""
        async with connect(self, largest_page=2) as source:
            form = source.form()
            leads = source.add(form, 5)
            kept: list[object] = [raw.model_dump() for lead in leads for raw in await source.readings(lead)]
            if isinstance(self.connector, Receives):
                for request in source.simulator.delivery(leads):
                    kept_body = source.receive(request).kept_body
                    kept.append(request.body if kept_body is None else kept_body)
            if "fetch" in source.calls(source.access):
                kept += [page.cursor.model_dump() for page in await source.pages(form)]
            _require_clean(source, str(kept), "a raw submission, a kept body or a cursor")


def _require_clean(source: ConnectedSource, text: str, where: str) -> None:
    seen = sorted(secret[:12] for secret in source.simulator.secrets() if secret in text)
    require(not seen, f"{where} shows the secrets that begin with {', '.join(seen)}")


def _faults(source: ConnectedSource) -> list[Callable[[], None]]:
    simulator = source.simulator
    return [
        lambda: simulator.fail(500, times=1000),
        lambda: simulator.garbage(times=1000),
        lambda: simulator.answer_next(PlatformAnswer(200, b"[]"), times=1000),
        lambda: simulator.rate_limit(60),
        simulator.revoke,
    ]


async def _raised_at_all(call: Callable[[], Awaitable[object]]) -> Exception | None:
    try:
        await call()
    except Exception as error:
        return error
    return None


async def _ordinary_work(source: ConnectedSource) -> None:
    await source.sign_in()
    for lead in source.add(source.form(), 2):
        await source.normalised(lead)
    if isinstance(source.connector, Authorizes) and cast(Authorizes, source.connector).oauth.renewal != "by_admin":
        await source.renew()
    source.simulator.fail(500, times=1000)
    for call in source.calls(source.access).values():
        await raised_by(call)
