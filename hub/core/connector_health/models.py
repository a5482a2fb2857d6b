"""Tables of connector health. They belong to whoever operates the hub, not to an organisation."""

import sqlalchemy as sa

from hub.db.schema import metadata, moment

connector_health = sa.Table(
    "connector_health",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("process", sa.Text, primary_key=True),
    sa.Column("is_apart", sa.Boolean, nullable=False),
    sa.Column("is_failing", sa.Boolean, nullable=False),
    moment("rests_until", nullable=True),
    moment("changed_at"),
)
"""How a connector is doing in a process of the hub, for those that run apart there or ever failed. Counts only while
the process is registered."""

connector_faults = sa.Table(
    "connector_faults",
    metadata,
    sa.Column("connector", sa.String(40), primary_key=True),
    sa.Column("step", sa.String(60), primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    moment("first_at"),
    moment("last_at"),
)
"""The ledger of faults, of all processes and all times: what failed, in which way, how often. ``reason`` is of the
last; it quotes nothing that the connector handled."""
