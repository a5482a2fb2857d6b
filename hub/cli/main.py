"""Every command in one place; an error that people can act on ends a command with one clear text and code 2."""

import os
import sys

import typer

from hub.bootstrap import StartRefusedError
from hub.cli import connector_commands, data_commands, demo_command, ledger_commands, server_commands
from hub.cli.output import fail
from hub.connectors import ConnectorRegistrationError
from hub.core.connections.keyring import KeyringError
from hub.core.processes.identity import NameLostError, NoFreeSlotError
from hub.db.engine import DatabaseUnavailableError
from hub.demo.errors import DemoError
from hub.settings import SettingsError

app = typer.Typer(
    name="leadhub",
    help="A self-hosted hub that turns every lead a business pays for into an assigned lead.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(server_commands.serve)
app.command("worker")(server_commands.worker)
app.command("migrate")(server_commands.migrate)
app.command("check")(server_commands.check)
app.command("demo")(demo_command.demo)
app.command("openapi")(server_commands.openapi)
app.command("backup")(data_commands.backup)
app.command("restore")(data_commands.restore)
app.add_typer(connector_commands.app, name="connectors", help="Installed connectors and their conformance.")
app.add_typer(ledger_commands.app, name="ledger", help="The ledger of receipts.")

EXPECTED = (
    SettingsError,
    StartRefusedError,
    KeyringError,
    ConnectorRegistrationError,
    DatabaseUnavailableError,
    DemoError,
    NoFreeSlotError,
    NameLostError,
)


def main() -> None:
    """Run the command line. Whatever it writes (databases, keys, backups) is its owner's alone."""
    os.umask(0o077)
    try:
        app()
    except EXPECTED as error:
        fail(str(error))
        sys.exit(2)
