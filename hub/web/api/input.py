"""Path, query and body as models; what does not fit becomes a problem that names the field and what to do."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hub.web.api.routing import NoInput, Route
from hub.web.problems import FieldProblem, Problem, invalid, not_found
from hub.web.reading import read_body, read_json_text, refuse

_ADVICE = {
    "missing": "This is required; add it.",
    "extra_forbidden": "This is not known here; remove it or check the spelling.",
    "json_invalid": "A text has half of a surrogate pair (such as \\ud800 alone); send whole characters.",
    "string_unicode": "This text has a broken character (half of a pair); send whole characters.",
    "uuid_parsing": "This is not an id; send it as it was given, for example 01890a5d-ac96-774b-bcce-b302099a8057.",
    "bool_parsing": "Send true or false.",
    "int_parsing": "Send a whole number.",
    "datetime_from_date_parsing": "Send date and time with a zone, for example 2026-01-31T09:30:00Z.",
    "timezone_aware": "Add the time zone, for example 2026-01-31T09:30:00Z.",
}
_ERRORS_SHOWN = 50


class Given(NamedTuple):
    """What was sent, validated."""

    path: BaseModel
    query: BaseModel
    body: BaseModel


async def read_input(route: Route, request: web.Request) -> Given:
    """Validate everything that the route reads. Raises ``Problem``: 404 for an id that cannot be one, 400 for the
    query, 413, 415, 400 or 422 for the body."""
    try:
        path = route.path_model.model_validate(dict(request.match_info))
    except ValidationError:
        raise not_found() from None
    try:
        query = route.query_model.model_validate(_query(route.query_model, request))
    except ValidationError as error:
        raise _problem(error, "query", 400) from None
    return Given(path, query, await _body(route, request))


async def _body(route: Route, request: web.Request) -> BaseModel:
    if not route.reads_body:
        if request.body_exists and await read_body(request):
            refuse("This address reads no body; leave it out.")
        return NoInput()
    raw = await read_json_text(request)
    try:
        return route.body_model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise _problem(error, "", 422) from None


def _query(model: type[BaseModel], request: web.Request) -> Mapping[str, Any]:
    """Repeated parameters become a list; whether a list is allowed is the model's to say."""
    found: dict[str, Any] = {}
    for name in request.query:
        values = request.query.getall(name)
        field = model.model_fields.get(name)
        is_list = field is not None and "list" in str(field.annotation)
        found[name] = values if is_list or len(values) > 1 else values[0]
    return found


def _problem(error: ValidationError, prefix: str, status: int) -> Problem:
    found = error.errors(include_url=False, include_input=False)[:_ERRORS_SHOWN]
    return invalid(
        [FieldProblem(pointer=_pointer(prefix, one["loc"]), detail=_advice(one)) for one in found], status=status
    )


def _pointer(prefix: str, place: tuple[int | str, ...]) -> str:
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in place]
    joined = "/".join([prefix, *steps])
    return joined.encode("utf-8", "replace").decode()


def _advice(error: ErrorDetails) -> str:
    known = _ADVICE.get(error["type"])
    if known is not None:
        return known
    text = error["msg"].removeprefix("Value error, ").strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
