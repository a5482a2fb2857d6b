"""The states of a form (Z-118 to Z-121); pure, the one place that decides."""

from enum import StrEnum


class FormStatus(StrEnum):
    """Draft: being built, never collected. Active: collects. Inactive: switched off."""

    DRAFT = "draft"
    ACTIVE = "active"
    INACTIVE = "inactive"


class FormStatusError(Exception):
    """The form is not in a state in which this can be done; the text says what to do."""


def deactivated(status: FormStatus) -> FormStatus:
    """Switching off: an Active form only, or one that is off already."""
    if status is FormStatus.DRAFT:
        raise FormStatusError("a draft does not collect, so there is nothing to switch off")
    return FormStatus.INACTIVE


def activated(status: FormStatus) -> FormStatus:
    """Switching on again what was published; a draft has to be published first."""
    if status is FormStatus.DRAFT:
        raise FormStatusError("publish the form first")
    return FormStatus.ACTIVE
