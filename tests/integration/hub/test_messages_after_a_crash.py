"""A process that was killed while it sent starts again under its name."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.bootstrap import open_hub
from hub.connectors import Registry
from hub.core.outbound.models import outgoing_messages
from hub.db.engine import Database
from hub.settings import Settings
from plugins.web_forms.connector import WebForms
from tests.faults.sending.scene import Scene


def leave_one_marked(connection: Connection, scene: Scene, process: str) -> None:
    """As it is when the process dies between marking a message and writing down what came of it."""
    mine = outgoing_messages.c.organisation_id == scene.organisation_id
    first = connection.scalars(sa.select(outgoing_messages.c.id).where(mine).order_by(outgoing_messages.c.id)).first()
    marked = {"state": "sending", "taken_by": process, "attempts": 1, "sending_at": outgoing_messages.c.asked_at}
    connection.execute(sa.update(outgoing_messages).where(mine, outgoing_messages.c.id == first).values(marked))


@pytest.mark.proves("DG-11")
async def test_what_a_killed_process_was_sending_is_unknown_at_its_next_start(whole_url: str, tmp_path: Path) -> None:
    """The message that it had marked is told as unknown as soon as it runs again; what waited still waits."""
    settings = Settings(data_dir=tmp_path, database_url=whole_url)
    registry = Registry.from_connectors([WebForms()])
    async with open_hub(settings, "worker", registry=registry) as hub:
        name, scene = hub.process_name, Scene.make(hub.database)
        scene.ask(hub.database, 2)
    database = Database(whole_url)
    database.write_now(leave_one_marked, scene, name)
    assert sorted(scene.states(database).values()) == ["queued", "sending"]
    database.close()
    async with open_hub(settings, "worker", registry=registry) as hub:
        assert hub.process_name == name
        assert sorted(scene.states(hub.database).values()) == ["queued", "unknown"]
