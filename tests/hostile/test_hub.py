"""The whole hub with five hostile connectors of a third party beside two good ones."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from tests.hostile.place import METRICS_TOKEN, Place, Running, furnish, platform, rows, serving
from tests.hostile.run import MOODS, SETTLED, migrate, settle
from tests.hostile.senders import Sent, keep_delivering
from tests.hostile.sources import BAD, GOOD

SECONDS = 5.0
KEYS = [kind.manifest.key for kind in (*GOOD, *BAD)]


async def deliver_all(place: Place, running: Running) -> dict[str, Sent]:
    """Good sources deliver what is good, hostile ones both; for some seconds."""
    until = time.monotonic() + SECONDS
    sent = {key: Sent() for key in KEYS}
    async with aiohttp.ClientSession() as client:
        await asyncio.gather(
            *(
                keep_delivering(
                    client,
                    running.url + place.endpoints[key],
                    key,
                    sent[key],
                    pause=0.05 if key.startswith("good") else 0.1,
                    is_over=lambda: time.monotonic() >= until,
                    moods=(("good", "normalise"),) if key.startswith("good") else MOODS,
                )
                for key in KEYS
            )
        )
    return sent


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database made by the migrations, of each kind."""
    tmp_path.chmod(0o755)
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("empty_postgres_url")
    migrate(url)
    return url


@pytest.mark.proves("OP-09")
async def test_five_hostile_connectors_stop_neither_the_good_ones_nor_the_hub(
    tmp_path: Path, migrated_url: str
) -> None:
    """Every delivery of the good ones is taken and becomes a lead; of the hostile ones each that was acknowledged is
    accounted for; the hub lives, says who fails, and stops in good order."""
    place = furnish(tmp_path, migrated_url)
    async with platform() as called:
        with serving(
            place, called, LEADHUB_CONNECTOR_COMPUTING_SECONDS="0.5", LEADHUB_CONNECTOR_WAITING_SECONDS="5"
        ) as running:
            sent = await deliver_all(place, running)
            await settle(place)
            measured = await read_metrics(running)
            assert running.is_alive
        assert running.process.returncode in (0, -15), place.log[-2000:]
    for key in KEYS:
        found = {row.source_id: row.disposition for row in rows(place, SETTLED, connector=key)}
        assert set(sent[key].refused) <= {503}, f"{key}: senders would not come again"
        assert set(sent[key].acknowledged) <= set(found), f"{key} lost something"
        if key.startswith("good"):
            assert len(sent[key].acknowledged) > 20
            assert not sent[key].refused
            assert set(found.values()) == {"lead_created"}
    assert {row[0] for row in rows(place, "select distinct connector from connector_faults")} >= {
        kind.manifest.key for kind in BAD if kind.manifest.key != "bad_leaking"
    }
    assert not rows(place, "select 1 from connector_faults where connector like 'good%'")
    assert 'leadhub_connector_failing{connector="bad_exiting"} 1.0' in measured
    assert 'leadhub_connector_failing{connector="good_first"} 0.0' in measured
    assert "a secret that must not be told" not in place.log


async def read_metrics(running: Running) -> str:
    """What an operator reads."""
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.get(f"{running.url}/metrics") as answer,
    ):
        return await answer.text()
