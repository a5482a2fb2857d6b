"""The one table of permissions: resource x action x scope. What is not granted here is denied.

A role is a list of grants written ``resource:action:scope``. Scope says how far the grant reaches:

- ``own``: what is assigned to (or belongs to) the user,
- ``centre``: what belongs to the centres the user works at,
- ``organisation``: everything of the organisation.

Other modules add a row to ``RESOURCES`` when they add a resource; a route that names a resource or an action
which is not in the table cannot be built.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache


class Scope(StrEnum):
    """How far a grant reaches; later members reach further."""

    OWN = "own"
    CENTRE = "centre"
    ORGANISATION = "organisation"

    @property
    def rank(self) -> int:
        """0 for the narrowest."""
        return list(Scope).index(self)


_ALL = (Scope.OWN, Scope.CENTRE, Scope.ORGANISATION)
_WIDE = (Scope.CENTRE, Scope.ORGANISATION)
_WHOLE = (Scope.ORGANISATION,)
_LIST = ("view", "add", "edit", "delete")


@dataclass(frozen=True)
class Resource:
    """One row: what it is called in the role editor, its actions, the scopes a grant may have.

    ``least`` names actions that need at least that effective scope (importing leads for oneself makes no sense).
    """

    label: str
    actions: tuple[str, ...]
    scopes: tuple[Scope, ...] = _WHOLE
    is_grantable: bool = True
    least: Mapping[str, Scope] = field(default_factory=dict)


RESOURCES: Mapping[str, Resource] = {
    "leads": Resource(
        "Leads", (*_LIST, "convert", "import", "export"), _ALL, least={"import": Scope.CENTRE, "export": Scope.CENTRE}
    ),
    "lead_contacts": Resource("E-mail addresses and phone numbers of leads", ("view",)),
    "lead_history": Resource("History of leads", ("view",)),
    "reopened_leads": Resource("Reopen leads", ("edit",)),
    "lead_dashboard": Resource("Lead dashboard", ("view",), _ALL),
    "lead_settings": Resource("Lead settings", ("view", "edit")),
    "lead_fields": Resource("Lead fields", _LIST),
    "lead_sources": Resource("Lead sources", _LIST),
    "lead_stages": Resource("Lead stages", _LIST),
    "lead_types": Resource("Lead types", _LIST),
    "pipelines": Resource("Pipelines", _LIST),
    "call_outcomes": Resource("Call outcomes", _LIST),
    "task_types": Resource("Task types", _LIST),
    "tasks": Resource("Tasks and notes", _LIST, _ALL),
    "automation_rules": Resource("Automation rules", _LIST),
    "workflows": Resource("Workflows", _LIST, _WIDE),
    "master_form": Resource("Master form", ("view", "add", "edit")),
    "forms": Resource("Forms", _LIST),
    "form_templates": Resource("Form templates", _LIST),
    "connections": Resource("Platform integration", _LIST),
    "mappings": Resource("Field mappings and form defaults", ("view", "edit")),
    "routing": Resource("Routing rules and queues", _LIST),
    "receipts": Resource("Ledger of receipts", ("view", "edit")),
    "messages": Resource("Messages to leads", ("send",), _ALL),
    "opt_outs": Resource("Opt-outs and opt-ins noted by hand", ("edit",), _ALL),
    "calls": Resource("Calls from the browser", ("send",), _ALL),
    "emails": Resource("E-mails to leads", ("send",), _ALL),
    "mass_sms": Resource("Mass SMS", ("send",), _WIDE),
    "mass_emails": Resource("Mass e-mails", ("send",), _WIDE),
    "reports": Resource("Reports", ("view", "export"), _WIDE),
    "organisation": Resource("Organisation", ("view", "edit")),
    "centres": Resource("Centres", _LIST, _WIDE, least={"add": Scope.ORGANISATION}),
    "users": Resource("People", _LIST, _WIDE),
    "roles": Resource("Roles", _LIST),
    "api_keys": Resource("API keys", ("view", "add", "delete"), (Scope.OWN, Scope.ORGANISATION)),
    "audit": Resource("Audit record", ("view",)),
    "own_account": Resource("One's own account", ("view", "edit"), (Scope.OWN,), is_grantable=False),
    "sign_in": Resource("Signing in", ("add",), is_grantable=False),
    "first_run": Resource("First set-up", ("add",), is_grantable=False),
    "health": Resource("Health of the process", ("view",), is_grantable=False),
    "api_description": Resource("Description of this API", ("view",), is_grantable=False),
}
"""Rows that are not grantable are given to fixed audiences: see ``ANYONE``, ``SESSION_HOLDERS``, ``KEY_HOLDERS``."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a route asks for. Raises ``ValueError`` where the table has no such resource or action."""

    resource: str
    action: str

    def __post_init__(self) -> None:
        known = RESOURCES.get(self.resource)
        if known is None or self.action not in known.actions:
            raise ValueError(f"the permission table has no {self.resource}:{self.action}; add it to RESOURCES first")

    def __str__(self) -> str:
        return f"{self.resource}:{self.action}"


