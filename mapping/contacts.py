"""E-mail addresses and phone numbers: how they are read, and the keys by which a person is found again."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import JsonValue

from hub.connector.models import Identity
from mapping.fields import FieldType, MasterField
from mapping.text import without_invisible

Quality = Literal["good", "suspect", "bad"]
"""What is known of a contact value: fit for use; of good form, but likely mistyped or a sample; not one at all."""

_LONGEST_EMAIL = 320
_LONGEST_ASCII_EMAIL = 254
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ASCII_EMAIL = re.compile(
    rf"({_ATOM}(?:\.{_ATOM})*)@((?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9])"
)
_E164 = re.compile(r"\+[1-9]\d{4,14}")

_SAMPLE_DOMAINS = frozenset({"example.com", "example.org", "example.net", "test.com"})
_MISTYPED_DOMAINS = frozenset(
    [
        "gamil.com",
        "gmai.com",
        "gmail.co",
        "gmail.con",
        "gmal.com",
        "gmial.com",
        "gmil.com",
        "gnail.com",
        "hotmai.com",
        "hotmail.con",
        "hotmial.com",
        "hotnail.com",
        "iclod.com",
        "iclould.com",
        "icloud.con",
        "outllok.com",
        "outlok.com",
        "outlook.con",
        "yaho.com",
        "yahoo.con",
        "yhaoo.com",
        "yhoo.com",
    ]
)


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """A normalised e-mail address, E.164 number or id of a source: equal points belong to the same person."""

    kind: Literal["email", "phone", "id"]
    value: str


def is_country(code: str) -> bool:
    """Whether phone numbers of this country (ISO 3166-1 alpha-2, capitals) can be read."""
    return code in phonenumbers.SUPPORTED_REGIONS


def read_email(text: str) -> tuple[str, str]:
    """The address with its domain in lower case, and the code of a doubt or an empty text.

    The local part stays as written. Nothing is refused: text that is no address is returned as it is, with
    ``not_an_email``. ``suspect_email`` marks a well-formed address at a sample or a commonly mistyped domain.
    Form after RFC 5321 and 6531; no DNS is asked.
    """
    plain = without_invisible(text)
    if len(plain) > _LONGEST_EMAIL:
        return text, "not_an_email"
    match = _ASCII_EMAIL.fullmatch(plain)
    if match is not None and len(plain) <= _LONGEST_ASCII_EMAIL and _is_plain_domain(match[2]):
        address, domain = plain, match[2]
    else:
        try:
            checked = validate_email(plain, check_deliverability=False)
        except EmailNotValidError:
            return text, "not_an_email"
        address, domain = checked.normalized, checked.domain
    is_suspect = domain in _SAMPLE_DOMAINS or domain in _MISTYPED_DOMAINS
    return address, "suspect_email" if is_suspect else ""


@lru_cache(maxsize=4096)
def _is_plain_domain(domain: str) -> bool:
    """Whether a small ASCII local part before this domain makes an address that is normal already.

    Few domains have most of the addresses, and looking at them is most of the work.
    """
    try:
        return bool(validate_email(f"x@{domain}", check_deliverability=False).domain == domain)
    except EmailNotValidError:
        return False


def read_phone(text: str, country: str | None) -> tuple[str, str]:
    """The number as E.164, and the code of a doubt or an empty text.

    ``country`` is for numbers written without a country code. Text that is no valid number is returned as it
    is, with ``not_a_phone``, or ``phone_without_country`` where only the country is missing. An extension
    cannot be part of E.164: ``extension_left_out``.
    """
    plain = without_invisible(text)
    if (known := phone_key(plain)) is not None:
        return known, ""
    try:
        number = phonenumbers.parse(plain, country)
        if not phonenumbers.is_valid_number(number) and plain.startswith("00"):
            number = phonenumbers.parse("+" + plain[2:])
    except phonenumbers.NumberParseException as refused:
        if refused.error_type != phonenumbers.NumberParseException.INVALID_COUNTRY_CODE or plain.startswith("+"):
            return text, "not_a_phone"
        if plain.startswith("00"):
            return read_phone("+" + plain[2:], None) if len(plain) > len("00") else (text, "not_a_phone")
        return text, "not_a_phone" if country else "phone_without_country"
    if not phonenumbers.is_valid_number(number):
        return text, "not_a_phone"
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written, "extension_left_out" if number.extension else ""


def contact_points(values: Mapping[str, JsonValue], fields: Mapping[str, MasterField]) -> tuple[ContactPoint, ...]:
    """The keys by which the person of these values is found again, each once, in the order of the values.

    Taken from master fields of type e-mail and phone, archived ones too. An e-mail address counts in lower
    case, its domain in IDNA form; a phone number only as a valid E.164 number. What is neither gives no key.
    """
    points: dict[ContactPoint, None] = {}
    for key, value in values.items():
        field = fields.get(key)
        if field is None or not isinstance(value, str):
            continue
        if field.type is FieldType.EMAIL and (address := email_key(value)):
            points[ContactPoint("email", address)] = None
        elif field.type is FieldType.PHONE and (number := phone_key(value)):
            points[ContactPoint("phone", number)] = None
    return tuple(points)


def identity_points(identities: Iterable[Identity]) -> tuple[ContactPoint, ...]:
    """The keys by which a person is found again under the ids of a source, each as ``<scope>|<value>``."""
    return tuple(ContactPoint("id", f"{quote(each.scope, safe=':')}|{each.value}") for each in identities)


def email_key(text: str) -> str | None:
    """The address in lower case with its domain in IDNA form; None where the text is no address.

    RFC 5321 lets a local part be case-sensitive, but no mail service in use tells two people apart by it.
    """
    plain = text.strip().lower()
    if len(plain) <= _LONGEST_ASCII_EMAIL and (match := _ASCII_EMAIL.fullmatch(plain)) and len(match[1]) <= 64:
        return plain
    if plain.isascii() or len(plain) > _LONGEST_EMAIL:
        return None
    try:
        checked = validate_email(without_invisible(plain), check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{checked.local_part.lower()}@{checked.ascii_domain}"


@lru_cache(maxsize=1024)
def phone_key(text: str) -> str | None:
    """The number itself where it is valid E.164, else None. Each is asked for twice: when it is read, and as a key."""
    if not _E164.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
