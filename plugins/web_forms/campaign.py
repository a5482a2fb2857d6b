"""Where a visitor came from: UTM parameters and click ids, of the last visit and of the first."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict

from hub.connector.models import Campaign

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id")
CLICK_IDS = ("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid")
PARAMETERS = (*UTM, *CLICK_IDS)
"""Names that are read as campaign parameters wherever they stand: in the page address or as fields."""

MAX_ADDRESS = 2_000
MAX_VALUE = 500


def without_objects(value: Any) -> Any:
    """A mapping without members that are objects: something of tomorrow, and no answer of today."""
    if not isinstance(value, dict):
        return value
    return {key: each for key, each in value.items() if not isinstance(each, dict)}


class Touch(BaseModel):
    """One visit: the page, where the visitor came from, and the campaign parameters."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    page: str = ""
    referrer: str = ""
    parameters: Annotated[dict[str, str], BeforeValidator(without_objects)] = {}

    def is_from_a_campaign(self) -> bool:
        """Whether any campaign parameter is known."""
        return bool(self.parameters)

    def campaign(self) -> Campaign:
        """The touch in the hub's words."""
        utm = {name.removeprefix("utm_"): self.parameters.get(name) for name in UTM}
        return Campaign(
            source=utm["source"],
            medium=utm["medium"],
            name=utm["campaign"],
            term=utm["term"],
            content=utm["content"],
            ids={"campaign": utm["id"]} if utm["id"] else {},
            click_ids={name: self.parameters[name] for name in CLICK_IDS if name in self.parameters},
            landing_page=self.page or None,
            referrer=self.referrer or None,
        )


def touch_of(page: str, referrer: str, given: Mapping[str, str]) -> Touch:
    """A touch from a page address and from parameters given by name; the given ones win."""
    found = {**_parameters_in(page), **{name: value for name, value in given.items() if value}}
    return Touch(
        page=page[:MAX_ADDRESS],
        referrer=referrer[:MAX_ADDRESS],
        parameters={name: found[name][:MAX_VALUE] for name in PARAMETERS if found.get(name)},
    )


def read_touch(text: str) -> Touch | None:
    """A touch as the embed script remembers it: a flat JSON object. None where it cannot be read, because a
    broken memory of the browser must never cost a submission."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    texts = {str(key): value for key, value in content.items() if isinstance(value, str)}
    return touch_of(texts.get("page", ""), texts.get("referrer", ""), texts)


def _parameters_in(page: str) -> dict[str, str]:
    try:
        query = urlsplit(page[: 4 * MAX_ADDRESS]).query
        return dict(parse_qsl(query, max_num_fields=200))
    except ValueError:
        return {}
