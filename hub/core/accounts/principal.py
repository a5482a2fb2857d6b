"""The caller of a request, and how far one of their permissions reaches."""

from dataclasses import dataclass
from uuid import UUID

from hub.core.accounts.permissions import Permission, PermissionSet, Scope


@dataclass(frozen=True, slots=True)
class Reach:
    """What a query must filter by. ``centre_ids`` matters for the scope ``centre``, ``user_id`` for ``own``."""

    organisation_id: UUID
    scope: Scope
    user_id: UUID
    centre_ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person, or an API key acting for the person who made it.

    The organisation comes from the sign-in and from nowhere else. Exactly one of ``session_id`` and
    ``api_key_id`` is set.
    """

    organisation_id: UUID
    user_id: UUID
    name: str
    permissions: PermissionSet
    centre_ids: frozenset[UUID]
    session_id: UUID | None = None
    api_key_id: UUID | None = None

    @property
    def actor(self) -> str:
        """How the audit record and journeys name this caller."""
        return f"user:{self.user_id}" if self.api_key_id is None else f"api_key:{self.api_key_id}"

    def reach(self, permission: Permission) -> Reach | None:
        """How far the permission reaches; None where it is not held."""
        scope = self.permissions.scope(permission)
        return None if scope is None else Reach(self.organisation_id, scope, self.user_id, self.centre_ids)
