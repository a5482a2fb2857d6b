"""The scenario with a definite end, and what it prints."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from hub.demo.checking import Findings, compare
from hub.demo.scenario import Scenario
from hub.demo.stage import Stage, set_stage

TRACES = 3


async def run_once(folder: Path, *, port: int, database_url: str) -> dict[str, Any]:
    """Play one round (or go on with the one that was cut off), compare, and return the report; ``ok`` says it all."""
    started = time.monotonic()
    async with set_stage(folder, port=port, database_url=database_url) as stage:
        scenario = Scenario.begin(stage)
        try:
            await scenario.play()
            findings = await compare(stage)
            report = await _report(stage, scenario, findings)
            if findings.agrees:
                scenario.finish()
        finally:
            scenario.close()
    return {**report, "seconds": round(time.monotonic() - started, 1)}


async def _report(stage: Stage, scenario: Scenario, findings: Findings) -> dict[str, Any]:
    tests = sum(lead["is_test"] for lead in findings.leads)
    return {
        "ok": findings.agrees,
        "differences": findings.differences,
        "round": scenario.number,
        "balance": {"holds": findings.ledger["holds"], **findings.ledger["totals"]},
        "leads": {"all": len(findings.leads), "tests": tests},
        "senders": {
            "platform_leads": len(stage.platform.leads),
            "announced_and_acknowledged": len(stage.platform.acknowledged),
            "posts": len(stage.visitors.posts),
            "posts_acknowledged": len(stage.visitors.acknowledged),
        },
        "beside": {
            each.connector.manifest.key: {
                "pieces": len(each.leads),
                "announced_and_acknowledged": len(each.acknowledged),
            }
            for each in stage.beside
        },
        "turned_away": scenario.refused,
        "paths": _shares(findings),
        "routing": await _traces(stage, findings),
    }


def _shares(findings: Findings) -> dict[str, Any]:
    """How many submissions each way in saw, and how many it saw first, over all forms."""
    seen: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for share in findings.ledger["paths"]:
        seen.update(share["seen_by"])
        first.update(share["found_by"])
    return {path: {"seen": seen[path], "found_first": first[path]} for path in sorted(seen)}


async def _traces(stage: Stage, findings: Findings) -> list[dict[str, Any]]:
    """Why a few leads are with whom they are."""
    people = {each["id"]: each["name"] for each in (await stage.admin.get("/api/v1/users", limit="200"))["items"]}
    shown = []
    for lead in [each for each in findings.leads if not each["is_test"]][:TRACES]:
        detail = await stage.admin.get(f"/api/v1/leads/{lead['id']}")
        assigned = detail["assignments"][0]
        shown.append(
            {
                "lead": lead["name"],
                "assignee": people.get(assigned["assignee_id"]),
                "decided_by": assigned["decided_by"],
                "trace": assigned["trace"],
            }
        )
    return shown
