"""What every model of the contract is made of."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from hub.connector.text import storable


def _cleaned(value: object) -> object:
    return storable(value) if isinstance(value, str) else value


Identifier = Annotated[str, BeforeValidator(_cleaned), StringConstraints(min_length=1, max_length=200)]
"""An id as the source writes it, kept as text: 64-bit numbers do not survive a float. NUL and lone surrogates become
U+FFFD, so that an odd key never costs a submission."""


class Model(BaseModel):
    """Base of every contract model: immutable and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)
