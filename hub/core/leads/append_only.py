"""The triggers by which the database itself keeps the journey append-only (C-023)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_SQLITE = (
    """CREATE TRIGGER journey_steps_no_update BEFORE UPDATE ON journey_steps
        BEGIN SELECT RAISE(ABORT, 'a journey step is never changed'); END""",
    """CREATE TRIGGER journey_steps_no_delete BEFORE DELETE ON journey_steps
        WHEN EXISTS (SELECT 1 FROM leads WHERE leads.id = OLD.lead_id)
        BEGIN SELECT RAISE(ABORT, 'a journey step is never removed'); END""",
)
_POSTGRESQL = (
    """CREATE FUNCTION refuse_journey_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' OR EXISTS (SELECT 1 FROM leads WHERE leads.id = OLD.lead_id) THEN
                RAISE EXCEPTION 'a journey step is never changed or removed';
            END IF;
            RETURN OLD;
        END $$""",
    """CREATE TRIGGER journey_steps_append_only BEFORE UPDATE OR DELETE ON journey_steps
        FOR EACH ROW EXECUTE FUNCTION refuse_journey_change()""",
)


def trigger_statements(dialect: str) -> tuple[str, ...]:
    """The statements that make the database itself refuse to change a step of a living lead (C-023)."""
    return _POSTGRESQL if dialect == "postgresql" else _SQLITE


def _create(target: sa.Table, connection: Connection, **_: Any) -> None:
    for statement in trigger_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


def protect(table: sa.Table) -> None:
    """Have the triggers made together with the table."""
    sa.event.listen(table, "after_create", _create)
