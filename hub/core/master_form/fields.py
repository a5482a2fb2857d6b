"""What a field of the master form may look like. Pure."""

import re
import unicodedata
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from hub.connector.models import Choice, FieldType
from hub.core.organisations.checks import named
from hub.core.organisations.errors import ConflictingChangeError, RefusedChangeError
from mapping.fields import MasterField

CHOICE_TYPES = (FieldType.SINGLE_CHOICE, FieldType.MULTIPLE_CHOICE)
LISTED_KEYS = ("full_name", "email", "phone", "company")
"""Fields that lists and searches show; they cannot be archived."""

MAX_FIELDS = 500
MAX_CHOICES = 2000
_KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")
_MAX_KEY = 60


class FieldDraft(BaseModel):
    """A field as people write it. ``key`` is None for a new field and then made from the label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str | None = None
    label: str
    type: FieldType
    choices: tuple[Choice, ...] = ()
    is_sensitive: bool = False


def merge_drafts(existing: Sequence[MasterField], drafts: Sequence[FieldDraft]) -> list[MasterField]:
    """The fields after a save, in the order of the drafts; archived ones that are not named follow.

    Raises ``RefusedChangeError`` where a field is missing (Z-109), would change its type, or is not well formed,
    and ``ConflictingChangeError`` where two fields share a key or a label.
    """
    if len(drafts) > MAX_FIELDS:
        raise RefusedChangeError(f"a master form has at most {MAX_FIELDS} fields", field="fields")
    known = {field.key: field for field in existing}
    _refuse_missing(existing, drafts)
    taken = set(known) | {draft.key for draft in drafts if draft.key is not None}
    fields: list[MasterField] = []
    for number, draft in enumerate(drafts):
        path = f"fields.{number}"
        key = draft.key
        if key is None:
            key = _key_of(draft.label, taken)
            taken.add(key)
        fields.append(_field(key, draft, known.get(key), path))
    _refuse_doubles(fields)
    present = {field.key for field in fields}
    return fields + [field for field in existing if field.key not in present]


def _refuse_missing(existing: Sequence[MasterField], drafts: Sequence[FieldDraft]) -> None:
    kept = {draft.key for draft in drafts}
    missing = [field.label for field in existing if field.key not in kept and not field.is_archived]
    if missing:
        message = f"fields of the master form cannot be deleted ({', '.join(missing)}); archive what is not needed"
        raise RefusedChangeError(message, field="fields", code="field_deleted")


def _field(key: str, draft: FieldDraft, before: MasterField | None, path: str) -> MasterField:
    if not _KEY.fullmatch(key):
        message = f"{path}.key must begin with a small letter and hold only small letters, digits and underscores"
        raise RefusedChangeError(message, field=f"{path}.key")
    if before is not None and before.type is not draft.type:
        message = f"{before.label} is of type {before.type.value} and cannot become {draft.type.value}; add a new field"
        raise RefusedChangeError(message, field=f"{path}.type", code="type_changed")
    return MasterField(
        key=key,
        label=named(draft.label, field=f"{path}.label"),
        type=draft.type,
        choices=_choices(draft, path),
        is_sensitive=draft.is_sensitive,
        is_archived=before is not None and before.is_archived,
    )


def _choices(draft: FieldDraft, path: str) -> tuple[Choice, ...]:
    if draft.choices and draft.type not in CHOICE_TYPES:
        raise RefusedChangeError(f"{path}: only choice fields have choices; remove them", field=f"{path}.choices")
    if len(draft.choices) > MAX_CHOICES:
        raise RefusedChangeError(f"{path} has more than {MAX_CHOICES} choices", field=f"{path}.choices")
    seen: set[str] = set()
    for number, choice in enumerate(draft.choices):
        place = f"{path}.choices.{number}"
        value = named(choice.value, field=f"{place}.value").casefold()
        named(choice.label, field=f"{place}.label")
        if value in seen:
            raise ConflictingChangeError(f"{place} has the value of another choice; change one", field=place)
        seen.add(value)
    return draft.choices


def _refuse_doubles(fields: Sequence[MasterField]) -> None:
    keys: set[str] = set()
    labels: set[str] = set()
    for number, field in enumerate(fields):
        if field.key in keys:
            raise ConflictingChangeError(f"the key {field.key} is used twice", field=f"fields.{number}.key")
        keys.add(field.key)
        if field.is_archived:
            continue
        if field.label.casefold() in labels:
            message = f"duplicate field label {field.label!r}; rename one of the two"
            raise ConflictingChangeError(message, field=f"fields.{number}.label", code="duplicate_label")
        labels.add(field.label.casefold())


def _key_of(label: str, taken: set[str]) -> str:
    """A key from the label: ``Preferred time?`` gives ``preferred_time``."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not stem or not stem[0].isalpha():
        stem = f"field_{stem}".rstrip("_")
    stem = stem[: _MAX_KEY - 5].rstrip("_")
    key, number = stem, 1
    while key in taken:
        number += 1
        key = f"{stem}_{number}"
    return key
