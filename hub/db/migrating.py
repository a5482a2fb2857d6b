"""Bringing a database to the schema of this release, and back."""

from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from hub.db.engine import Database
from hub.db.schema import metadata

LOCK = 5_260_417
"""The advisory lock that two migrating processes meet at (PostgreSQL)."""


class SchemaError(Exception):
    """The database's schema is not that of this release; the text says what to do."""


def upgrade(database: Database, revision: str = "head") -> None:
    """Apply every revision up to ``revision``, in one transaction: a killed migration leaves what was before."""
    database.write_now(_run, "upgrade", revision)


def downgrade(database: Database, revision: str) -> None:
    """Take revisions back down to ``revision`` (``base``: an empty database)."""
    database.write_now(_run, "downgrade", revision)


def check(database: Database) -> None:
    """Raise ``SchemaError`` unless the database stands at this release's newest revision."""
    found, newest = database.read_now(current), newest_revision()
    if found != newest:
        raise SchemaError(
            f"The database is at revision {found or 'none'}, this release needs {newest}. Run: leadhub migrate"
        )


def current(connection: Connection) -> str | None:
    """The revision that the database stands at; None for one without tables of ours."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The newest revision of this release."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return head or ""


def differences(connection: Connection) -> list[object]:
    """What the tables in the code have that the database lacks, or the other way round; empty if they agree."""
    context = MigrationContext.configure(connection, opts={"compare_type": False})
    return list(compare_metadata(context, metadata))


def write_revision(database: Database, message: str) -> None:
    """Write a new revision from the difference between code and database (for developers)."""

    def work(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.revision(config, message, autogenerate=True)

    database.read_now(work)


def _run(connection: Connection, direction: str, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    config = _config()
    config.attributes["connection"] = connection
    (command.upgrade if direction == "upgrade" else command.downgrade)(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(str(files("hub.db"))) / "migrations"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
