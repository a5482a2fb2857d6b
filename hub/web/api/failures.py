"""Errors of the core, as problems: one table for all routes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hub.core.accounts.errors import (
    AccountError,
    BusyError,
    ConflictError,
    ExceedsOwnRightsError,
    InvalidValueError,
    NotFoundError,
    SignInRefusedError,
    TooManyAttemptsError,
)
from hub.core.field_mappings.service import MappingRefusedError
from hub.core.forms.definition import InvalidFormError
from hub.core.forms.queries import FormNotFoundError
from hub.core.forms.status import FormStatusError
from hub.core.organisations.errors import (
    ConflictingChangeError,
    RefusedChangeError,
    ServiceError,
    UnknownRecordError,
)
from hub.web.problems import FieldProblem, Problem, invalid, unavailable
from hub.web.public_forms.sharing import NotShareableError
from mapping.rules import MappingProblem

_INDEX = re.compile(r"\[(\d+)\]")
_PART_OF_RULE = {
    "two_rules": "field",
    "unknown_field": "field",
    "archived_field": "field",
    "cannot_append": "policy",
    "fixed_with_questions": "questions",
    "no_questions": "questions",
    "question_twice": "questions",
    "unknown_question": "questions",
    "incompatible": "questions",
}
"""Which part of a field rule to change, by the code of what is wrong with it; the transform for all others."""


def failures(error: Exception) -> Problem | None:
    """Errors of accounts, services and forms as problems; None for anything else."""
    return account_failures(error) or service_failures(error) or form_failures(error)


def service_failures(error: Exception) -> Problem | None:
    """The table of ``hub.core.organisations.errors``; None for anything else."""
    match error:
        case MappingRefusedError():
            errors = [problem for problem in error.problems if problem.severity == "error"]
            return invalid([FieldProblem(pointer=pointer_in_rules(each), detail=each.message) for each in errors])
        case ConflictingChangeError():
            named = [FieldProblem(pointer=pointer_of(error.field), detail=error.message)]
            return Problem(409, "conflict", error.message, errors=named)
        case RefusedChangeError():
            return invalid([FieldProblem(pointer=pointer_of(error.field), detail=error.message)])
        case UnknownRecordError():
            return Problem(404, "not-found", error.message)
        case ServiceError():
            return Problem(409, "refused", error.message)
    return None


def form_failures(error: Exception) -> Problem | None:
    """What can be wrong with the hub's own forms."""
    match error:
        case InvalidFormError():
            return invalid(
                [FieldProblem(pointer=pointer_of(each.path), detail=each.message) for each in error.problems]
            )
        case FormNotFoundError():
            return Problem(404, "not-found", "There is no such form; reload the list and choose again.")
        case FormStatusError():
            return Problem(409, "form-status", str(error))
        case NotShareableError():
            return Problem(409, "not-active", str(error))
    return None


def pointer_of(place: str) -> str:
    """A place as the core writes it (``fields[2].label``, ``rules.0``) as a JSON pointer (RFC 6901)."""
    steps = _INDEX.sub(r".\1", place).split(".")
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def pointer_in_rules(problem: MappingProblem) -> str:
    """Where in a body with ``rules`` to put right what is wrong with a mapping."""
    return f"/rules/{problem.rule}/{_PART_OF_RULE.get(problem.code, 'transform')}"


@contextmanager
def placed(place: Callable[[str], str]) -> Iterator[None]:
    """Let a refusal name the field by its place in this request, where the service knows another one."""
    try:
        yield
    except RefusedChangeError as error:
        error.field = place(error.field)
        raise


def account_failures(error: Exception) -> Problem | None:
    """The table of ``hub.core.accounts.errors``; None for anything else."""
    if not isinstance(error, AccountError):
        return None
    text = str(error)
    match error:
        case InvalidValueError():
            return invalid([FieldProblem(pointer=error.pointer, detail=text)])
        case TooManyAttemptsError():
            wait = str(round(error.retry_after.total_seconds()))
            return Problem(429, "too-many-attempts", text, headers={"Retry-After": wait})
        case BusyError():
            return unavailable(text)
        case NotFoundError():
            return Problem(404, "not-found", text)
        case ConflictError():
            return Problem(409, "conflict", text)
        case ExceedsOwnRightsError():
            return Problem(403, "exceeds-own-rights", text)
        case SignInRefusedError():
            return Problem(401, "sign-in-refused", text, headers={"WWW-Authenticate": 'Bearer realm="leadhub"'})
    return None


@contextmanager
def unknown_in_body(place: Callable[[str], str] = "{}_id".format) -> Iterator[None]:
    """For services whose address was looked up already: a record that is unknown is one that the body names, so the
    answer is 422 with the field that ``place`` makes of what is unknown."""
    try:
        yield
    except UnknownRecordError as error:
        raise RefusedChangeError(error.message, field=place(error.what), code="unknown") from error
