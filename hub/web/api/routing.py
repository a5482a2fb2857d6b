"""How a route of the API is declared.

Adding one::

    LEADS = RouteGroup("Leads")


    class LeadQuery(PageQuery):
        stage_id: UUID | None = None


    @LEADS.route(
        "GET",
        "/api/v1/leads",
        permission=Permission("leads", "view"),
        query=LeadQuery,
        answers=LeadPage,
        summary="Leads within reach, newest first",
    )
    async def list_leads(call: Call[NoInput, LeadQuery, NoInput]) -> LeadPage:
        rows = await call.services.database.read(queries.list_leads, call.reach, ...)
        ...

Then hand the group to ``build_app``. What you get without writing it: sign-in and API keys, the CSRF check, the
permission (``call.reach`` says how far it goes: filter by it, and raise ``not_found()`` for what lies outside),
limits, strict reading and validation with RFC 9457 problems, the OpenAPI description, and a place in the permission
matrix test. A path parameter is a field of the ``path`` model; an id that does not parse is a 404.

A handler may also return a finished ``web.Response``. Errors of the core: give the group ``failures``, which turns
an exception into a ``Problem`` or leaves it (None).
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from hub.core.accounts.permissions import ANYONE, Permission
from hub.core.accounts.principal import Principal, Reach
from hub.core.accounts.sign_in import Visitor
from hub.web.api.streams import Event
from hub.web.problems import Problem
from hub.web.services import RateClass, WebServices

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Failures = Callable[[Exception], Problem | None]
KEY_HEADER = "Idempotency-Key"
KEY_LENGTH = 200
_PARAMETER = re.compile(r"\{(\w+)\}")


class Input(BaseModel):
    """Base of what a route reads: unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoInput(Input):
    """The route reads nothing here."""


P = TypeVar("P", bound=BaseModel, default=NoInput)
Q = TypeVar("Q", bound=BaseModel, default=NoInput)
B = TypeVar("B", bound=BaseModel, default=NoInput)
A = TypeVar("A", default=object)


@dataclass(slots=True)
class Reply:
    """What a handler adds to its answer besides the model.

    ``session``: a new cookie value, the empty text to remove the cookie, None to leave it alone.
    """

    session: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call(Generic[P, Q, B]):
    """One request to a route, everything checked.

    ``caller`` is None only on routes that anybody may use; elsewhere read ``principal`` and ``reach``.
    ``idempotency_key`` is what the caller gave on a route that reads one: the same request under the same key is
    answered with what it made before.
    """

    services: WebServices
    caller: Principal | None
    permission: Permission
    path: P
    query: Q
    body: B
    visitor: Visitor
    now: datetime
    session_token: str | None = None
    last_event_id: str | None = None
    idempotency_key: str | None = None
    reply: Reply = field(default_factory=Reply)

    @property
    def principal(self) -> Principal:
        """The signed-in caller."""
        if self.caller is None:
            raise LookupError("this route is open to anyone: there may be no caller")
        return self.caller

    @property
    def reach(self) -> Reach:
        """How far the caller may use this route's permission."""
        reach = self.principal.reach(self.permission)
        if reach is None:
            raise LookupError(f"the caller does not hold {self.permission}")
        return reach


Answering = Callable[[Call[P, Q, B]], Awaitable[A]]
Streaming = Callable[[Call[P, Q]], AsyncIterator[Event]]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One declared route. ``answers`` None: no body (204). ``events`` set: the handler gives a stream of these."""

    method: Method
    path: str
    permission: Permission
    summary: str
    handler: Callable[[Any], Any]
    tag: str
    failures: Failures
    path_model: type[BaseModel] = NoInput
    query_model: type[BaseModel] = NoInput
    body_model: type[BaseModel] = NoInput
    answers: type[BaseModel] | None = None
    events: type[BaseModel] | None = None
    status: int = 200
    rate: RateClass = RateClass.READ
    reads_key: bool = False
    """Whether the header ``Idempotency-Key`` is read."""

    def __post_init__(self) -> None:
        """Refuse a declaration that contradicts itself; the application then does not start."""
        named = set(_PARAMETER.findall(self.path))
        if not isinstance(self.permission, Permission):
            raise TypeError(f"{self.method} {self.path} needs a permission")
        if named != set(self.path_model.model_fields):
            raise ValueError(f"{self.method} {self.path}: the path model must have exactly {sorted(named)}")
        if self.method == "GET" and self.body_model is not NoInput:
            raise ValueError(f"GET {self.path} cannot have a body")

    @property
    def is_open(self) -> bool:
        """Whether nobody needs to sign in for it."""
        return ANYONE.scope(self.permission) is not None

    @property
    def reads_body(self) -> bool:
        """Whether a JSON body is expected."""
        return self.body_model is not NoInput

    @property
    def name(self) -> str:
        """The operation's id in the description: the handler's name."""
        return self.handler.__name__


def _no_failures(_error: Exception) -> Problem | None:
    return None


class RouteGroup:
    """Routes of one subject; ``tag`` is its heading in the description."""

    def __init__(self, tag: str, *, failures: Failures = _no_failures) -> None:
        self.tag = tag
        self._failures = failures
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def route(
        self,
        method: Method,
        url: str,
        *,
        permission: Permission,
        summary: str,
        answers: type[BaseModel] | None = None,
        path: type[P] = NoInput,  # type: ignore[assignment]  # the type variable's own default
        query: type[Q] = NoInput,  # type: ignore[assignment]
        body: type[B] = NoInput,  # type: ignore[assignment]
        status: int | None = None,
        rate: RateClass | None = None,
        reads_key: bool = False,
    ) -> Callable[[Answering[P, Q, B, A]], Answering[P, Q, B, A]]:
        """Declare the decorated function as a route; see the module's text."""

        def declare(handler: Answering[P, Q, B, A]) -> Answering[P, Q, B, A]:
            self._routes.append(
                Route(
                    method=method,
                    path=url,
                    permission=permission,
                    summary=summary,
                    handler=handler,
                    path_model=path,
                    query_model=query,
                    body_model=body,
                    answers=answers,
                    status=status or (204 if answers is None else 200),
                    tag=self.tag,
                    failures=self._failures,
                    rate=rate or (RateClass.READ if method == "GET" else RateClass.CHANGE),
                    reads_key=reads_key,
                )
            )
            return handler

        return declare

    def stream(
        self,
        url: str,
        *,
        permission: Permission,
        summary: str,
        events: type[BaseModel],
        path: type[P] = NoInput,  # type: ignore[assignment]  # the type variable's own default
        query: type[Q] = NoInput,  # type: ignore[assignment]
    ) -> Callable[[Streaming[P, Q]], Streaming[P, Q]]:
        """Declare a stream of server-sent events: the function yields ``Event``; it starts after
        ``call.last_event_id`` if that is set. The stream ends when the process stops or the caller loses the right.
        """

        def declare(
            handler: Callable[[Call[P, Q]], AsyncIterator[Event]],
        ) -> Callable[[Call[P, Q]], AsyncIterator[Event]]:
            self._routes.append(
                Route(
                    method="GET",
                    path=url,
                    permission=permission,
                    summary=summary,
                    handler=handler,
                    path_model=path,
                    query_model=query,
                    events=events,
                    tag=self.tag,
                    failures=self._failures,
                )
            )
            return handler

        return declare
