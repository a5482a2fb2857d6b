"""Publishing forms and looking at what arrived, for tests of the public side."""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from aiohttp import web
from pydantic import SecretStr

from hub.connector.models import FieldType
from hub.core.forms import service
from hub.core.forms.definition import FormDefinition
from hub.core.forms.queries import Form
from hub.core.intake.ledger import Ledger
from hub.core.intake.models import receipts, refusals
from hub.core.master_form.models import master_fields
from hub.db.engine import Database
from hub.db.guard import ALL_ORGANISATIONS
from hub.db.schema import new_id
from hub.testing.clock import VirtualClock
from hub.web.limits import RateLimiter
from hub.web.public_forms.intake import PublicForms
from hub.web.public_forms.rates import FormRates
from hub.web.public_forms.routes import add_routes
from plugins.web_forms import WebForms
from tests.factories import add_organisation

SECRET = SecretStr("a secret for render tokens")
MASTER = {
    "full_name": FieldType.TEXT,
    "email": FieldType.EMAIL,
    "phone": FieldType.PHONE,
    "message": FieldType.LONG_TEXT,
    "interests": FieldType.MULTIPLE_CHOICE,
    "plan": FieldType.TEXT,
    "start": FieldType.DATE,
    "is_member": FieldType.YES_NO,
    "size": FieldType.SINGLE_CHOICE,
}


def simple(**changes: Any) -> dict[str, Any]:
    """A definition that can be published: name, e-mail, interests, a hidden plan and a consent."""
    return {
        "title": "Book a trial",
        "description": "We call you back within a day.",
        "fields": [
            {"key": "full_name", "label": "Your name", "kind": "text", "required": True, "maps_to": "full_name"},
            {"key": "email", "label": "E-mail", "kind": "email", "required": True, "maps_to": "email"},
            {
                "key": "interests",
                "label": "Interests",
                "kind": "multiple_choice",
                "choices": [{"value": "yoga", "label": "Yoga"}, {"value": "swim", "label": "Swimming"}],
                "maps_to": "interests",
            },
            {"key": "plan", "label": "Plan", "kind": "text", "hidden": True, "parameter": "plan", "maps_to": "plan"},
        ],
        "consents": [{"key": "news", "text": "You may write to me about offers.", "purpose": "marketing"}],
        **changes,
    }


class FormDesk:
    """One organisation, its forms, and what came in."""

    def __init__(self, database: Database, clock: VirtualClock, *, public_origin: str = "http://hub.test") -> None:
        self.database = database
        self.clock = clock
        self.ledger = Ledger(database, clock, "test-process")
        self.rates = FormRates()
        self.public_origin = public_origin
        self.organisation_id: UUID = database.write_now(add_organisation)
        database.write_now(self._add_master_fields)

    def app(self) -> web.Application:
        """The public part of the hub."""
        self.forms = PublicForms(
            database=self.database,
            ledger=self.ledger,
            limiter=RateLimiter(self.clock),
            connector=WebForms(),
            clock=self.clock,
            secret=SECRET,
            public_origin=self.public_origin,
            rates=self.rates,
            proof_bits=8,
        )
        app = web.Application()
        add_routes(app, self.forms)
        return app

    def draft(self, content: Mapping[str, Any]) -> Form:
        """A new form, not published."""
        return self.database.write_now(
            service.create_form,
            self.organisation_id,
            FormDefinition.read(content),
            actor="user:1",
            now=self.clock.now(),
        )

    def publish(self, content: Mapping[str, Any] | None = None, form: Form | None = None) -> Form:
        """Publish a new form, or new content of an existing one."""
        definition = FormDefinition.read(content or simple())
        now = self.clock.now()
        if form is None:
            form = self.draft(content or simple())
        else:
            self.database.write_now(
                service.edit_form, self.organisation_id, form.id, definition, actor="user:1", now=now
            )
        return self.database.write_now(
            service.publish_form, self.organisation_id, form.id, connector="web_forms", actor="user:1", now=now
        )

    def deactivate(self, form: Form) -> Form:
        """Switch a form off."""
        return self.database.write_now(
            service.deactivate_form, self.organisation_id, form.id, actor="user:1", now=self.clock.now()
        )

    def receipts(self) -> Sequence[Any]:
        """All receipts, oldest first."""
        statement = (
            sa.select(receipts).where(receipts.c.organisation_id == self.organisation_id).order_by(receipts.c.id)
        )
        return self.database.read_now(lambda c: c.execute(statement).all())

    async def refusals(self) -> dict[tuple[str, str], int]:
        """Counts of what was turned away, by end point and reason."""
        await self.ledger.close()
        statement = sa.select(refusals).execution_options(**{ALL_ORGANISATIONS: "test"})
        rows = self.database.read_now(lambda c: c.execute(statement).all())
        return {(row.endpoint, row.reason): row.requests for row in rows}

    def _add_master_fields(self, connection: sa.Connection) -> None:
        for position, (key, kind) in enumerate(MASTER.items()):
            connection.execute(
                sa.insert(master_fields).values(
                    id=new_id(),
                    organisation_id=self.organisation_id,
                    key=key,
                    label=key,
                    type=kind.value,
                    choices=[],
                    position=position,
                )
            )


def hidden_values(html: str) -> dict[str, str]:
    """The hidden inputs of a page, as a browser would send them."""
    inputs = re.findall(r"<input[^>]*>", html)
    found: dict[str, str] = {}
    for each in inputs:
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', each))
        if attributes.get("type") == "hidden":
            found[attributes["name"]] = unescape(attributes["value"])
    return found


def kept_values(html: str) -> dict[str, str]:
    """What a page that offers to send again holds."""
    return {
        name: unescape(value) for name, value in re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', html)
    }
