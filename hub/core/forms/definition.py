"""What a form of the hub's own consists of, and what must be right before it may collect.

A definition is saved as a draft whenever it is whole in itself (``FormDefinition``); it is published only when
``publishing_problems`` finds nothing: every field mapped to a fitting master field, and a way to reach the person.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hub.connector.models import Choice, FieldType, Question
from hub.connector.text import storable
from mapping.compatibility import why_not
from mapping.fields import MasterField

RESERVED = re.compile(r"utm_|(gclid|gbraid|wbraid|fbclid|msclkid|ttclid)$")
_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_UNSUPPORTED = {
    FieldType.FILE: "a form cannot take files yet; remove the field",
    FieldType.CONSENT: "a consent is not a field; add it under consents, with its text and purpose",
}
_CHOICE_KINDS = (FieldType.SINGLE_CHOICE, FieldType.MULTIPLE_CHOICE)


@dataclass(frozen=True, slots=True)
class FormProblem:
    """Something to put right. ``path`` names the place, for example ``fields[2].label``."""

    path: str
    code: str
    message: str


class InvalidFormError(Exception):
    """A definition cannot be saved or published as it is."""

    def __init__(self, problems: Iterable[FormProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{each.path}: {each.message}" for each in self.problems))


def origin_of(entry: str) -> str:
    """An entry of a host list as an origin: ``example.com`` means ``https://example.com``; one ``*.`` may stand
    before a domain; plain ``http://`` must be written out. Raises ``ValueError`` for anything else."""
    text = entry.strip().lower()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    port = f":{parts.port}" if parts.port else ""
    host = parts.hostname or ""
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in ("https", "http") or not is_bare or not _HOST.fullmatch(host):
        raise ValueError("write a host such as www.example.com, without path")
    default = {"https": ":443", "http": ":80"}[parts.scheme]
    return f"{parts.scheme}://{host}{'' if port == default else port}"


def _allowed_host(entry: str) -> str:
    try:
        return origin_of(entry)
    except ValueError as failure:
        raise PydanticCustomError("host", "{reason}", {"reason": str(failure)}) from failure


def _redirect(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc or re.search(r"[\s\\]", url):
        raise PydanticCustomError("url", "write a whole address that begins with https://")
    return url


Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(storable)]
Text = Annotated[str, StringConstraints(max_length=5_000)]
AllowedHost = Annotated[str, AfterValidator(_allowed_host)]
RedirectUrl = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_redirect)]


class Width(StrEnum):
    """How much of a row a field takes: a 2-column or 3-column layout is a run of halves or thirds (Z-131)."""

    FULL = "full"
    HALF = "half"
    THIRD = "third"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FormField(_Part):
    """One field of a form. ``key`` is the name under which its answer arrives and never changes.

    ``parameter`` names the parameter of the page address that fills the field in beforehand (P-04); ``hidden``
    fields are never shown. ``maps_to`` is the key of a master field, None while not connected.
    """

    key: Key
    label: Label
    kind: FieldType
    placeholder: Text = ""
    help_text: Text = ""
    required: bool = False
    choices: tuple[Choice, ...] = Field(default=(), max_length=500)
    hidden: bool = False
    parameter: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,60}$")] | None = None
    maps_to: str | None = None
    width: Width = Width.FULL

    def question(self) -> Question:
        """The field as a source form lists it."""
        return Question(key=self.key, label=self.label, kind=self.kind, required=self.required, choices=self.choices)


class ConsentBox(_Part):
    """A box that a visitor may tick; never ticked beforehand. ``text`` is kept word for word with each answer."""

    key: Key
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000)]
    purpose: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    required: bool = False


class FormDefinition(_Part):
    """A form as it is built. ``allowed_hosts`` may show it in a frame, post to it and be redirected to."""

    title: Label
    description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000)]
    fields: Annotated[tuple[FormField, ...], Field(max_length=200)] = ()
    consents: Annotated[tuple[ConsentBox, ...], Field(max_length=20)] = ()
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)] = "en"
    submit_label: Annotated[str, StringConstraints(max_length=100)] = ""
    thank_you_text: Text = ""
    redirect_url: RedirectUrl | None = None
    allowed_hosts: Annotated[tuple[AllowedHost, ...], Field(max_length=200)] = ()
    auto_height: bool = True

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        problems = [*_duplicates(self), *_reserved(self), *_redirect_problems(self)]
        if problems:
            raise InvalidFormError(problems)
        return self

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "FormDefinition":
        """The definition in JSON content. Raises ``InvalidFormError`` that names every wrong place."""
        try:
            return cls.model_validate(content)
        except ValidationError as failure:
            raise InvalidFormError(_problem(dict(error)) for error in failure.errors()) from failure

    def questions(self) -> tuple[Question, ...]:
        """The fields as a source form lists them."""
        return tuple(field.question() for field in self.fields)

    def unmapped(self) -> tuple[str, ...]:
        """Keys of the fields that are shown as "Not connected"."""
        return tuple(field.key for field in self.fields if not field.maps_to)


