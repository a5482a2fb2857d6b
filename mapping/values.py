"""Readers: from the texts of an answer to the JSON value that a field of one type holds.

================================  ==========================================================
field type                        value
================================  ==========================================================
text, long text, URL, file,       str
address, single choice
e-mail                            str; what is no address stays as written
phone                             str, E.164; what is no number stays as written
number                            str, plain decimal (``1234.50``)
money                             ``{"amount": "1234.50", "currency": "EUR"}``, currency or null
multiple choice                   list of str, whole and in order
yes/no, consent                   bool
date, date-time                   str, ISO 8601; a moment with its offset
================================  ==========================================================

A reader never raises. It gives None where the texts make no value, and appends the codes of what is wrong.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from mapping.amounts import read_money, read_number
from mapping.contacts import is_country, read_email, read_phone
from mapping.days import read_date, read_date_time
from mapping.fields import FieldType, MasterField
from mapping.text import without_invisible
from mapping.transforms import Date, DateTime, Money, Number, Phone, Transform
from mapping.words import read_yes_no

Reader = Callable[[Sequence[str], list[str]], JsonValue | None]
"""Takes at least one non-empty text and the list for codes; gives the value or None."""

_LONGEST_URL = 8_192
_WEB_ADDRESS = re.compile(r"(?:https?://)?[^\s/@:.]+(?:\.[^\s/@:.]+)+(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE)


def make_reader(field: MasterField, transform: Transform, country: str | None) -> Reader:
    """The reader for a field, with the options that the transform names.

    ``country`` (ISO 3166-1 alpha-2) is for phone numbers without a country code.
    """
    match field.type:
        case FieldType.TEXT | FieldType.LONG_TEXT | FieldType.ADDRESS | FieldType.FILE:
            return _read_text
        case FieldType.EMAIL:
            return _first_of(read_email)
        case FieldType.PHONE:
            return _phone_reader(transform, country)
        case FieldType.URL:
            return _first_of(_read_url)
        case FieldType.SINGLE_CHOICE:
            return _single_choice_reader(field)
        case FieldType.MULTIPLE_CHOICE:
            return _multiple_choice_reader(field)
        case FieldType.YES_NO | FieldType.CONSENT:
            return _first_of(read_yes_no)
    return _option_reader(field.type, transform)


def choice_values(field: MasterField) -> Mapping[str, str]:
    """Every way to write a choice of the field (value or label, folded), and the value it means.

    Where two choices could be meant, a value goes before a label and the first before the others.
    """
    meant: dict[str, str] = {}
    for choice in field.choices:
        meant.setdefault(fold(choice.value), choice.value)
    for choice in field.choices:
        meant.setdefault(fold(choice.label), choice.value)
    return meant


def fold(text: str) -> str:
    """The text in the form in which choices are compared: without case, runs of white space as one."""
    return " ".join(text.split()).casefold()


def _read_text(texts: Sequence[str], codes: list[str]) -> JsonValue:
    return texts[0] if len(texts) == 1 else ", ".join(texts)


def _first_of(read: Callable[[str], tuple[JsonValue, str]]) -> Reader:
    def read_first(texts: Sequence[str], codes: list[str]) -> JsonValue | None:
        if len(texts) > 1:
            codes.append("several_values")
        value, code = read(texts[0])
        if code:
            codes.append(code)
        return value

    return read_first


def _phone_reader(transform: Transform, country: str | None) -> Reader:
    chosen = (transform.country if isinstance(transform, Phone) else None) or country
    region = chosen.upper() if chosen and is_country(chosen.upper()) else None
    return _first_of(lambda text: read_phone(text, region))


def _option_reader(field_type: FieldType, transform: Transform) -> Reader:
    decimal = transform.decimal if isinstance(transform, Number | Money) else None
    order = transform.order if isinstance(transform, Date | DateTime) else None
    if field_type is FieldType.NUMBER:
        return _first_of(lambda text: read_number(text, decimal))
    if field_type is FieldType.MONEY:
        currency = transform.currency if isinstance(transform, Money) else None
        return _first_of(lambda text: _widened(read_money(text, currency, decimal)))
    if field_type is FieldType.DATE:
        return _first_of(lambda text: read_date(text, order))
    zone = transform.zone if isinstance(transform, DateTime) else None
    return _first_of(lambda text: read_date_time(text, order, zone))


def _widened(read: tuple[dict[str, str | None] | None, str]) -> tuple[JsonValue, str]:
    amount, code = read
    return (None if amount is None else {**amount}), code


def _read_url(text: str) -> tuple[str, str]:
    plain = without_invisible(text) if len(text) <= _LONGEST_URL else ""
    return (plain, "") if _WEB_ADDRESS.fullmatch(plain) else (text, "not_a_url")


def _single_choice_reader(field: MasterField) -> Reader:
    exact = frozenset(choice.value for choice in field.choices)
    meant = choice_values(field)

    def read_choice(texts: Sequence[str], codes: list[str]) -> JsonValue:
        text = texts[0] if len(texts) == 1 else ", ".join(texts)
        if text in exact or not exact:
            return text
        value = meant.get(fold(text))
        if value is None:
            codes.append("unknown_choice")
            return text
        return value

    return read_choice


def _multiple_choice_reader(field: MasterField) -> Reader:
    exact = frozenset(choice.value for choice in field.choices)
    meant = choice_values(field)

    def read_choices(texts: Sequence[str], codes: list[str]) -> JsonValue:
        if not exact:
            return list(texts)
        values: list[JsonValue] = []
        for text in texts:
            value = text if text in exact else meant.get(fold(text))
            if value is None and "unknown_choice" not in codes:
                codes.append("unknown_choice")
            values.append(text if value is None else value)
        return values

    return read_choices
