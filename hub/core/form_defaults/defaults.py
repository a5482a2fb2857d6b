"""The values that a form gives to every lead it creates."""

from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FormDefaults:
    """What a form sets (Z-148, Z-183); None leaves it to the organisation's own default or to routing.

    ``priority`` is ``critical``, ``high``, ``medium`` or ``low``. A stage without a pipeline means the stage's own.
    """

    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    type_id: UUID | None = None
    source_id: UUID | None = None
    priority: str | None = None
    centre_id: UUID | None = None
    assignee_id: UUID | None = None

    @classmethod
    def of_row(cls, row: Any) -> Self:
        """From a database row that has the columns of ``form_defaults``."""
        return cls(**{name: getattr(row, name) for name in cls.__slots__})

    def to_row(self) -> dict[str, Any]:
        """As columns of ``form_defaults``."""
        return asdict(self)


NO_DEFAULTS = FormDefaults()
