"""backup, restore: the whole deployment in one encrypted file."""

from pathlib import Path
from typing import Annotated

import typer

from hub.bootstrap import StartRefusedError, open_database
from hub.cli.output import say
from hub.core.backups import BackupError, read_backup, write_backup
from hub.db import migrating
from hub.db.engine import Database
from hub.settings import load_settings


def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")]) -> None:
    """Write every row of the database, encrypted with the newest master key, into one file."""
    settings = load_settings()
    if file.exists():
        raise StartRefusedError(f"{file} exists already; name another file.")
    database = open_database(settings)
    try:
        rows = database.read_now(write_backup, file, settings.keys())
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    finally:
        database.close()
    say(f"{rows} rows are in {file}. Keep the master key elsewhere: without it the file is of no use.")


def restore(file: Annotated[Path, typer.Argument(help="A file that ``leadhub backup`` wrote.")]) -> None:
    """Fill an empty database from a backup; what came in since is then found by reconciliation."""
    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.sync_database_url)
    try:
        migrating.upgrade(database)
        rows = database.write_now(read_backup, file, settings.keys())
    except BackupError as error:
        raise StartRefusedError(str(error)) from None
    finally:
        database.close()
    say(f"{rows} rows are restored.")