def publishing_problems(form: FormDefinition, master_fields: Iterable[MasterField]) -> tuple[FormProblem, ...]:
    """Everything that stands between a draft and publishing; empty where it may collect."""
    known = {field.key: field for field in master_fields if not field.is_archived}
    problems = list(_contact_problems(form))
    for position, field in enumerate(form.fields):
        problems += _field_problems(f"fields[{position}]", field, known)
    return tuple(problems)


def _contact_problems(form: FormDefinition) -> Iterator[FormProblem]:
    kinds = {field.kind for field in form.fields if not field.hidden}
    if not kinds & {FieldType.EMAIL, FieldType.PHONE}:
        yield FormProblem("fields", "contact_missing", "add an e-mail or a phone field to reach the person by")


def _field_problems(path: str, field: FormField, known: Mapping[str, MasterField]) -> Iterator[FormProblem]:
    if field.kind in _UNSUPPORTED:
        yield FormProblem(f"{path}.kind", "kind_unsupported", _UNSUPPORTED[field.kind])
        return
    if field.kind in _CHOICE_KINDS and not field.choices:
        yield FormProblem(f"{path}.choices", "choices_missing", f'give "{field.label}" at least one choice')
    if not field.maps_to:
        message = f'"{field.label}" is not connected; map it to a field of the lead master form'
        yield FormProblem(f"{path}.maps_to", "not_connected", message)
    elif field.maps_to not in known:
        message = f'the lead master form has no field "{field.maps_to}"; add it there first, then map "{field.label}"'
        yield FormProblem(f"{path}.maps_to", "master_field_missing", message)
    elif reason := why_not(field.kind, known[field.maps_to].type):
        yield FormProblem(f"{path}.maps_to", "incompatible", f'"{field.label}": {reason}')


def _duplicates(form: FormDefinition) -> Iterator[FormProblem]:
    labels: dict[str, int] = {}
    keys: set[str] = set()
    for position, field in enumerate(form.fields):
        label = " ".join(field.label.split()).casefold()
        if label in labels:
            message = f'another field is already called "{field.label}" (field {labels[label] + 1}); rename one of them'
            yield FormProblem(f"fields[{position}].label", "duplicate_label", message)
        labels.setdefault(label, position)
        if field.key in keys:
            yield FormProblem(f"fields[{position}].key", "duplicate_key", f'the key "{field.key}" is used twice')
        keys.add(field.key)
        values = [choice.value for choice in field.choices]
        if len(set(values)) != len(values):
            yield FormProblem(f"fields[{position}].choices", "duplicate_choice", "two choices have the same value")
    for position, box in enumerate(form.consents):
        if box.key in keys:
            yield FormProblem(f"consents[{position}].key", "duplicate_key", f'the key "{box.key}" is used twice')
        keys.add(box.key)


def _reserved(form: FormDefinition) -> Iterator[FormProblem]:
    for position, field in enumerate(form.fields):
        if RESERVED.match(field.key):
            message = f'"{field.key}" is read as a campaign parameter anyway; choose another key'
            yield FormProblem(f"fields[{position}].key", "reserved_key", message)


def _redirect_problems(form: FormDefinition) -> Iterator[FormProblem]:
    if form.redirect_url is None:
        return
    parts = urlsplit(form.redirect_url)
    if not matches(f"{parts.scheme}://{parts.netloc}".lower(), form.allowed_hosts):
        message = "add the host of the redirect address to the allowed hosts first"
        yield FormProblem("redirect_url", "host_not_listed", message)


def matches(origin: str, allowed: Iterable[str]) -> bool:
    """Whether an origin (as a browser writes it) is on a list of allowed origins."""
    try:
        scheme, _, host = origin_of(origin).partition("://")
    except ValueError:
        return False
    for entry in allowed:
        entry_scheme, _, entry_host = entry.partition("://")
        if scheme != entry_scheme:
            continue
        if host == entry_host or (entry_host.startswith("*.") and host.endswith(entry_host[1:])):
            return True
    return False


def _problem(error: dict[str, Any]) -> FormProblem:
    path = ""
    for step in error["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    message = str(error["msg"])
    if error["type"] in ("missing", "string_too_short"):
        message = f"{path.rpartition('.')[2].replace('_', ' ')} is required"
    return FormProblem(path or "form", str(error["type"]), message)
