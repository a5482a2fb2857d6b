"""connectors list, connectors check."""

import dataclasses
from typing import Annotated

import typer

from hub.cli.output import fail, print_json, print_table, say
from hub.connector.base import Authorizes, HostsForms, Polls, Receives, Subscribes
from hub.connectors import Registry, UnknownConnectorError
from hub.testing.check import KitNotFoundError, check_connector

app = typer.Typer(no_args_is_help=True, add_completion=False)
_CAPABILITIES = (Authorizes, Polls, Receives, Subscribes, HostsForms)


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
        rows = [(each.outcome, each.rule, each.message) for each in report.rules]
        print_table(f"Conformance of {name}", ("outcome", "rule", "message"), rows)
        say("All rules hold." if report.has_passed else "Some rules do not hold.")
    if not report.has_passed:
        raise typer.Exit(1)
