"""Tables of durable jobs."""

import sqlalchemy as sa

from hub.db.schema import id_column, metadata, moment
from hub.db.types import JsonText

jobs = sa.Table(
    "jobs",
    metadata,
    id_column(),
    sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id", ondelete="CASCADE")),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("payload", JsonText),
    sa.Column("partition", sa.Text),
    sa.Column("state", sa.String(8), nullable=False),
    moment("created_at"),
    moment("due_at"),
    sa.Column("generation", sa.Integer, nullable=False, default=0),
    sa.Column("run_by", sa.Text),
    moment("handed_at", nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("bugs", sa.Integer, nullable=False, default=0),
    moment("failing_since", nullable=True),
    sa.Column("reason", sa.String(60)),
    sa.Column("last_error", sa.Text),
    moment("parked_at", nullable=True),
    moment("again_at", nullable=True),
    sa.CheckConstraint("state IN ('waiting', 'handed', 'parked')", name="state"),
    sa.Index(
        "ix_jobs_due_at",
        "due_at",
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    ),
    sa.Index(
        "ix_jobs_run_by",
        "run_by",
        sqlite_where=sa.text("state = 'handed'"),
        postgresql_where=sa.text("state = 'handed'"),
    ),
    sa.Index(
        "ix_jobs_parked",
        "organisation_id",
        "id",
        sqlite_where=sa.text("state = 'parked'"),
        postgresql_where=sa.text("state = 'parked'"),
    ),
)
"""One row per job that is not done; a job that is done has no row. ``waiting`` until ``due_at``, then ``handed`` to
the engine, or ``parked`` with its reason until an admin redrives it. ``generation`` grows with every hand-over: who
holds an older one may settle nothing (DG-06). ``run_by`` is the process that has it. ``organisation_id`` is None for
the hub's own jobs, ``partition`` names what waits together when a source asks us to slow down (a connection).
``attempts`` counts failures, ``bugs`` those of them that were no named failure. ``again_at``: it was
added again while it ran, and is due then once it has ended."""

partition_waits = sa.Table(
    "partition_waits",
    metadata,
    sa.Column("partition", sa.Text, primary_key=True),
    moment("wait_until"),
)
"""No job of the partition starts before ``wait_until``."""

job_schedules = sa.Table(
    "job_schedules",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("every_seconds", sa.Integer, nullable=False),
    moment("next_at"),
)
"""Jobs that the hub gives itself at fixed intervals, whatever the number of processes."""
