"""Who changes configuration: what each change needs to know, and its audit record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy.engine import Connection

from hub.core.audit.service import record
from hub.web.api.routing import Call


@dataclass(frozen=True, slots=True)
class Trail:
    """The caller and the moment of a change."""

    organisation_id: UUID
    user_id: UUID
    actor: str
    now: datetime

    @classmethod
    def of(cls, call: Call[Any, Any, Any]) -> Self:
        """The trail of what this call changes."""
        caller = call.principal
        return cls(caller.organisation_id, caller.user_id, caller.actor, call.now)

    def note(self, connection: Connection, action: str, subject: str, **detail: Any) -> None:
        """Write the audit record in the transaction of the change. ``detail`` is JSON without values of people."""
        record(
            connection,
            self.organisation_id,
            actor=self.actor,
            action=action,
            subject=subject,
            now=self.now,
            detail=detail,
        )
