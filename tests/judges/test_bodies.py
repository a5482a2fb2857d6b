"""The corpus of bodies against a running hub: the written outcome, on each database, and never a 5xx."""

from collections import Counter
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from hub.core.intake.models import receipts, refusals
from tests.judges.apps import add_app, signature_of
from tests.judges.corpus import CLASSES, LIMIT, Case, Outcome
from tests.judges.objects import FIELDS, publish_form
from tests.judges.running import Running


class Judge:
    """Posts cases to the three addresses of one hub and tells what came of them."""

    def __init__(self, running: Running, client: aiohttp.ClientSession, paths: dict[str, str]) -> None:
        self.running = running
        self.client = client
        self.paths = paths
        self.stored: list[Any] = []

    async def outcome(self, case: Case, address: str) -> Outcome:
        """Post it and look."""
        before, counted = self.running.newest(receipts), self.refused()
        raw, kind = case.sent_to(address)
        headers = {"Idempotency-Key": str(uuid4()), "Content-Type": kind, "Content-Encoding": case.encoding}
        headers = {name: value for name, value in headers.items() if value is not None}
        if address == "hook":
            headers["X-Hub-Signature-256"] = signature_of(case.raw if case.unpacked is None else case.unpacked)
        answer = await self.running.post(self.client, self.paths[address], raw, headers)
        await self.running.settled()
        new = self.running.rows(receipts, receipts.c.id > before)
        reasons = list((self.refused() - counted).elements())
        assert len(reasons) <= 1
        self.stored += new[:1]
        if new:
            assert bytes(new[0].raw) == (raw if case.unpacked is None else case.unpacked)
        ends = tuple((row.disposition, row.reason) for row in new)
        return Outcome(answer.status, ends, reasons[0] if reasons else None)

    async def unshown(self) -> dict[str, str]:
        """What the API cannot show of all that was stored."""
        paths = [f"/api/v1/{kind}?limit=200" for kind in ("receipts", "leads")]
        for row in self.stored:
            paths.append(f"/api/v1/receipts/{row.id}")
            paths += [f"/api/v1/leads/{row.lead_id}"] if row.lead_id else []
        answers = [(path, await self.running.ask(self.client, "GET", path)) for path in paths]
        return {path: str(answer.status) for path, answer in answers if answer.status != 200}

    def refused(self) -> Counter[str]:
        """How many requests were turned away so far, by reason."""
        found: Counter[str] = Counter()
        for row in self.running.rows(refusals):
            found[row.reason] += row.requests
        return found


@pytest.fixture
async def judge(running: Running, client: aiohttp.ClientSession) -> Judge:
    """A signed address and a form."""
    key = (await publish_form(running, client))["public_key"]
    app = await add_app(running, client)
    return Judge(running, client, {"hook": app.path, "json": f"/api/v1/forms/{key}/submissions", "page": f"/f/{key}"})


@pytest.mark.proves("WH-05", "WH-07", "WH-08", "WH-09", "X-01")
@pytest.mark.parametrize("bodies", CLASSES, ids=lambda bodies: bodies.__name__)
async def test_every_body_ends_as_its_rule_says(judge: Judge, bodies: Any) -> None:
    """Status, receipts and counted refusal of each body at each address: as written, on either database."""
    wrong = {}
    for case in bodies():
        for address in ("hook", "json", "page"):
            found, expected = await judge.outcome(case, address), getattr(case, address)
            if found != expected:
                wrong[f"{case.name} ({address})"] = f"{found}, not {expected}"
    wrong |= await judge.unshown()
    assert not wrong, "\n" + "\n".join(f"{name}: {difference}" for name, difference in wrong.items())


def test_the_corpus_is_large_and_each_body_stands_once() -> None:
    """At least 60 bodies, told apart by name."""
    names = [case.name for bodies in CLASSES for case in bodies()]
    assert len(names) == len(set(names))
    assert len(names) >= 120


@pytest.mark.proves("X-01")
async def test_each_kind_of_bad_input_leaves_one_entry_with_its_reason(
    judge: Judge, running: Running, client: aiohttp.ClientSession
) -> None:
    """Bad JSON, bad signature, unknown form, inactive form, too large, wrong encoding, missing answers, a key used
    twice: one receipt or one counted refusal each, never none and never two."""
    inactive = await publish_form(running, client)
    await running.made(client, f"/api/v1/forms/{inactive['id']}/deactivate", None)
    required = [{**each, "required": True} for each in FIELDS]
    strict = (await publish_form(running, client, fields=required))["public_key"]
    hook, page = judge.paths["hook"], judge.paths["page"]
    plain = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = {"X-Hub-Signature-256": signature_of(b"{")}
    once = {**plain, "Idempotency-Key": "once"}
    assert (await running.post(client, page, b"full_name=Ada", once)).status == 200
    await running.settled()
    for path, raw, headers, status, reason in (
        (hook, b"{", signed, 200, "bad_payload"),
        (hook, b"{}", signed, 401, "unverified"),
        (f"{hook[:-9]}elsewhere", b"{", signed, 401, "unknown_endpoint"),
        ("/f/nobodysform", b"full_name=Ada", plain, 404, "not-available"),
        (f"/f/{inactive['public_key']}", b"full_name=Ada", plain, 200, "inactive"),
        (page, b"x" * (LIMIT + 1), plain, 413, "too-large"),
        (page, b"full_name=%ff", plain, 400, "bad_payload"),
        (page, b"full_name=Ada", {"Content-Type": "text/plain"}, 415, "unsupported_type"),
        (f"/f/{strict}", b"full_name=", plain, 422, "invalid-input"),
        (page, b"full_name=Bob", once, 422, "key-reused"),
    ):
        before, counted = running.newest(receipts), judge.refused()
        answer = await running.post(client, path, raw, headers)
        await running.settled()
        kept = [row.reason for row in running.rows(receipts, receipts.c.id > before)]
        entries = [*kept, *(judge.refused() - counted).elements()]
        assert (answer.status, entries) == (status, [reason]), path
