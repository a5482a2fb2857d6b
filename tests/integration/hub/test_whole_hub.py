"""The whole hub as it runs in production: connect an account, receive, poll, see assigned leads and the balance."""

import asyncio
from typing import Any

import pytest

from hub.connector.models import FieldType, Question
from tests.integration.hub.conftest import Served

QUESTIONS = (
    Question(key="full_name", label="Your name", kind=FieldType.TEXT),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
)


async def until(served: Served, leads: int) -> list[Any]:
    """Wait until that many leads are there and nothing is pending any more; their list."""
    for _ in range(300):
        page = await served.ask("GET", "/api/v1/leads?limit=200")
        balance = await served.ask("GET", "/api/v1/ledger")
        if len(page["items"]) >= leads and not balance["totals"].get("pending"):
            return list(page["items"])
        await asyncio.sleep(0.05)
    raise AssertionError(f"only {len(page['items'])} leads, {balance['totals']}")


async def connect(served: Served) -> tuple[dict[str, Any], dict[str, Any]]:
    """Add the app, sign in at the platform as the person would; app and connection."""
    settings = served.simulator.settings()
    app = await served.ask(
        "POST",
        "/api/v1/apps",
        {
            "connector": "reference",
            "name": "Our app",
            "settings": {
                "client_id": settings.client_id,
                "client_secret": settings.client_secret.get_secret_value(),
                "webhook_secret": settings.webhook_secret.get_secret_value(),
            },
        },
        expect=201,
    )
    start = await served.ask("POST", "/api/v1/authorisations", {"app_id": app["id"]}, expect=201)
    redirect = await served.simulator.authorize(start["url"])
    async with served.client.get(redirect) as landed:
        text = await landed.text()
        assert landed.status == 200, text
        assert "Connected" in text
    (connection,) = [
        each for each in (await served.ask("GET", "/api/v1/connections"))["items"] if each["connector"] == "reference"
    ]
    return app, connection


@pytest.mark.proves("D-008", "D-009", "D-012", "D-013", "D-015", "Z-167", "Z-169", "Z-172", "P-19")
async def test_an_account_is_connected_and_its_leads_arrive_by_both_ways(served: Served) -> None:
    """Leads from before are pulled, later ones are delivered; all are assigned, and the balance holds."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    for number in range(3):
        served.simulator.add_submission(form, {"full_name": [f"Old {number}"], "email": [f"old{number}@example.com"]})
    app, connection = await connect(served)
    assert connection["label"] == "Integration is active"
    found = await until(served, 3)
    assert {lead["name"] for lead in found} == {"Old 0", "Old 1", "Old 2"}
    new = [
        served.simulator.add_submission(form, {"full_name": [f"New {n}"], "email": [f"new{n}@example.com"]})
        for n in range(5)
    ]
    sent = await served.simulator.send(app["webhook_url"], new)
    assert all(each.is_acknowledged for each in sent)
    found = await until(served, 8)
    assert all(lead["assignee_id"] for lead in found)
    balance = await served.ask("GET", "/api/v1/ledger")
    assert balance["holds"]
    assert balance["totals"]["lead_created"] == 8
    (path,) = balance["paths"]
    assert path["found_by"]["pull"] == 3
    assert path["found_by"]["webhook"] == 5


@pytest.mark.proves("C-022", "X-09", "X-10")
async def test_a_lead_shows_all_that_hangs_on_it(served: Served) -> None:
    """Values with origins, the whole submission, the journey and the trace of the assignment."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    served.simulator.add_submission(form, {"full_name": ["Ada Example"], "email": ["ada@customer.example"]})
    await connect(served)
    (lead,) = await until(served, 1)
    shown = await served.ask("GET", f"/api/v1/leads/{lead['id']}")
    assert shown["values"]["full_name"] == "Ada Example"
    assert shown["origins"]["full_name"]["questions"] == ["full_name"]
    assert [step["kind"] for step in shown["journey"]] == ["created", "assigned"]
    assert shown["assignments"][0]["trace"]["people"]
    assert shown["submissions"][0]["answers"]
    await served.ask("POST", f"/api/v1/leads/{lead['id']}/journey", {"kind": "note", "text": "Called."}, expect=201)
    changed = await served.ask("PATCH", f"/api/v1/leads/{lead['id']}", {"values": {"company": "Example Ltd"}})
    assert changed["company"] == "Example Ltd"
    assert changed["changes"][0]["field"] == "company"


