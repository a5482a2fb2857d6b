"""Models that hold secrets, as bytes to be sealed at once and read back after opening."""

from typing import Any, TypeVar

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import to_json

ModelT = TypeVar("ModelT", bound=BaseModel)


def revealed(model: BaseModel) -> bytes:
    """The JSON of a model with its secrets in the clear. Only ever to be handed to ``Sealer.seal``."""
    return to_json(_plain(model.model_dump()))


def restored(model: type[ModelT], content: bytes) -> ModelT:
    """The model again."""
    return model.model_validate_json(content)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr | SecretBytes):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value
