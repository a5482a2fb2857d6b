"""Errors as RFC 9457 problem details (``application/problem+json``).

``type`` is a stable name (``urn:leadhub:problem:<slug>``), ``instance`` names this one occurrence by its request
id, which is also in the log; ``errors`` lists fields by JSON pointer (RFC 6901), or ``query/limit`` and
``path/lead_id`` for what stands in the address. No text repeats what the caller sent.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel, Field

PROBLEM_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One field that cannot be accepted, and what to do about it."""

    pointer: str
    detail: str


class ProblemDetails(BaseModel):
    """The body of every error answer (RFC 9457)."""

    type: str = Field(examples=["urn:leadhub:problem:invalid-input"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] = []


class Problem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """Raise it anywhere below a route to answer with it."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(slug)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def response(self, request_id: str) -> web.Response:
        """As an answer."""
        details = ProblemDetails(
            type=f"urn:leadhub:problem:{self.slug}",
            title=_title(self.status),
            status=self.status,
            detail=self.detail,
            instance=f"urn:uuid:{request_id}",
            errors=self.errors,
        )
        body = details.model_dump_json(exclude_defaults=not self.errors).encode()
        return web.Response(status=self.status, body=body, content_type=PROBLEM_TYPE, headers=self.headers)


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def invalid(errors: Sequence[FieldProblem], *, status: int = 422) -> Problem:
    """One or several fields cannot be accepted."""
    return Problem(
        status,
        "invalid-input",
        "Some of what was sent cannot be accepted; errors names each field and what to do.",
        errors=errors,
    )


def not_found() -> Problem:
    """Also for what exists, but not for this caller."""
    return Problem(404, "not-found", "There is nothing at this address, or not for you. Check the address and the id.")


def unavailable(detail: str, *, retry_after: int = 5) -> Problem:
    """Our own trouble; nothing was done and the same request may be sent again."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": str(retry_after)})


_TEXTS = {
    400: ("bad-request", "The request cannot be read; check its form."),
    401: ("not-signed-in", "Sign in, or send a valid API key."),
    403: ("forbidden", "You may not do this."),
    404: ("not-found", "There is nothing at this address, or not for you. Check the address and the id."),
    405: ("method-not-allowed", "This address does not know this method; the header Allow lists those it knows."),
    413: ("too-large", "The body is too large; send less at once."),
    414: ("address-too-long", "The address is too long; shorten it."),
    415: ("unsupported-media-type", "This media type is not read here."),
    417: ("unknown-expectation", "The header Expect asks for something that is not known here; leave it out."),
    431: ("headers-too-large", "The headers are too large; shorten them."),
}


def from_http_error(error: web.HTTPException) -> Problem:
    """What the framework raised, as a problem; headers with a meaning (``Allow``) are kept."""
    slug, detail = _TEXTS.get(error.status, ("failed", "The request was not carried out."))
    kept = {name: value for name, value in error.headers.items() if name.lower() in ("allow", "retry-after")}
    return Problem(error.status, slug, detail, headers=kept)


def from_status(status: int) -> Problem:
    """A problem that has nothing to say beyond its status."""
    slug, detail = _TEXTS.get(status, ("failed", "The request was not carried out."))
    return Problem(status, slug, detail)


def internal_error() -> Problem:
    """A fault of ours; the log has it under the request id."""
    return Problem(500, "internal-error", "Something went wrong on our side; tell the operator the id in instance.")
