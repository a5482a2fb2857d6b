"""The demonstration: it plays to its end, agrees with itself, and would notice if it did not."""

import asyncio
import json
import shutil
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.demo.checking import compare
from hub.demo.errors import DemoError
from hub.demo.furnishing import CONTACT, connection_of, ensure_forms, furnish, sign_in_of
from hub.demo.once import run_once
from hub.demo.people import Writer
from hub.demo.stage import Stage, folder_for, set_stage
from hub.demo.traffic import Traffic
from hub.demo.visitors import Visitors

Played = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The folder of a scenario that was played to its end, and its report; once for all tests."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, asyncio.run(run_once(folder, port=0, database_url=""))


@pytest.fixture
def copied(played: Played, tmp_path: Path) -> Path:
    """A copy of the folder that a test may spoil."""
    folder = tmp_path / "copy"
    shutil.copytree(played[0], folder)
    return folder


@pytest.mark.proves("X-01", "DG-10")
def test_the_scenario_ends_with_everything_accounted_for(played: Played) -> None:
    """About 300 submissions by every way in, each fault met, nothing pending, and journals that agree."""
    report = played[1]
    assert report["ok"], report["differences"]
    balance = report["balance"]
    assert balance["holds"]
    assert balance["pending"] == balance["quarantined"] == 0
    assert report["senders"]["platform_leads"] + report["senders"]["posts"] >= 300
    assert report["senders"]["posts"] == report["senders"]["posts_acknowledged"]
    assert report["senders"]["announced_and_acknowledged"] < report["senders"]["platform_leads"]
    assert balance["spam"] >= 6
    assert balance["test"] == 3
    assert balance["attached"] == 6 * 3
    assert {"google_ads", "sms_voice"} <= set(report["beside"])
    for counts in report["beside"].values():
        assert 0 < counts["announced_and_acknowledged"] < counts["pieces"]
    assert report["turned_away"]["bad_signatures"] == 5
    assert report["turned_away"]["unknown_forms"] == 3
    assert {path for path, share in report["paths"].items() if share["found_first"]} == {"form", "pull", "webhook"}
    assert all(each["assignee"] and each["trace"]["steps"] for each in report["routing"])


async def test_the_comparison_finds_what_is_missing_unknown_or_double(copied: Path) -> None:
    """An acknowledged post without a receipt, a receipt that nobody sent, and a lead that was taken away."""
    async with set_stage(copied, port=0, database_url="") as stage:
        await furnish(stage)
        assert (await compare(stage)).agrees
        key = (await ensure_forms(stage))[CONTACT]
        post = await stage.visitors.fill_in("lost", key, "json", Writer(1), stage.admin.session)
        stage.visitors.journal.note("taken", key=post.key)
        stranger = {"key": "of-a-stranger", "fields": {"full_name": "S", "email": "s@example.com"}}
        await stage.admin.post(f"/api/v1/forms/{key}/submissions", stranger)
        stage.visitors.close()
        with closing(Visitors(stage.origin, copied)) as stage.visitors:
            found = await compare(stage)
    assert any(each.startswith(f"I1: {post.key}") for each in found.differences)
    assert any("nobody knows of sending of-a-stranger" in each for each in found.differences)


async def test_a_second_start_shows_the_same_sign_in_and_needs_no_second_connection(played: Played) -> None:
    """The password is readable by its owner only; the platform still knows the token of the first start."""
    folder = played[0]
    file = folder / "sign-in.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "session.json").stat().st_mode) == 0o600
    before = sign_in_of(folder)
    async with set_stage(folder, port=0, database_url="") as stage:
        assert await furnish(stage) == before
        connection = await connection_of(stage)
        assert connection is not None
        assert connection["state"] == "active"


async def test_two_demonstrations_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second is told what to do."""
    async with set_stage(tmp_path, port=0, database_url=""):
        with pytest.raises(DemoError, match="Another demonstration runs"):
            async with set_stage(tmp_path, port=0, database_url=""):
                pass


async def test_journals_of_another_database_are_refused(played: Played, tmp_path: Path) -> None:
    """Else everything would seem to be lost."""
    for name in ("platform.jsonl", "visitors.jsonl", "tokens.jsonl"):
        shutil.copy(played[0] / name, tmp_path)
    async with set_stage(tmp_path, port=0, database_url="") as stage:
        with pytest.raises(DemoError, match="another database"):
            await furnish(stage)


async def test_traffic_flows_and_is_accounted_for(copied: Path) -> None:
    """Two seconds of it: further leads are there, and the journals agree again."""
    told: list[str] = []
    async with set_stage(copied, port=0, database_url="") as stage:
        await furnish(stage)
        before = len(stage.platform.leads) + len(stage.visitors.posts)
        await _let_flow(stage, told)
        assert len(stage.platform.leads) + len(stage.visitors.posts) > before
    assert told == []


async def _let_flow(stage: Stage, told: list[str]) -> None:
    flowing = asyncio.create_task(Traffic(stage, told.append).flow())
    await asyncio.sleep(2)
    flowing.cancel()
    await asyncio.gather(flowing, return_exceptions=True)


def test_each_server_database_has_a_folder_of_its_own() -> None:
    """So that the journals of one are never compared with another."""
    one, other = (folder_for(None, f"postgresql://u@h/{name}") for name in ("a", "b"))
    assert one != other
    assert folder_for(None, "") == Path("demo-data")
    assert folder_for(Path("x"), "postgresql://u@h/a") == Path("x")


def test_the_report_is_plain_json(played: Played) -> None:
    """As ``--json`` prints it."""
    assert json.loads(json.dumps(played[1]))["ok"] is True
