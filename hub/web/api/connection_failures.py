"""Errors of connections and connectors, as problems."""

from hub.connector.errors import ConnectorError, RateLimitedError, ReauthorizationNeededError, RetryableError
from hub.core.connections.apps import SettingsRefusedError, UnknownAppError
from hub.core.connections.authorisation_requests import CallbackRefusedError
from hub.core.connections.parts import UnknownPartError
from hub.core.connections.service import UnknownConnectionError
from hub.core.connections.state import EventRefusedError
from hub.web.problems import FieldProblem, Problem, invalid


def connection_failures(error: Exception) -> Problem | None:
    """The problem of an error; None for one that is not about connections."""
    match error:
        case UnknownAppError() | UnknownConnectionError() | UnknownPartError():
            return Problem(404, "not-found", str(error))
        case SettingsRefusedError():
            return invalid(
                [
                    FieldProblem(pointer=f"/settings/{each.field.replace('.', '/')}", detail=each.message)
                    for each in error.problems
                ]
            )
        case EventRefusedError() | CallbackRefusedError():
            return Problem(409, error.code.replace("_", "-"), error.user_message)
        case ConnectorError():
            return _of_connector(error)
    return None


def _of_connector(error: ConnectorError) -> Problem:
    slug = error.code.replace("_", "-")
    match error:
        case RateLimitedError() if error.retry_after is not None:
            seconds = str(round(error.retry_after.total_seconds()))
            return Problem(503, slug, error.user_message, headers={"Retry-After": seconds})
        case RetryableError():
            return Problem(503, slug, error.user_message, headers={"Retry-After": "30"})
        case ReauthorizationNeededError():
            return Problem(409, slug, error.user_message)
    return Problem(422, slug, error.user_message)
