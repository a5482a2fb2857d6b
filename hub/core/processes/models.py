"""Table of the hub's processes."""

import sqlalchemy as sa

from hub.db.schema import metadata, moment

processes = sa.Table(
    "processes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("incarnation", sa.Text, nullable=False),
    sa.Column("beats", sa.BigInteger, nullable=False, default=0),
    moment("started_at"),
    moment("beat_at"),
)
"""One row per running process of the hub; one that stays silent loses its work to another (DG-06). ``beats`` counts
heartbeats: others watch whether it moves, because the clocks of two hosts need not agree; ``beat_at`` is for people.
A restart under the same name has another ``incarnation``."""
