"""The hub in numbers, as Prometheus reads it from a whole hub."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from hub.core.accounts.models import api_keys
from hub.core.connections.models import grants
from hub.core.intake.balance import recount
from hub.core.intake.models import receipts
from hub.core.organisations.models import organisations
from hub.core.processes.service import register
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.jobs.overdue import OverdueWatch
from tests.acceptance import ROOT
from tests.integration.hub.conftest import METRICS_TOKEN, Served
from tests.integration.hub.test_whole_hub import QUESTIONS, connect, until

Sample = tuple[str, frozenset[tuple[str, str]]]
EACH = 5


async def ask(served: Served, token: str | None = METRICS_TOKEN) -> tuple[int, str]:
    """Read the address as Prometheus does: without any cookie."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(f"{served.url}/metrics", headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def measured(served: Served) -> dict[Sample, float]:
    """Every sample by name and labels; the text must be what Prometheus can read."""
    status, text = await ask(served)
    assert status == 200, text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {(each.name, frozenset(each.labels.items())): each.value for each in samples}
    assert len(found) == len(samples), "a sample stands there twice"
    return found


def named(samples: dict[Sample, float], name: str) -> dict[frozenset[tuple[str, str]], float]:
    """The samples of one name by their labels, without zeros."""
    return {labels: value for (own, labels), value in samples.items() if own == f"leadhub_{name}" and value}


@contextmanager
def failing_commits(database: Database) -> Iterator[None]:
    """Every fifth commit fails, whoever commits."""
    seen = Counter[str]()

    def fail(_connection: Any) -> None:
        seen["commits"] += 1
        if seen["commits"] % EACH == 0:
            raise sa.exc.OperationalError("COMMIT", {}, Exception("disk full"))

    sa.event.listen(database.engine, "commit", fail)
    try:
        yield
    finally:
        sa.event.remove(database.engine, "commit", fail)
    assert seen["commits"] > EACH


async def deliver_with_faults(served: Served, app: dict[str, Any], ids: list[str]) -> None:
    """Thrice and out of order, with commits and fetches failing, until everything is acknowledged."""
    simulator = served.simulator
    simulator.duplicate(3)
    simulator.reorder()
    simulator.fail(500, times=4)
    with failing_commits(served.hub.database):
        for each in range(0, len(ids), 4):
            await simulator.send(app["webhook_url"], ids[each : each + 4])
    simulator.heal()
    for _ in range(20):
        if not await simulator.send_again(app["webhook_url"]):
            return
    raise AssertionError("deliveries were never acknowledged")


async def post(served: Served, url: str, body: bytes, headers: dict[str, str]) -> int:
    """One request of somebody; its status."""
    async with served.client.post(url, data=body, headers=headers) as answer:
        return answer.status


def lines_of(ledger: dict[str, Any], counted: str | None = None) -> Counter[frozenset[tuple[str, str]]]:
    """The API's balance by the labels of the metric."""
    found = Counter[frozenset[tuple[str, str]]]()
    for line in ledger["lines"]:
        labels = {"connector": line["connector"] or "none", "path": line["path"]}
        if counted is not None:
            found[frozenset(labels.items())] += line[counted]
        for entry, number in line["counts"].items() if counted is None else ():
            found[frozenset({**labels, "disposition": entry}.items())] += number
    return +found


@pytest.mark.proves("DG-10", "X-01")
@pytest.mark.timeout(120)
async def test_after_a_run_with_faults_metric_balance_and_recount_agree(served: Served) -> None:
    """Copies, failing commits and fetches, broken and forged bodies, a switched-off connection: one truth."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    app, connection = await connect(served)
    ids = [
        served.simulator.add_submission(form, {"full_name": [f"P {n}"], "email": [f"p{n}@example.com"]})
        for n in range(16)
    ]
    await deliver_with_faults(served, app, ids)
    broken = served.simulator.unreadable_delivery(ids[:2])
    assert broken is not None
    assert await post(served, app["webhook_url"], broken.body, dict(broken.headers)) == 200
    forged = served.simulator.unsigned(broken)
    for _ in range(3):
        assert await post(served, app["webhook_url"], forged.body, dict(forged.headers)) == 401
    await until(served, 16)
    await served.ask("PUT", f"/api/v1/connections/{connection['id']}/active", {"is_active": False})
    await asyncio.sleep(3.1)
    assert all(each.is_acknowledged for each in await served.simulator.send(app["webhook_url"], ids[:1]))

    samples, ledger = await measured(served), await served.ask("GET", "/api/v1/ledger")
    assert ledger["holds"]
    assert named(samples, "receipts") == lines_of(ledger)
    assert named(samples, "receipts_received") == lines_of(ledger, "received")
    organisation_id = served.hub.database.read_now(lambda c: c.scalar(sa.select(organisations.c.id)))
    found = served.hub.database.read_now(recount, organisation_id)
    assert found.agrees
    by_disposition = Counter[str]()
    for labels, value in named(samples, "receipts").items():
        by_disposition[dict(labels)["disposition"]] += int(value)
    assert dict(by_disposition) == found.found
    assert {"lead_created", "duplicate", "quarantined"} <= set(found.found), found.found
    assert sum(named(samples, "leads_created_total").values()) == 16
    assert sum(named(samples, "refusals_total").values()) == 3
    assert named(samples, "connections")[frozenset({("connector", "reference"), ("state", "inactive")})] == 1


async def test_only_the_operators_token_opens_it(served: Served) -> None:
    """No token, another one, an API key and a signed-in administrator get 401."""
    expires = (served.hub.clock.now() + timedelta(days=1)).isoformat()
    wanted = {"name": "all", "permissions": ["receipts:view:organisation"], "expires_at": expires}
    made = await served.ask("POST", "/api/v1/api-keys", wanted, expect=201)
    for token in (None, "", METRICS_TOKEN[:-1], METRICS_TOKEN + "x", made["key"], "ü" * 30):
        status, text = await ask(served, token)
        assert (status, "leadhub_" in text) == (401, False), token
    await served.ask("GET", "/metrics", expect=401)
    assert (await ask(served))[0] == 200
    assert served.hub.database.read_now(
        lambda c: c.execute(sa.select(api_keys.c.id).execution_options(**{ALL_ORGANISATIONS: "a test"})).all()
    )


@pytest.mark.proves("DA-03")
async def test_no_person_and_no_organisation_is_named(served: Served) -> None:
    """Labels are words that the program knows: a made-up address and what people sent appear nowhere."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    served.simulator.add_submission(form, {"full_name": ["Zsófia Canary"], "email": ["canary@private.example"]})
    await connect(served)
    await until(served, 1)
    assert await post(served, f"{served.url}/hooks/canary/canary", b"canary", {}) == 401
    _, text = await ask(served)
    for canary in ("canary", "Canary", "Example Spa", "ada@", "Spring", "Kit account", "127.0.0.1", METRICS_TOKEN):
        assert canary not in text, canary


