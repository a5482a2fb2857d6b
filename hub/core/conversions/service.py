"""Which stages are reported, to where and under which name: what an admin selects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.base import ReportsConversions
from hub.connector.conversions import ConversionTarget
from hub.connector.models import FieldType
from hub.core.connections.apps import Connectors, find_connector
from hub.core.connections.models import connections
from hub.core.connections.state import ConnectionState
from hub.core.conversions.models import conversion_cursors, conversion_rules
from hub.core.master_form.queries import snapshot
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError, UnknownRecordError
from hub.core.organisations.queries import require_owned
from hub.core.outbox.queries import newest_position
from hub.core.pipelines.models import stages
from hub.db.schema import new_id
from hub.db.types import AnyRow
from hub.db.upsert import insert

_AMOUNTS = (FieldType.MONEY, FieldType.NUMBER)


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """What an admin selects. ``event_name`` is empty where the target alone says what happened.

    ``value_field`` is the key of a master field whose amount goes along; ``currency`` counts where the value
    names none. With ``consent_purpose`` only leads are reported whose person gave their consent for it.
    """

    connection_id: UUID
    target: ConversionTarget
    stage_id: UUID
    event_name: str = ""
    value_field: str | None = None
    currency: str | None = None
    consent_purpose: str | None = None
    is_active: bool = True


def create_rule(
    connection: Connection, organisation_id: UUID, connectors: Connectors, draft: RuleDraft, now: datetime
) -> UUID:
    """Add a rule, which counts from now on; returns its id. Raises ``ServiceError`` where it does not fit."""
    _check(connection, organisation_id, connectors, draft)
    _require_unlike(connection, organisation_id, draft, None)
    rule_id = new_id()
    begins = _from_now(connection, organisation_id)
    connection.execute(
        sa.insert(conversion_rules).values(
            id=rule_id,
            organisation_id=organisation_id,
            **_columns(draft),
            **begins,
            created_at=now,
            edited_at=now,
        )
    )
    return rule_id


def change_rule(
    connection: Connection,
    organisation_id: UUID,
    connectors: Connectors,
    rule_id: UUID,
    draft: RuleDraft,
    now: datetime,
) -> None:
    """Change a rule. One that was switched on, or reports something else now, counts from now on."""
    known = find_rule(connection, organisation_id, rule_id)
    if draft.connection_id != known.connection_id:
        raise RefusedChangeError(
            "a rule stays with its connection; add another one for this connection", field="connection_id"
        )
    _check(connection, organisation_id, connectors, draft)
    _require_unlike(connection, organisation_id, draft, rule_id)
    reports = ("target_id", "stage_id", "event_name")
    columns = _columns(draft)
    is_new = any(columns[name] != getattr(known, name) for name in reports) or (draft.is_active and not known.is_active)
    begins = _from_now(connection, organisation_id) if is_new else {}
    unblocked = {"problem_code": None, "problem": None, "problem_since": None}
    connection.execute(
        sa.update(conversion_rules)
        .where(*_mine(organisation_id, rule_id))
        .values(**columns, **begins, **unblocked, edited_at=now)
    )


def remove_rule(connection: Connection, organisation_id: UUID, rule_id: UUID) -> None:
    """Remove a rule; what it has reported stays in the list, what still waits is not sent any more."""
    find_rule(connection, organisation_id, rule_id)
    connection.execute(sa.delete(conversion_rules).where(*_mine(organisation_id, rule_id)))


def find_rule(connection: Connection, organisation_id: UUID, rule_id: UUID) -> AnyRow:
    """One rule, or ``UnknownRecordError``."""
    row = connection.execute(sa.select(conversion_rules).where(*_mine(organisation_id, rule_id))).one_or_none()
    if row is None:
        raise UnknownRecordError("conversion rule")
    return row


def reporting_connector(
    connection: Connection, organisation_id: UUID, connectors: Connectors, connection_id: UUID
) -> ReportsConversions:
    """The connector of a connection, as one that reports. Raises ``ServiceError`` where it does not."""
    row = connection.execute(
        sa.select(connections.c.connector, connections.c.state).where(
            connections.c.organisation_id == organisation_id, connections.c.id == connection_id
        )
    ).one_or_none()
    if row is None:
        raise UnknownRecordError("connection")
    connector = find_connector(connectors, row.connector)
    if connector is None or not isinstance(connector, ReportsConversions):
        raise RefusedChangeError(
            "this connection takes no reports of stages; choose one of an advertising platform", field="connection_id"
        )
    if row.state == ConnectionState.DISCONNECTED.value:
        raise RefusedChangeError("this connection has ended; connect the account again", field="connection_id")
    return connector


def _check(connection: Connection, organisation_id: UUID, connectors: Connectors, draft: RuleDraft) -> None:
    connector = reporting_connector(connection, organisation_id, connectors, draft.connection_id)
    require_owned(connection, organisation_id, stages, [draft.stage_id], what="stage")
    if connector.conversions.has_event_names and not draft.event_name:
        raise RefusedChangeError("say under which name the event is reported", field="event_name", code="missing")
    if not connector.conversions.has_event_names and draft.event_name:
        raise RefusedChangeError(
            "here the target alone says what happened; leave the name of the event empty", field="event_name"
        )
    if draft.value_field is not None:
        _check_value(connection, organisation_id, draft.value_field, draft.currency)


def _check_value(connection: Connection, organisation_id: UUID, key: str, currency: str | None) -> None:
    field = snapshot(connection, organisation_id).by_key.get(key)
    if field is None or field.is_archived:
        raise RefusedChangeError("the master form has no such field; choose another", field="value_field")
    if field.type not in _AMOUNTS:
        raise RefusedChangeError("choose a field that holds a number or an amount of money", field="value_field")
    if field.type is FieldType.NUMBER and currency is None:
        raise RefusedChangeError("a number needs a currency; name it, for example EUR", field="currency")


def _require_unlike(connection: Connection, organisation_id: UUID, draft: RuleDraft, rule_id: UUID | None) -> None:
    same = sa.select(conversion_rules.c.id).where(
        conversion_rules.c.organisation_id == organisation_id,
        conversion_rules.c.connection_id == draft.connection_id,
        conversion_rules.c.target_id == draft.target.id,
        conversion_rules.c.stage_id == draft.stage_id,
        conversion_rules.c.event_name == draft.event_name,
    )
    if (known := connection.execute(same).scalar()) is not None and known != rule_id:
        raise ConflictingChangeError("this stage is reported there under this name already", field="stage_id")


def _columns(draft: RuleDraft) -> dict[str, Any]:
    return {
        "connection_id": draft.connection_id,
        "target_id": draft.target.id,
        "target_name": draft.target.name,
        "part_id": draft.target.part_id,
        "stage_id": draft.stage_id,
        "event_name": draft.event_name,
        "value_field": draft.value_field,
        "currency": draft.currency,
        "consent_purpose": draft.consent_purpose,
        "is_active": draft.is_active,
    }


def _from_now(connection: Connection, organisation_id: UUID) -> dict[str, int]:
    """The place in the outbox behind all that can be read now. Where no other rule reads on, reading begins there."""
    newest = newest_position(connection, organisation_id)
    place = {"transaction_number": newest.transaction_number, "number": newest.number}
    statement = insert(connection, conversion_cursors).values(organisation_id=organisation_id, **place)
    is_read = sa.exists().where(
        conversion_rules.c.organisation_id == organisation_id, conversion_rules.c.is_active.is_(True)
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["organisation_id"], set_=place, where=sa.not_(is_read))
    )
    return {"since_transaction": newest.transaction_number, "since_number": newest.number}


def _mine(organisation_id: UUID, rule_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return conversion_rules.c.organisation_id == organisation_id, conversion_rules.c.id == rule_id