@pytest.mark.proves("X-10", "C-021")
async def test_the_first_contact_is_told_by_the_api(served: Served) -> None:
    """Lead and list show when somebody first called, wrote or met; a note before and a call after change nothing."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    served.simulator.add_submission(form, {"full_name": ["Ada Example"], "email": ["ada@customer.example"]})
    await connect(served)
    (lead,) = await until(served, 1)
    address = f"/api/v1/leads/{lead['id']}"

    async def add(kind: str) -> Any:
        shown = await served.ask("POST", f"{address}/journey", {"kind": kind, "text": "Hello."}, expect=201)
        return shown["first_contacted_at"], shown["journey"][-1]

    assert (await add("note"))[0] is None
    first, step = await add("call")
    assert first == step["happened_at"]
    assert (step["kind"], step["actor"].partition(":")[0], step["detail"]) == ("call", "user", {"text": "Hello."})
    assert (await add("message"))[0] == first
    (listed,) = (await served.ask("GET", "/api/v1/leads"))["items"]
    assert listed["first_contacted_at"] == first
    await served.ask("POST", f"{address}/journey", {"kind": "guess", "text": "x"}, expect=422)


@pytest.mark.proves("D-010", "D-011", "D-016", "Z-191")
async def test_an_admin_authorises_an_account_again_and_nothing_of_the_meantime_is_missing(served: Served) -> None:
    """A token that only ended is renewed without anybody; one that was withdrawn asks for a sign-in, which brings
    the same connection back together with the lead of the time without it."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    app, connection = await connect(served)
    served.simulator.expire_token()
    renewed = served.simulator.add_submission(form, {"full_name": ["Renewed"], "email": ["renewed@example.com"]})
    await served.simulator.send(app["webhook_url"], [renewed])
    assert [lead["name"] for lead in await until(served, 1)] == ["Renewed"]

    served.simulator.revoke()
    meantime = served.simulator.add_submission(form, {"full_name": ["Meantime"], "email": ["meantime@example.com"]})
    await served.simulator.send(app["webhook_url"], [meantime])
    address = f"/api/v1/connections/{connection['id']}"
    await label_of(served, address, "Authorization is needed")
    wanted = {"app_id": app["id"], "connection_id": connection["id"]}
    start = await served.ask("POST", "/api/v1/authorisations", wanted, expect=201)
    async with served.client.get(await served.simulator.authorize(start["url"])) as landed:
        assert landed.status == 200, await landed.text()
    await label_of(served, address, "Integration is active")
    assert {lead["name"] for lead in await until(served, 2)} == {"Renewed", "Meantime"}
    assert len((await served.ask("GET", "/api/v1/connections"))["items"]) == 1


async def label_of(served: Served, address: str, expected: str) -> None:
    """Wait until the connection shows this status."""
    for _ in range(300):
        shown = await served.ask("GET", address)
        if shown["label"] == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{shown['label']}, not {expected}")


@pytest.mark.proves("Z-186", "Z-187", "Z-188")
async def test_an_inactive_connection_keeps_its_receipts_for_release(served: Served) -> None:
    """Switched off, deliveries are answered and held; released, they become leads. Ending needs a reason."""
    form = served.simulator.add_form("Spring offer", QUESTIONS)
    app, connection = await connect(served)
    address = f"/api/v1/connections/{connection['id']}"
    switched = await served.ask("PUT", f"{address}/active", {"is_active": False})
    assert switched["label"] == "Inactive"
    await asyncio.sleep(3.1)
    lead = served.simulator.add_submission(form, {"full_name": ["Held Back"], "email": ["held@example.com"]})
    (sent,) = await served.simulator.send(app["webhook_url"], [lead])
    assert sent.is_acknowledged
    held = await served.ask("GET", "/api/v1/receipts?disposition=quarantined")
    assert [receipt["reason"] for receipt in held["items"]] == ["inactive"]
    await served.ask("PUT", f"{address}/active", {"is_active": True})
    done = await served.ask("POST", "/api/v1/receipts/redrive", {"disposition": "quarantined"})
    assert done["receipts"] == 1
    found = await until(served, 1)
    assert found[0]["name"] == "Held Back"
    await served.ask("POST", f"{address}/disconnection", {"reason": ""}, expect=422)
    ended = await served.ask("POST", f"{address}/disconnection", {"reason": "We changed agencies."})
    assert ended["label"] == "Disconnected"


@pytest.mark.proves("WH-02", "L-12")
async def test_what_cannot_be_trusted_is_refused_alike_and_kept_nowhere(served: Served) -> None:
    """An unknown address and a wrong signature give the same 401 and leave no receipt."""
    app, _ = await connect(served)
    answers = []
    for url in (app["webhook_url"], app["webhook_url"][:-3] + "xyz"):
        async with served.client.post(url, data=b"{}", headers={"x-reference-signature": "00"}) as answer:
            answers.append((answer.status, await answer.text()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    assert not (await served.ask("GET", "/api/v1/receipts"))["items"]


@pytest.mark.proves("Z-165")
async def test_connectors_are_listed_with_their_access_review(served: Served) -> None:
    """Every connector is listed with its access review."""
    listed = await served.ask("GET", "/api/v1/connectors")
    by_key = {each["key"]: each for each in listed["items"]}
    assert by_key["reference"]["access_review"]
    assert by_key["reference"]["settings_schema"]["properties"]
