"""The same submission many times at once: by every way, from several processes, and by a visitor's nervous finger."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from hub.core.intake.balance import recount
from hub.core.intake.models import receipts
from hub.core.leads.models import journey_steps, lead_keys, lead_submissions, leads, persons
from hub.core.outbox.models import outbox_events
from hub.core.routing.models import assignments
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.management.setup import create_organisation
from tests.factories import START, add_connection
from tests.judges.objects import publish_form
from tests.judges.running import Answer, Running

ROOT = Path(__file__).parents[2]
PROCESSES, COPIES = 4, 50


def rows(database: Database, table: sa.Table) -> list[Any]:
    """Every row."""
    statement = sa.select(table).execution_options(**{ALL_ORGANISATIONS: "a test looks at every row"})
    return database.read_now(lambda connection: list(connection.execute(statement)))


@pytest.mark.proves("DG-03")
def test_four_processes_receive_fifty_copies_each_by_every_way(database: Database, database_url: str) -> None:
    """Delivered, pulled, held and released, all at once in four processes: one lead and one set of effects."""
    organisation_id = database.write_now(
        create_organisation, name="Example", country="DE", language="en", time_zone="Europe/Berlin", now=START
    )
    connection_id = database.write_now(add_connection, organisation_id)
    whose = [str(organisation_id), str(connection_id), str(COPIES)]
    copiers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.judges.copying", database_url, f"copier-{number}", *whose],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for each in copiers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in copiers:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in copiers:
        each.communicate(timeout=90)
    assert [each.returncode for each in copiers] == [0] * PROCESSES
    received = rows(database, receipts)
    ends = Counter(row.disposition for row in received)
    assert ends == {"lead_created": 1, "duplicate": len(received) - 1}
    delivered = sum(row.path == "webhook" for row in received)
    assert delivered == PROCESSES * sum(number % 3 != 1 for number in range(COPIES))
    assert [len(rows(database, table)) for table in (leads, lead_keys, persons, assignments)] == [1, 1, 1, 1]
    assert [row.kind for row in rows(database, journey_steps)] == ["created", "assigned"]
    assert [row.kind for row in rows(database, outbox_events)] == ["lead_created"]
    assert len(rows(database, lead_submissions)) == 1
    assert database.read_now(recount, organisation_id).agrees


@pytest.mark.proves("X-11", "PF-03")
@pytest.mark.parametrize("has_key", [True, False], ids=["with the page's key", "without a key"])
async def test_fifty_identical_posts_at_once_are_one_lead(
    running: Running, client: aiohttp.ClientSession, has_key: bool
) -> None:
    """Fifty parallel posts of the same values get the same answer and make one lead; another person's makes another."""
    key = (await publish_form(running, client))["public_key"]
    before = running.newest(leads)
    values = f"full_name=Ada&email=ada.{int(has_key)}@customer.example" + ("&_lh_key=once" if has_key else "")

    async def post(body: str) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await running.post(client, f"/f/{key}", body.encode(), headers)

    answers = await asyncio.gather(*(post(values) for _ in range(50)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    await running.settled()
    (lead,) = running.rows(leads, leads.c.id > before)
    ended = Counter(row.disposition for row in running.rows(receipts, receipts.c.form_id == _form_id(running, key)))
    assert ended == {"lead_created": 1, "duplicate": 49}
    assert [row.kind for row in running.rows(journey_steps, journey_steps.c.lead_id == lead.id)] == [
        "created",
        "assigned",
    ]
    other = await post(values.replace("Ada", "Bob").replace("ada", "bob").replace("once", "twice"))
    assert (other.status, other.body) == (200, answers[0].body)
    await running.settled()
    assert len(running.rows(leads, leads.c.id > before)) == 2


def _form_id(running: Running, key: str) -> str:
    forms = leads.metadata.tables["forms"]
    return str(running.rows(forms, forms.c.public_key == key)[0].id)
