"""Problems in JSON (RFC 9457) for programs that post to a form, in the shape of the API's problems."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from aiohttp import web

from hub.web.headers import REQUEST_ID_KEY
from hub.web.problems import PROBLEM_TYPE, FieldProblem, Problem


def refuse(
    request: web.Request,
    status: int,
    slug: str,
    detail: str,
    *,
    errors: Sequence[FieldProblem] = (),
    retry_after: int | None = None,
    more: Mapping[str, Any] | None = None,
) -> web.Response:
    """The answer; ``more`` are members beyond those of every problem."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    problem = Problem(status, slug, detail, errors=errors, headers=headers)
    answer = problem.response(request.get(REQUEST_ID_KEY) or str(uuid4()))
    if more:
        content = {**json.loads(answer.body), **more}  # type: ignore[arg-type]  # a problem's body is always bytes
        return web.Response(
            status=status, body=json.dumps(content).encode(), content_type=PROBLEM_TYPE, headers=headers
        )
    return answer
