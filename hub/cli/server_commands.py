"""serve, worker, migrate, check, openapi."""

import asyncio
import gc
import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from hub.bootstrap import StartRefusedError, make_sealer, open_hub
from hub.cli.output import say
from hub.connector.clock import SystemClock
from hub.connectors import Registry
from hub.core.accounts.first_run import issue_first_run_link
from hub.db import durability, migrating
from hub.db.engine import Database
from hub.logs import set_up_logs
from hub.settings import Settings, load_settings, new_key
from hub.web.api.description import openapi as describe
from hub.web.api.routing import RouteGroup
from hub.web.groups import all_groups
from hub.web.server import serve as serve_app

NEW_OBJECTS = 5_000
"""After so many new objects the garbage collector looks through the youngest; Python's own number is 700."""
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on.")]


def serve(host: Host = None, port: Port = None) -> None:
    """Run the hub: pages, API, webhooks, intake and jobs."""
    settings = _settings(host, port)
    asyncio.run(_serve(settings))


def worker() -> None:
    """Run intake and jobs only, beside one or more ``serve`` processes (PostgreSQL)."""
    settings = _settings(None, None)
    asyncio.run(_work(settings))


def migrate(
    to: Annotated[str, typer.Option(help="A revision, or 'base' for none.")] = "head",
    down: Annotated[bool, typer.Option("--down", help="Take revisions back.")] = False,
) -> None:
    """Bring the database to the schema of this release."""
    settings = load_settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.sync_database_url)
    try:
        (migrating.downgrade if down else migrating.upgrade)(database, to)
        say(f"The database stands at revision {database.read_now(migrating.current) or 'none'}.")
    finally:
        database.close()


def check(
    make_key: Annotated[bool, typer.Option("--new-key", help="Print a fresh master key and end.")] = False,
) -> None:
    """Look whether this deployment can be trusted with leads: settings, schema, durability, keys, connectors."""
    if make_key:
        say(new_key("k1"))
        return
    settings = load_settings()
    say("settings      good")
    file = sa.make_url(settings.sync_database_url).database
    if settings.sync_database_url.startswith("sqlite") and not (file and Path(file).exists()):
        raise StartRefusedError(f"There is no database at {file} yet. Make it with: leadhub migrate")
    database = Database(settings.sync_database_url)
    try:
        problems = _problems(settings, database)
    finally:
        database.close()
    if problems:
        raise StartRefusedError("\n".join(problems))


def openapi() -> None:
    """Print the OpenAPI 3.1 description of the API."""
    routes = [route for group in all_groups() if isinstance(group, RouteGroup) for route in group]
    sys.stdout.write(json.dumps(describe(routes), indent=2) + "\n")


def _problems(settings: Settings, database: Database) -> list[str]:
    found: list[str] = []
    try:
        migrating.check(database)
        say("schema        good")
    except migrating.SchemaError as error:
        found.append(f"schema: {error}")
    weak = database.read_now(durability.weaknesses)
    found += [f"durability: {each}" for each in weak]
    if not weak:
        say("durability    good")
    if not found:
        database.read_now(make_sealer(settings, SystemClock()).verify_keys)
        say("keys          good")
    names = ", ".join(each.manifest.key for each in Registry.from_entry_points())
    say(f"connectors    {names}")
    return found


def _settings(host: str | None, port: int | None) -> Settings:
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(**given)
    set_up_logs(settings.log_format, level=settings.log_level)
    return settings


async def _serve(settings: Settings) -> None:
    async with open_hub(settings, "serve") as hub:
        link = await hub.database.write(issue_first_run_link, hub.clock.now())
        if link is not None:
            say(f"Set the hub up here (once, within a day): {hub.services.settings.origin}/first-run#{link}")
        if hub.app is None:
            raise StartRefusedError("a serving process has an application")
        say(f"Leadhub is at {hub.services.settings.origin}. Stop it with Ctrl-C.")
        _spare_what_is_loaded()
        await serve_app(hub.app, host=settings.host, port=settings.port)


async def _work(settings: Settings) -> None:
    async with open_hub(settings, "worker") as hub:
        say(f"{hub.process_name} works. Stop it with SIGTERM.")
        _spare_what_is_loaded()
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, hub.services.lifecycle.stop)
        await hub.services.lifecycle.stopping.wait()


def _spare_what_is_loaded() -> None:
    """Have the garbage collector pass over what stays for as long as the process runs: modules, models, statements.

    It is half a million objects. Looking through them takes 0.2 s each time, in the midst of a transaction or while
    requests wait. What a batch of leads makes is let go by counting references; to look for circles in it seven times
    less often saves a tenth of the work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
