"""Two furnished organisations, and short ways to talk to the routes about configuration."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.connector.models import Choice, FieldType, Question, SourceForm
from hub.core.audit.models import audit_records
from hub.core.connections.models import connection_parts
from hub.core.field_mappings.source_forms import upsert_source_forms
from hub.management.setup import furnish_organisation
from tests.factories import START, add_connection
from tests.web.conftest import Hub, Organisation

PART = "page-1"
QUESTIONS = (
    Question(key="full_name", label="Full name", kind=FieldType.TEXT),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
    Question(
        key="treatment",
        label="Which treatment do you fancy?",
        kind=FieldType.SINGLE_CHOICE,
        choices=(Choice(value="a", label="Massage"), Choice(value="b", label="Sauna")),
    ),
)


def form_content(**changes: Any) -> dict[str, Any]:
    """A form of the hub that can be published."""
    name = {"key": "full_name", "label": "Your name", "kind": "text", "required": True, "maps_to": "full_name"}
    email = {"key": "email", "label": "E-mail", "kind": "email", "required": True, "maps_to": "email"}
    return {
        "title": "Book a trial",
        "description": "We call you back within a day.",
        "fields": [name, email],
        **changes,
    }


class Office:
    """The hub with everything that configuration refers to, in ``mine`` and in ``other``."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.database = hub.services.database
        self.now = hub.services.clock.now()
        self._sessions: dict[str, str] = {}
        self.connection_id, self.source_form_id = self.database.write_now(self._furnish, hub.mine)
        self.other_connection_id, self.other_source_form_id = self.database.write_now(self._furnish, hub.other)

    def _furnish(self, connection: Connection, organisation: Organisation) -> tuple[UUID, UUID]:
        furnish_organisation(connection, organisation.id, self.now)
        connection_id = add_connection(connection, organisation.id)
        connection.execute(
            sa.insert(connection_parts).values(
                connection_id=connection_id,
                part_id=PART,
                organisation_id=organisation.id,
                name="Our page",
                missing_rights=[],
            )
        )
        found = self.list_form(connection, organisation.id, connection_id, QUESTIONS)
        return connection_id, found

    def list_form(
        self,
        connection: Connection,
        organisation_id: UUID,
        connection_id: UUID,
        questions: Sequence[Question],
        form_id: str = "form-1",
    ) -> UUID:
        """The source lists a form; returns its id here."""
        form = SourceForm(id=form_id, name="Spring", questions=tuple(questions), part_id=PART)
        return upsert_source_forms(connection, organisation_id, connection_id, [form], START)[0].source_form_id

    async def ask(
        self, method: str, path: str, body: Any = None, *, status: int = 200, as_role: str = "Administrator"
    ) -> Any:
        """The JSON of an answer that must have this status."""
        if as_role not in self._sessions:
            self._sessions[as_role] = self.hub.token_of(self.hub.mine.user_ids[as_role])
        answer = await self.hub.ask(method, f"/api/v1{path}", session=self._sessions[as_role], body=body)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.body.decode()}"
        return answer.json if answer.body else None

    async def get(self, path: str, **options: Any) -> Any:
        """GET."""
        return await self.ask("GET", path, **options)

    async def refused(self, method: str, path: str, body: Any = None, *, status: int = 422) -> dict[str, str]:
        """The named fields of a refusal, each with what to do."""
        problem = await self.ask(method, path, body, status=status)
        return {each["pointer"]: each["detail"] for each in problem.get("errors", ())}

    def audited(self) -> list[tuple[str, str]]:
        """Actor and action of every audit record of ``mine``, the oldest first."""

        def read(connection: Connection) -> list[tuple[str, str]]:
            statement = sa.select(audit_records.c.actor, audit_records.c.action).where(
                audit_records.c.organisation_id == self.hub.mine.id
            )
            return [(row.actor, row.action) for row in connection.execute(statement.order_by(audit_records.c.id))]

        return self.database.read_now(read)

    @property
    def admin(self) -> str:
        """How the audit record names the administrator."""
        return f"user:{self.hub.mine.user_ids['Administrator']}"

    def require_audited(self, *actions: str) -> None:
        """The administrator did exactly this, in this order."""
        assert self.audited()[-len(actions) :] == [(self.admin, action) for action in actions]
