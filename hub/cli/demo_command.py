"""demo: the hub with a simulated platform and leads flowing in."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.output import print_json, print_table, say
from hub.demo.once import run_once
from hub.demo.show import run_show
from hub.demo.stage import folder_for
from hub.logs import set_up_logs
from hub.settings import PREFIX

DEFAULT_PORT = 8080


def demo(
    port: Annotated[int | None, typer.Option(help="Port to listen on (8080; with --once any that is free).")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for everything that is kept (demo-data).")] = None,
    once: Annotated[bool, typer.Option("--once", help="Play a scenario to its end, check it, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: print the report as JSON.")] = False,
    database_url: Annotated[str, typer.Option(help="A PostgreSQL database instead of a file in the folder.")] = "",
) -> None:
    """Show the hub at work: a simulated platform is connected, a form is published, and leads come in.

    With --once about 300 submissions come in by every way, with every fault; then the senders' journals are compared
    with the ledger. Code 0 only if they agree, 1 if not. After a kill the same command goes on where it was.
    """
    if as_json and not once:
        raise typer.BadParameter("only with --once; without it nothing ends and nothing is reported")
    for name in [each for each in os.environ if each.startswith(PREFIX)]:
        del os.environ[name]
    set_up_logs("console", level="error")
    folder = folder_for(data, database_url)
    if not once:
        asyncio.run(run_show(folder, port=DEFAULT_PORT if port is None else port, database_url=database_url))
        return
    report = asyncio.run(run_once(folder, port=port or 0, database_url=database_url))
    print_json(report) if as_json else _tell(report)
    if not report["ok"]:
        raise typer.Exit(1)


def _tell(report: dict[str, Any]) -> None:
    print_table("Balance", ("entry", "receipts"), list(report["balance"].items()))
    rows = [(path, share["seen"], share["found_first"]) for path, share in report["paths"].items()]
    print_table("Ways in", ("path", "submissions seen", "seen first"), rows)
    print_table("Senders", ("journal", "count"), list(report["senders"].items()))
    for each in report["routing"]:
        say(f"{each['lead']}: {each['assignee']}, decided by {each['decided_by']}")
    for each in report["differences"]:
        say(each)
    agreed = "The journals of the senders and the ledger agree." if report["ok"] else "They do NOT agree."
    say(f"{agreed} {report['leads']['all']} leads, {report['seconds']} s.")
