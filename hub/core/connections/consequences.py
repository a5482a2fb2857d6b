"""What the hub does about each named failure: the one table that jobs and the web layer both read.

The connector names the failure, the hub decides. Whatever is not of the error tree is a bug of the connector.
"""

from dataclasses import dataclass
from enum import StrEnum

from hub.connector.errors import (
    BadPayloadError,
    ConnectorError,
    PartAccessLostError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RecipientRefusedError,
    RetryableError,
    UnverifiedRequestError,
)


class Step(StrEnum):
    """What happens to the work that failed."""

    RETRY = "retry"
    WAIT = "wait"
    LOSE_GRANT = "lose_grant"
    LIMIT_PART = "limit_part"
    PARK = "park"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"


class FailureClass(StrEnum):
    """Who can do something about it (TK-04)."""

    TRANSIENT = "transient"
    LIMITED = "limited"
    RE_LOGIN = "re_login"
    OPERATOR = "operator"
    SUBMISSION = "submission"
    RECIPIENT = "recipient"
    SENDER = "sender"
    BUG = "bug"


@dataclass(frozen=True)
class Consequence:
    """One row of the table.

    ``status_before_storage`` is what a sender gets where the failure comes before its delivery was stored;
    afterwards a sender gets 200 whatever happens, except the visitor of an embedded form (``status_for_form``).
    ``tries`` limits repetitions, None where only time does. ``admin_sees`` is the short text beside a connection.
    """

    error: type[Exception]
    failure_class: FailureClass
    step: Step
    status_before_storage: int
    status_for_form: int
    tries: int | None
    admin_sees: str


TABLE: tuple[Consequence, ...] = (
    Consequence(RateLimitedError, FailureClass.LIMITED, Step.WAIT, 503, 200, None, "Waiting"),
    Consequence(RetryableError, FailureClass.TRANSIENT, Step.RETRY, 503, 200, 12, "Delayed"),
    Consequence(PartAccessLostError, FailureClass.RE_LOGIN, Step.LIMIT_PART, 200, 200, None, "Limited"),
    Consequence(
        ReauthorizationNeededError, FailureClass.RE_LOGIN, Step.LOSE_GRANT, 200, 200, 1, "Authorization is needed"
    ),
    Consequence(RecipientRefusedError, FailureClass.RECIPIENT, Step.REFUSE, 200, 200, 1, "Not sent"),
    Consequence(PermanentError, FailureClass.OPERATOR, Step.PARK, 200, 200, 1, "Failing"),
    Consequence(BadPayloadError, FailureClass.SUBMISSION, Step.QUARANTINE, 200, 400, 1, "Quarantined"),
    Consequence(UnverifiedRequestError, FailureClass.SENDER, Step.REFUSE, 401, 401, 1, "Refused"),
    Consequence(Exception, FailureClass.BUG, Step.RETRY, 503, 200, 3, "Failing"),
)
"""Ordered: the first row whose error fits is in force."""

UNEXPECTED_MESSAGE = "The connector failed in a way it should not. The log has the details."


def consequence_of(error: Exception) -> Consequence:
    """The row for an error; the last one for anything that is not of the error tree."""
    return next(row for row in TABLE if isinstance(error, row.error))


def shown(error: Exception) -> str:
    """What an admin may read about an error. A bug is never shown raw: it may quote what it handled."""
    return error.user_message if isinstance(error, ConnectorError) else UNEXPECTED_MESSAGE
