"""The roles that a new organisation starts with; all of them may be changed afterwards."""

from collections.abc import Mapping

from hub.core.accounts.permissions import RESOURCES, Scope

_VOCABULARY = (
    "lead_settings",
    "lead_fields",
    "lead_sources",
    "lead_stages",
    "lead_types",
    "pipelines",
    "call_outcomes",
    "task_types",
    "master_form",
    "organisation",
)
"""What must be readable for a list of leads to make sense."""

_SEES = [f"{resource}:view:organisation" for resource in _VOCABULARY]


def _everything() -> list[str]:
    return [
        f"{name}:{action}:{Scope.ORGANISATION}"
        for name, resource in RESOURCES.items()
        if resource.is_grantable
        for action in resource.actions
    ]


def _of(resource: str, scope: Scope, *actions: str) -> list[str]:
    return [f"{resource}:{action}:{scope}" for action in actions]


BUILT_IN_ROLES: Mapping[str, tuple[str, ...]] = {
    "Administrator": tuple(_everything()),
    "Manager": (
        *_SEES,
        *_of("leads", Scope.CENTRE, "view", "add", "edit", "delete", "convert", "import", "export"),
        *_of("tasks", Scope.CENTRE, "view", "add", "edit", "delete"),
        *_of("workflows", Scope.CENTRE, "view", "add", "edit", "delete"),
        *_of("lead_contacts", Scope.ORGANISATION, "view"),
        *_of("lead_history", Scope.ORGANISATION, "view"),
        *_of("reopened_leads", Scope.ORGANISATION, "edit"),
        *_of("lead_dashboard", Scope.CENTRE, "view"),
        *_of("reports", Scope.CENTRE, "view", "export"),
        *_of("messages", Scope.CENTRE, "send"),
        *_of("opt_outs", Scope.CENTRE, "edit"),
        *_of("calls", Scope.CENTRE, "send"),
        *_of("emails", Scope.CENTRE, "send"),
        *_of("forms", Scope.ORGANISATION, "view"),
        *_of("connections", Scope.ORGANISATION, "view"),
        *_of("routing", Scope.ORGANISATION, "view"),
        *_of("receipts", Scope.ORGANISATION, "view"),
        *_of("centres", Scope.CENTRE, "view"),
        *_of("users", Scope.CENTRE, "view", "edit"),
        *_of("roles", Scope.ORGANISATION, "view"),
    ),
    "Sales": (
        *_SEES,
        *_of("leads", Scope.OWN, "view", "add", "edit", "convert"),
        *_of("tasks", Scope.OWN, "view", "add", "edit", "delete"),
        *_of("lead_contacts", Scope.ORGANISATION, "view"),
        *_of("lead_history", Scope.ORGANISATION, "view"),
        *_of("lead_dashboard", Scope.OWN, "view"),
        *_of("messages", Scope.OWN, "send"),
        *_of("opt_outs", Scope.OWN, "edit"),
        *_of("calls", Scope.OWN, "send"),
        *_of("emails", Scope.OWN, "send"),
        *_of("centres", Scope.CENTRE, "view"),
    ),
    "Viewer": (
        *_SEES,
        *_of("leads", Scope.ORGANISATION, "view"),
        *_of("lead_dashboard", Scope.ORGANISATION, "view"),
        *_of("reports", Scope.ORGANISATION, "view"),
        *_of("centres", Scope.ORGANISATION, "view"),
    ),
}
