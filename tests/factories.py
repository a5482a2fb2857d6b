"""Rows and values that tests start from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.base import Connector
from hub.connector.errors import BadPayloadError
from hub.connector.models import Answer, Manifest, RawSubmission, Submission
from hub.core.connections.models import connections
from hub.core.intake.receipts import Delivery, Path
from hub.core.organisations.models import organisations
from hub.db.schema import new_id

START = datetime(2026, 1, 1, tzinfo=UTC)


def add_organisation(connection: Connection, name: str = "Example Spa") -> UUID:
    """An organisation without anything in it."""
    organisation_id = new_id()
    connection.execute(
        sa.insert(organisations).values(
            id=organisation_id, name=name, country="DE", language="de", time_zone="Europe/Berlin", created_at=START
        )
    )
    return organisation_id


def add_connection(
    connection: Connection, organisation_id: UUID, connector: str = "reference", state: str = "active"
) -> UUID:
    """A connection in some state, without app and grant."""
    connection_id = new_id()
    connection.execute(
        sa.insert(connections).values(
            id=connection_id,
            organisation_id=organisation_id,
            connector=connector,
            name=connector,
            account_id="account-1",
            missing_rights=[],
            state=state,
            created_at=START,
            state_changed_at=START,
        )
    )
    return connection_id


def raw(source_id: str | None, body: Any = None, form_id: str | None = "form-1", **more: Any) -> RawSubmission:
    """A raw submission with a body that the reference connector can read."""
    return RawSubmission(
        source_id=source_id,
        form_id=form_id,
        body=body if body is not None else {"id": source_id, "answers": {"full_name": ["Ada Example"]}},
        **more,
    )


def delivery(
    organisation_id: UUID,
    connection_id: UUID | None,
    submissions: Sequence[RawSubmission],
    *,
    path: Path = Path.WEBHOOK,
    received_at: datetime = START,
    **more: Any,
) -> Delivery:
    """A verified delivery that holds these submissions."""
    return Delivery(
        organisation_id=organisation_id,
        connection_id=connection_id,
        connector=more.pop("connector", "reference"),
        path=path,
        received_at=received_at,
        raw=more.pop("raw", b"{}"),
        submissions=tuple(submissions),
        **more,
    )


class PlainConnector(Connector):
    """A connector whose submissions are already as simple as can be: ``{"answers": {key: [value]}, "at": ...}``."""

    manifest = Manifest(key="reference", name="Reference", contract=1, source_code="reference")

    def normalise(self, raw: RawSubmission) -> Submission:
        """Read the body."""
        body = raw.body
        if not isinstance(body, dict) or not isinstance(answers := body.get("answers"), dict):
            raise BadPayloadError("There are no answers.", path="answers")
        if "crash" in body:
            raise ZeroDivisionError("a bug of the connector")
        at = body.get("at")
        return Submission(
            source_id=raw.source_id,
            form_id=raw.form_id,
            submitted_at=datetime.fromisoformat(at) if isinstance(at, str) else raw.received_at or START,
            answers=tuple(Answer(key=key, label=key, values=tuple(values)) for key, values in answers.items()),
            is_test=bool(body.get("test")),
        )


def answers(name: str = "Ada Example", email: str | None = None, **more: Any) -> dict[str, Any]:
    """A body for ``PlainConnector``."""
    found = {"full_name": [name], **({"email": [email]} if email else {})}
    return {"answers": {**found, **more.pop("extra", {})}, **more}
