"""The OpenAPI 3.1 description, made from the same declarations that validate and authorise."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from openapi_pydantic import (
    Components,
    Info,
    MediaType,
    OpenAPI,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Response,
    Schema,
    SecurityScheme,
    Tag,
)
from pydantic import BaseModel, JsonValue, RootModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from hub.core.accounts.permissions import Permission
from hub.web.api.routing import KEY_HEADER, KEY_LENGTH, Call, NoInput, Route, RouteGroup
from hub.web.cookies import SECURE_NAME
from hub.web.csrf import TOKEN_HEADER
from hub.web.problems import PROBLEM_TYPE, ProblemDetails

_TEXT = (
    "Everything the console does goes through this API. Errors are RFC 9457 problem details. Lists are paged by "
    f"cursor. Requests with the session cookie that change something need Sec-Fetch-Site, Origin or {TOKEN_HEADER}."
)
_PROBLEMS = {
    400: "Query or body cannot be read",
    401: "Not signed in, or the API key is not valid",
    403: "The role lacks the permission, or the request came from another site",
    404: "There is no such object within reach",
    409: "The present state forbids it",
    429: "Too many requests",
    503: "The hub cannot answer now; nothing was done",
}
_BODY_PROBLEMS = {413: "The body is too large", 415: "The body is not JSON", 422: "A field cannot be accepted"}
_KEY = Parameter.model_validate(
    {
        "name": KEY_HEADER,
        "in": "header",
        "required": False,
        "description": "The same request under the same key is done once; its repetition gets the first answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
    }
)
_REFS = "#/components/schemas/{model}"
_References = Mapping[tuple[type[BaseModel], JsonSchemaMode], dict[str, Any]]


class Description(RootModel[dict[str, JsonValue]]):
    """An OpenAPI 3.1 document."""


def description_routes(groups: Iterable[RouteGroup]) -> RouteGroup:
    """The route that serves the description of these groups and of itself."""
    own = RouteGroup("Description")
    described = [*groups, own]

    @cache
    def made() -> Description:
        return Description(openapi([route for group in described for route in group]))

    @own.route(
        "GET",
        "/api/v1/openapi.json",
        permission=Permission("api_description", "view"),
        answers=Description,
        summary="This description",
    )
    async def describe(_call: Call) -> Description:
        return made()

    return own


def openapi(routes: Iterable[Route]) -> dict[str, JsonValue]:
    """The OpenAPI 3.1 document of these routes, as plain JSON values."""
    known = sorted(routes, key=lambda route: (route.path, route.method))
    references, schemas = _schemas(known)
    paths: dict[str, PathItem] = {}
    for route in known:
        item = paths.setdefault(route.path, PathItem())
        setattr(item, route.method.lower(), _operation(route, references, schemas))
    queries = {route.query_model.__name__ for route in known} | {route.path_model.__name__ for route in known}
    document = OpenAPI(
        openapi="3.1.0",
        info=Info(title="Leadhub", version=version("leadhub"), description=_TEXT),
        tags=[Tag(name=tag) for tag in sorted({route.tag for route in known})],
        paths=paths,
        components=Components(
            schemas={name: Schema.model_validate(schema) for name, schema in schemas.items() if name not in queries},
            securitySchemes={
                "session": SecurityScheme(type="apiKey", name=SECURE_NAME, security_scheme_in="cookie"),
                "key": SecurityScheme(type="http", scheme="bearer", description="An API key: lh_..."),
            },
        ),
    )
    plain: dict[str, JsonValue] = document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain


def _schemas(routes: list[Route]) -> tuple[_References, dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemDetails, "serialization"): None}
    for route in routes:
        for model in (route.path_model, route.query_model, route.body_model):
            if model is not NoInput:
                wanted[model, "validation"] = None
        for answered in (route.answers, route.events):
            if answered is not None:
                wanted[answered, "serialization"] = None
    found, definitions = models_json_schema(list(wanted), ref_template=_REFS)
    references = {(model, mode): found[model, mode] for model, mode in wanted}
    return references, definitions.get("$defs", {})


def _operation(route: Route, references: _References, schemas: dict[str, Any]) -> Operation:
    problem = MediaType(media_type_schema=_reference(references, ProblemDetails, "serialization"))
    texts = {**_PROBLEMS, **(_BODY_PROBLEMS if route.reads_body else {})}
    responses = {
        str(status): Response(description=text, content={PROBLEM_TYPE: problem}) for status, text in texts.items()
    }
    responses[str(route.status)] = _success(route, references)
    responses["default"] = Response(description="Any other problem", content={PROBLEM_TYPE: problem})
    body = None
    if route.reads_body:
        content = MediaType(media_type_schema=_reference(references, route.body_model, "validation"))
        body = RequestBody(required=True, content={"application/json": content})
    return Operation(
        tags=[route.tag],
        summary=route.summary,
        description=f"Permission: `{route.permission}`.",
        operationId=route.name,
        parameters=[
            *_parameters(route.path_model, "path", references, schemas),
            *_parameters(route.query_model, "query", references, schemas),
            *([_KEY] if route.reads_key else []),
        ]
        or None,
        requestBody=body,
        responses=dict(sorted(responses.items())),
        security=[{}] if route.is_open else [{"session": []}, {"key": []}],
    )


def _success(route: Route, references: _References) -> Response:
    if route.events is not None:
        content = MediaType(media_type_schema=_reference(references, route.events, "serialization"))
        return Response(description="Server-sent events", content={"text/event-stream": content})
    if route.answers is None:
        return Response(description="Done")
    content = MediaType(media_type_schema=_reference(references, route.answers, "serialization"))
    return Response(description=route.summary, content={"application/json": content})


def _parameters(
    model: type[BaseModel], place: str, references: _References, schemas: dict[str, Any]
) -> list[Parameter]:
    if model is NoInput:
        return []
    name = references[model, "validation"]["$ref"].rpartition("/")[2]
    schema = schemas[name]
    return [
        Parameter.model_validate(
            {
                "name": field,
                "in": place,
                "required": place == "path" or field in schema.get("required", ()),
                "description": described.get("description"),
                "schema": _without_null(described),
            }
        )
        for field, described in schema.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter in the address is there or not; it cannot be null."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    plain = {key: value for key, value in schema.items() if key not in ("anyOf", "description", "title", "default")}
    if schema.get("default") is not None:
        plain["default"] = schema["default"]
    if len(kinds) == 1:
        return {**plain, **kinds[0]}
    return {**plain, "anyOf": kinds} if kinds else plain


def _reference(references: _References, model: type[BaseModel], mode: JsonSchemaMode) -> Reference:
    return Reference.model_validate(references[model, mode])
