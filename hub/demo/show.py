"""The demonstration that goes on until it is stopped."""

import asyncio
import signal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from hub.demo.errors import DemoError
from hub.demo.furnishing import (
    CONTACT,
    PEOPLE,
    SignIn,
    ensure_connection,
    ensure_forms,
    form_address,
    furnish,
)
from hub.demo.stage import Stage, set_stage
from hub.demo.traffic import Traffic

COUNT_EVERY = 5.0
SHOWN = ("received", "lead_created", "attached", "duplicate", "test", "spam", "quarantined", "pending")


async def run_show(folder: Path, *, port: int, database_url: str) -> None:
    """Serve, let leads come in, and tell about it, until SIGINT or SIGTERM."""
    console, stopped = Console(), asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    async with set_stage(folder, port=port, database_url=database_url) as stage:
        sign_in = await furnish(stage)
        for platform in stage.platforms:
            await ensure_connection(stage, platform)
        keys = await ensure_forms(stage)
        console.print(_welcome(stage, sign_in, form_address(stage, keys[CONTACT])))
        traffic = Traffic(stage, lambda text: console.print(text, highlight=False))
        tasks = [asyncio.create_task(traffic.flow()), asyncio.create_task(_count(stage, console))]
        ending = asyncio.create_task(stopped.wait())
        await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, ending):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        console.print("Stopping. Start it again to go on: everything is kept.")
    for failure in results:
        if isinstance(failure, Exception):
            raise failure


def _welcome(stage: Stage, sign_in: SignIn, form: str) -> Panel:
    table = Table.grid(padding=(0, 2))
    rows = [
        ("Hub", stage.origin),
        ("A published form", form),
        ("Description of the API", f"{stage.origin}/api/v1/openapi.json"),
        ("Simulated platform", stage.platform.simulator.base_url),
        ("Kept in", str(stage.folder)),
        ("", ""),
        ("Sign in as", f"{sign_in.email} (administrator)"),
        *(("", f"{sign_in.address(name)} ({role.lower()})") for name, _, role in PEOPLE),
        ("Password of them all", sign_in.password),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return Panel(table, title="Leadhub demonstration", subtitle="Ctrl-C ends it")


async def _count(stage: Stage, console: Console) -> None:
    """A line of counts, every few seconds while they change."""
    told = ""
    while True:
        await asyncio.sleep(COUNT_EVERY)
        try:
            line = _line(await stage.admin.get("/api/v1/ledger"))
        except DemoError:
            continue
        if line != told:
            console.print(line, highlight=False)
            told = line


def _line(ledger: dict[str, Any]) -> str:
    counts = ", ".join(f"{name.replace('_', ' ')} {ledger['totals'].get(name, 0)}" for name in SHOWN)
    return f"{counts}; the balance {'holds' if ledger['holds'] else '[bold red]does NOT hold[/bold red]'}"