async def test_it_tells_of_jobs_grants_processes_and_the_process_itself(served: Served) -> None:
    """What an operator wants to be woken by is there, with the numbers of this moment."""
    await connect(served)
    ends = served.hub.clock.now() + timedelta(hours=2)
    change = sa.update(grants).values(expires_at=ends).execution_options(**{ALL_ORGANISATIONS: "a test"})
    await served.hub.database.write(lambda c: c.execute(change))
    samples = await measured(served)
    assert named(samples, "grant_expiry_seconds")[frozenset({("connector", "reference")})] == pytest.approx(7200, abs=5)
    assert {dict(labels)["state"] for name, labels in samples if name == "leadhub_jobs"} == {
        "waiting",
        "handed",
        "parked",
    }
    messages = {dict(labels)["state"]: number for (name, labels), number in samples.items() if "messages" in name}
    assert messages == {"queued": 0, "sending": 0, "unknown": 0}
    nothing: frozenset[tuple[str, str]] = frozenset()
    assert samples["leadhub_foreign_reports", nothing] == 0
    assert samples["leadhub_processes", nothing] == 1
    assert samples["leadhub_database_up", nothing] == 1
    assert 10_000_000 < samples["process_resident_memory_bytes", nothing] < 4_000_000_000
    assert 0 <= samples["leadhub_event_loop_lag_seconds", nothing] < 60


async def test_the_operators_page_names_every_metric_and_no_other(served: Served) -> None:
    """So that nobody wakes up for a number that does not exist."""
    page = (ROOT / "docs" / "operator.md").read_text("utf-8")
    _, text = await ask(served)
    documented = set(re.findall(r"^\| `(leadhub_\w+)` \|", page, re.M))
    assert set(re.findall(r"^# TYPE (leadhub_\w+) ", text, re.M)) == documented


async def test_a_database_that_does_not_answer_is_told_and_the_process_still_measured(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address answers when it matters most."""

    def broken(*_given: Any) -> Any:
        raise sa.exc.OperationalError("SELECT", {}, Exception("no server"))

    monkeypatch.setattr("hub.web.metrics.measure", broken)
    samples = await measured(served)
    assert samples["leadhub_database_up", frozenset()] == 0
    assert ("process_resident_memory_bytes", frozenset()) in samples
    assert not any(name == "leadhub_receipts" for name, _ in samples)


@pytest.mark.proves("X-01")
async def test_a_receipt_pending_for_too_long_is_seen_by_admins_and_operators(served: Served) -> None:
    """Ledger, readiness and metric tell of it while it lasts, and no longer."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    served.simulator.add_submission(form, {"full_name": ["Ada"], "email": ["ada@example.com"]})
    await connect(served)
    served.hub.services.lifecycle.is_ready = True
    watch = OverdueWatch(served.hub.database, served.hub.clock, timedelta(minutes=15))
    await until(served, 1)
    assert (await served.ask("GET", "/api/v1/ledger"))["overdue"] is None
    assert await served.ask("GET", "/health/ready") == {"status": "ok"}

    await stand_still(served, served.hub.clock.now() - timedelta(minutes=20))
    await watch.look()
    ledger, samples = await served.ask("GET", "/api/v1/ledger"), await measured(served)
    assert ledger["overdue"]["receipts"] == 1
    assert await served.ask("GET", "/health/ready") == {"status": "degraded"}
    assert samples["leadhub_overdue_alerts", frozenset()] == 1
    assert samples["leadhub_pending_oldest_age_seconds", frozenset()] == pytest.approx(1200, abs=30)

    await stand_still(served, None)
    await watch.look()
    assert (await served.ask("GET", "/api/v1/ledger"))["overdue"] is None
    assert await served.ask("GET", "/health/ready") == {"status": "ok"}
    assert (await measured(served))["leadhub_pending_oldest_age_seconds", frozenset()] == 0


async def stand_still(served: Served, since: datetime | None) -> None:
    """Make the one receipt pending since a moment, in the hands of a process that does nothing; None ends that."""
    now = served.hub.clock.now()
    values: dict[str, Any] = {"disposition": "lead_created", "lease_owner": None}
    if since is not None:
        values = {"disposition": "pending", "lease_owner": "elsewhere-1", "received_at": since}

    def change(connection: sa.Connection) -> None:
        if since is not None:
            register(connection, "elsewhere-1", "1", now)
        connection.execute(sa.update(receipts).values(**values).execution_options(**{ALL_ORGANISATIONS: "a test"}))

    await served.hub.database.write(change)
