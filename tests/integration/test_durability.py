"""A database that could lose what was acknowledged is not used (DG-02)."""

from pathlib import Path

import pytest

from hub.bootstrap import StartRefusedError, open_database
from hub.db.durability import weaknesses
from hub.db.engine import Database
from hub.settings import Settings


@pytest.mark.proves("DG-02")
def test_sqlite_below_full_is_named(tmp_path: Path) -> None:
    """synchronous NORMAL and a journal that is not WAL are each named with what they mean."""
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")

    def weaken(connection: object, *, pragma: str) -> list[str]:
        raw = connection.connection.driver_connection  # type: ignore[attr-defined]
        raw.execute(f"PRAGMA {pragma}")
        return weaknesses(connection)  # type: ignore[arg-type]

    assert database.read_now(weaknesses) == []
    (found,) = database.read_now(weaken, pragma="synchronous=NORMAL")
    assert "power cut" in found
    database.close()


@pytest.mark.proves("DG-02")
@pytest.mark.parametrize("setting", ["synchronous_commit=off", "synchronous_commit=local"])
def test_postgresql_that_answers_before_the_flush_is_named(empty_postgres_url: str, setting: str) -> None:
    """A commit that does not wait for the disk is not a commit."""
    database = Database(empty_postgres_url)

    def weakened(connection: object) -> list[str]:
        name, _, value = setting.partition("=")
        connection.exec_driver_sql(f"SET {name} = {value}")  # type: ignore[attr-defined]
        return weaknesses(connection)  # type: ignore[arg-type]

    found = database.read_now(weakened)
    database.close()
    assert any("synchronous_commit" in each for each in found) is (setting.endswith("off"))


def test_a_server_database_without_the_schema_is_refused(empty_postgres_url: str, tmp_path: Path) -> None:
    """The start says which command makes it right."""
    settings = Settings(data_dir=tmp_path, database_url=empty_postgres_url)
    with pytest.raises(StartRefusedError, match="leadhub migrate"):
        open_database(settings)
