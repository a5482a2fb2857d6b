"""Checking what a visitor typed against the form's definition, while the visitor is still there to correct it.

Only what makes an answer unusable is refused. Everything else is kept as typed and judged later by the mapping:
a check that is stricter than that loses leads (L-13).
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from hub.connector.models import FieldType
from hub.core.forms.definition import FormDefinition, FormField

MAX_VALUE = 20_000
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?")
_FEWEST_PHONE_DIGITS = 5


class Fault(StrEnum):
    """Why an answer cannot be taken."""

    REQUIRED = "required"
    CONSENT_REQUIRED = "consent_required"
    NOT_AN_EMAIL = "not_an_email"
    NOT_A_PHONE = "not_a_phone"
    NOT_A_NUMBER = "not_a_number"
    NOT_A_DATE = "not_a_date"
    NOT_A_CHOICE = "not_a_choice"
    TOO_LONG = "too_long"


def faults(form: FormDefinition, values: Mapping[str, Sequence[str]]) -> dict[str, Fault]:
    """What is wrong, by key of the field or consent, in the order of the form; empty where all is well.

    Values of keys that the form does not declare are not looked at.
    """
    found: dict[str, Fault] = {}
    for field in form.fields:
        answers = [value.strip() for value in values.get(field.key, ()) if value.strip()]
        fault = _fault(field, answers)
        if fault:
            found[field.key] = fault
    for box in form.consents:
        if box.required and not is_given(values.get(box.key, ())):
            found[box.key] = Fault.CONSENT_REQUIRED
    return found


def is_given(values: Sequence[str]) -> bool:
    """Whether the posted value of a box says that it was ticked."""
    return any(value.strip().lower() not in ("", "0", "false", "no", "off") for value in values)


def _fault(field: FormField, answers: Sequence[str]) -> Fault | None:
    if not answers:
        return Fault.REQUIRED if field.required and not field.hidden else None
    if any(len(answer) > MAX_VALUE for answer in answers):
        return Fault.TOO_LONG
    if field.hidden:
        return None
    return next((fault for answer in answers if (fault := _value_fault(field, answer))), None)


def _value_fault(field: FormField, answer: str) -> Fault | None:
    match field.kind:
        case FieldType.EMAIL:
            return None if _EMAIL.fullmatch(answer) else Fault.NOT_AN_EMAIL
        case FieldType.PHONE:
            digits = sum(character.isdigit() for character in answer)
            return None if digits >= _FEWEST_PHONE_DIGITS else Fault.NOT_A_PHONE
        case FieldType.NUMBER | FieldType.MONEY:
            return None if any(map(str.isdigit, answer)) else Fault.NOT_A_NUMBER
        case FieldType.DATE:
            return None if _DATE.fullmatch(answer) else Fault.NOT_A_DATE
        case FieldType.DATE_TIME:
            return None if _DATE_TIME.fullmatch(answer) else Fault.NOT_A_DATE
        case FieldType.SINGLE_CHOICE | FieldType.MULTIPLE_CHOICE:
            allowed = {choice.value for choice in field.choices} | {choice.label for choice in field.choices}
            return None if answer in allowed else Fault.NOT_A_CHOICE
        case _:
            return None