class PermissionSet:
    """What one caller may do."""

    __slots__ = ("_grants",)

    def __init__(self, grants: Mapping[Permission, Scope]) -> None:
        self._grants = dict(grants)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "PermissionSet":
        """From ``resource:action:scope`` texts, the widest winning. Raises ``ValueError`` naming a bad one."""
        return cls(_widest(parse_grant(text) for text in texts))

    @classmethod
    def stored(cls, texts: Iterable[str]) -> "PermissionSet":
        """From a stored role; a grant that this version does not know gives nothing."""
        return _stored(tuple(texts))

    def scope(self, permission: Permission) -> Scope | None:
        """How far the caller may use the permission; None is denied.

        Nobody changes what they cannot see (M-035): an action reaches no further than ``view`` of the resource.
        """
        granted = self._grants.get(permission)
        if granted is None:
            return None
        resource = RESOURCES[permission.resource]
        if permission.action != "view" and "view" in resource.actions:
            seen = self._grants.get(Permission(permission.resource, "view"))
            if seen is None:
                return None
            granted = min(granted, seen, key=lambda scope: scope.rank)
        least = resource.least.get(permission.action)
        return None if least is not None and granted.rank < least.rank else granted

    def covers(self, other: "PermissionSet") -> bool:
        """Whether every grant of ``other`` is held here at least as widely."""
        return all(
            permission in self._grants and self._grants[permission].rank >= scope.rank
            for permission, scope in other._grants.items()
        )

    def within(self, other: "PermissionSet") -> "PermissionSet":
        """What both hold, each at the narrower scope."""
        shared = self._grants.keys() & other._grants.keys()
        return PermissionSet({p: min(self._grants[p], other._grants[p], key=lambda scope: scope.rank) for p in shared})

    def together_with(self, other: "PermissionSet") -> "PermissionSet":
        """What either holds."""
        return PermissionSet({**self._grants, **other._grants})

    def texts(self) -> list[str]:
        """The grants as they are stored and shown, sorted."""
        return sorted(f"{permission}:{scope}" for permission, scope in self._grants.items())


def parse_grant(text: str) -> tuple[Permission, Scope]:
    """Read ``leads:view:own``. Raises ``ValueError`` that says what is wrong and what is allowed."""
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(f"{text!r} is not written as resource:action:scope, for example leads:view:own")
    resource = RESOURCES.get(parts[0])
    if resource is None or not resource.is_grantable or parts[1] not in resource.actions:
        raise ValueError(f"{parts[0]}:{parts[1]} is not a permission; GET /api/v1/permissions lists them")
    if parts[2] not in resource.scopes:
        raise ValueError(f"{text!r} has an unknown scope; use one of {', '.join(resource.scopes)}")
    return Permission(parts[0], parts[1]), Scope(parts[2])


def _widest(grants: Iterable[tuple[Permission, Scope]]) -> dict[Permission, Scope]:
    found: dict[Permission, Scope] = {}
    for permission, scope in grants:
        if permission not in found or found[permission].rank < scope.rank:
            found[permission] = scope
    return found


@lru_cache(maxsize=256)
def _stored(texts: tuple[str, ...]) -> PermissionSet:
    known: list[tuple[Permission, Scope]] = []
    for text in texts:
        with suppress(ValueError):
            known.append(parse_grant(text))
    return PermissionSet(_widest(known))


def _fixed(*texts: str) -> PermissionSet:
    return PermissionSet({Permission(*text.split(":")): Scope.OWN for text in texts})


ANYONE = _fixed("sign_in:add", "first_run:add", "health:view", "api_description:view")
"""What needs no sign-in at all."""

SESSION_HOLDERS = ANYONE.together_with(_fixed("own_account:view", "own_account:edit"))
"""What every signed-in person may do, whatever the role."""

KEY_HOLDERS = ANYONE.together_with(_fixed("own_account:view"))
"""What every API key may do: look at itself, but change neither passwords nor sessions."""
