"""Bodies that the core reads itself, because what it says about a mistake is more than a validator can say."""

from typing import Any, ClassVar

from pydantic import BaseModel, GetJsonSchemaHandler, JsonValue, RootModel
from pydantic.json_schema import JsonSchemaValue


class ShapedObject(RootModel[dict[str, JsonValue]]):
    """A JSON object, not looked into yet; the description of the API shows it as ``shape``."""

    shape: ClassVar[type[BaseModel]]

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(cls.shape.__pydantic_core_schema__)
