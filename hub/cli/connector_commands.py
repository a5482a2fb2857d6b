"""connectors list, connectors check, connectors new, connectors deliver."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import fail, print_json, print_table, say
from hub.cli.scaffold.naming import Names, UnusableNameError
from hub.cli.scaffold.writing import Kind, write_connector
from hub.connector.base import Authorizes, HostsForms, Polls, Receives, ReportsConversions, Sends, Subscribes
from hub.connector.clock import SystemClock
from hub.connectors import Registry, UnknownConnectorError
from hub.db.schema import new_id
from hub.testing.check import KitNotFoundError, Outcome, check_connector, find_kits
from hub.testing.simulator import SentDelivery, Simulator

app = typer.Typer(no_args_is_help=True, add_completion=False)
_CAPABILITIES = (Authorizes, Polls, Receives, Subscribes, HostsForms, Sends, ReportsConversions)


@app.command("list")
def list_connectors(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Every installed connector with what it can do."""
    rows = [
        (
            each.manifest.key,
            each.manifest.name,
            ", ".join(kind.__name__ for kind in _CAPABILITIES if isinstance(each, kind)),
        )
        for each in Registry.from_entry_points()
    ]
    if as_json:
        print_json([{"key": key, "name": name, "capabilities": can.split(", ")} for key, name, can in rows])
    else:
        print_table("Connectors", ("key", "name", "capabilities"), rows)


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="The connector's key.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a connector's conformance kit: no account, no network."""
    try:
        report = check_connector(name)
    except (UnknownConnectorError, KitNotFoundError) as error:
        fail(str(error))
        raise typer.Exit(2) from None
    if as_json:
        print_json(dataclasses.asdict(report))
    else:
        # What fails stands last, where the eye is when the command ends.
        rules = sorted(report.rules, key=lambda each: each.outcome is Outcome.FAILED)
        rows = [(each.outcome, f"{each.kit} {each.rule}".strip(), each.message) for each in rules]
        print_table(f"Conformance of {name}", ("outcome", "rule", "message"), rows)
        say("All rules hold." if report.has_passed else "Some rules do not hold.")
    if not report.has_passed:
        raise typer.Exit(1)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The new connector's key: acme_calls.")],
    directory: Annotated[Path, typer.Option("--dir", help="Where its folder is made.")] = Path(),
    kind: Annotated[Kind, typer.Option(help="What it begins with: a webhook alone, or sign-in, lists and webhook.")] = (
        Kind.WEBHOOK
    ),
) -> None:
    """Write a small working connector, as a distribution of its own that passes the kit."""
    try:
        names = Names.of(name)
        folder = write_connector(names, kind, directory)
    except (UnusableNameError, OSError) as error:
        fail(str(error))
        raise typer.Exit(2) from None
    say(f"{names.name} is in {folder}. Now:")
    say(f"  pip install --editable {folder}")
    say(f"  leadhub connectors check {names.key}")
    say(f"Then change {folder / names.key}: simulator.py and payloads.py first, connector.py after them.")


@app.command("deliver")
def deliver(
    name: Annotated[str, typer.Argument(help="The connector's key.")],
    url: Annotated[str, typer.Argument(help="The webhook address that the hub shows for the connected app.")],
) -> None:
    """Have a connector's simulator deliver one new lead to a running hub, to try it out."""
    try:
        simulator = find_kits(Registry.from_entry_points().get(name))[0].simulator(SystemClock())
        sent = asyncio.run(_delivered(simulator, url))
    except (UnknownConnectorError, KitNotFoundError, NotImplementedError) as error:
        fail(str(error))
        raise typer.Exit(2) from None
    secret = simulator.webhook_secret.get_secret_value()
    for each in sent:
        say(f"Signed with {secret}: {'no answer' if each.status is None else f'answered {each.status}'}.")
    if not all(each.is_acknowledged for each in sent):
        fail(f"Not taken. Check the address, and that the app in the hub has {secret} as its signing key.")
        raise typer.Exit(1)


async def _delivered(simulator: Simulator, url: str) -> list[SentDelivery]:
    """One lead of an ordinary person, with an id that no other has."""
    async with simulator:
        form = simulator.add_form("Trial form")
        source_id = str(new_id().int >> 65)
        return await simulator.send(
            url, [simulator.add_submission(form, simulator.sample_answers(), source_id=source_id)]
        )
