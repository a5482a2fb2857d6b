"""Master fields: the one schema of lead fields that every mapping aims at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from hub.connector.models import Choice, FieldType

__all__ = ["FieldType", "MasterField"]


@dataclass(frozen=True, slots=True)
class MasterField:
    """One field of the master form. ``key`` never changes, ``label`` may.

    ``choices`` are the allowed values of a choice field; an empty tuple allows every value. An archived field
    keeps the values it has and takes no new ones.
    """

    key: str
    label: str
    type: FieldType
    choices: tuple[Choice, ...] = ()
    is_sensitive: bool = False
    is_archived: bool = False

    def to_json(self) -> dict[str, JsonValue]:
        """The field as plain JSON, complete enough for ``from_json``."""
        return {
            "key": self.key,
            "label": self.label,
            "type": self.type.value,
            "choices": [{"value": choice.value, "label": choice.label} for choice in self.choices],
            "is_sensitive": self.is_sensitive,
            "is_archived": self.is_archived,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "MasterField":
        """The field that ``to_json`` wrote; KeyError or ValueError where something else is given."""
        return cls(
            key=stored["key"],
            label=stored["label"],
            type=FieldType(stored["type"]),
            choices=tuple(Choice.model_validate(choice) for choice in stored.get("choices", ())),
            is_sensitive=bool(stored.get("is_sensitive", False)),
            is_archived=bool(stored.get("is_archived", False)),
        )
