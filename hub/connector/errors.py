"""Errors a connector may raise. The connector names the failure, the hub decides the consequence.

::

    ConnectorError                    .user_message (shown)  .detail (logged, secrets removed)  .code (stable)
    ├─ RetryableError                 timeout, connection lost, DNS, 5xx, unreadable answer of an API
    │  └─ RateLimitedError            .retry_after
    ├─ ReauthorizationNeededError     invalid_grant, revoked, right withdrawn by the user
    │  └─ PartAccessLostError         .part_id; the same for one part of the account, the others go on
    ├─ PermanentError                 invalid_client, API version gone, account closed, app not approved
    │  └─ RecipientRefusedError       .opted_out; this person cannot be written to, others can
    ├─ BadPayloadError                .path; this one submission cannot be read
    └─ UnverifiedRequestError         signature, timestamp or key wrong

Neither a network failure nor ``invalid_client`` is a reason to reauthorise: signing in again would not help.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import JsonValue

TRACE_LENGTH = 100


class ConnectorError(Exception):
    """Base of every named failure.

    ``user_message`` is shown to an admin and says what to do; ``detail`` goes to the log; ``code`` is stable
    and may be matched by programs.
    """

    default_code: ClassVar[str] = "connector_error"

    def __init__(self, user_message: str, *, detail: str = "", code: str | None = None) -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.detail = detail
        self.code = code or self.default_code

    def __str__(self) -> str:
        return f"{self.code}: {self.user_message}" + (f" ({self.detail})" if self.detail else "")


class RetryableError(ConnectorError):
    """The same call may succeed later, without anybody doing anything."""

    default_code = "temporary"


class RateLimitedError(RetryableError):
    """The platform asks us to slow down. ``retry_after`` is how long; None where it does not say."""

    default_code = "rate_limited"

    def __init__(
        self,
        user_message: str,
        *,
        retry_after: timedelta | None = None,
        detail: str = "",
        code: str | None = None,
    ) -> None:
        super().__init__(user_message, detail=detail, code=code)
        self.retry_after = retry_after


class ReauthorizationNeededError(ConnectorError):
    """The grant is dead or was narrowed; an admin must sign in again. ``code`` names the cause."""

    default_code = "reauthorization_needed"


class PartAccessLostError(ReauthorizationNeededError):
    """One part of the account is out of reach, while the grant itself lives: its own token is dead, or a right
    is missing there. ``part_id`` names it (``AccountPart.id``); the connection goes on with its other parts.

    To be raised only where the connector knows that the grant itself still works.
    """

    default_code = "part_access_lost"

    def __init__(self, user_message: str, *, part_id: str, detail: str = "", code: str | None = None) -> None:
        super().__init__(user_message, detail=detail, code=code)
        self.part_id = part_id


class PermanentError(ConnectorError):
    """Trying again or signing in again would not help; ``user_message`` says what to change."""

    default_code = "permanent"


class RecipientRefusedError(PermanentError):
    """This one recipient cannot be written to: no such number, or the person opted out at the platform
    (``opted_out``), which the hub then keeps to as well."""

    default_code = "recipient_refused"

    def __init__(
        self, user_message: str, *, opted_out: bool = False, detail: str = "", code: str | None = None
    ) -> None:
        super().__init__(user_message, detail=detail, code=code)
        self.opted_out = opted_out


class BadPayloadError(ConnectorError):
    """This one submission cannot be read. ``path`` points at the place, for example ``field_data[2].name``."""

    default_code = "bad_payload"

    def __init__(self, user_message: str, *, path: str, detail: str = "", code: str | None = None) -> None:
        super().__init__(user_message, detail=detail, code=code)
        self.path = path


class UnverifiedRequestError(ConnectorError):
    """The request cannot be trusted: signature, timestamp or key wrong. Nothing of it is kept.

    ``asks_again`` where the source is known to leave the signature out now and then: the hub answers 503 instead of
    401, so that the same comes again, signed.
    """

    default_code = "unverified"

    def __init__(
        self, user_message: str, *, asks_again: bool = False, detail: str = "", code: str | None = None
    ) -> None:
        super().__init__(user_message, detail=detail, code=code)
        self.asks_again = asks_again


@dataclass(frozen=True)
class ApiAnswer:
    """An answer of the platform's API that was not a success; what error rules look at."""

    status: int
    headers: Mapping[str, str]
    body: JsonValue
    """The parsed JSON, or None where the body was not JSON."""

    def at(self, path: str) -> JsonValue:
        """The value at a dotted path such as ``error.code``; None where there is none."""
        here: JsonValue = self.body
        for step in path.split("."):
            if not isinstance(here, dict) or step not in here:
                return None
            here = here[step]
        return here


@dataclass(frozen=True)
class ErrorRule:
    """One row of a connector's error table, checked in order before the default table.

    A rule matches when the status is in ``status`` (empty: any) and, for each dotted path in ``where``, the
    value found is in the given collection (a ``range`` works too). ``name`` identifies the rule in tests.
    ``raises`` cannot be ``PartAccessLostError``: an answer does not say which part was asked.
    ``trace`` are dotted paths of codes and references that join the detail, for the platform's support.
    """

    name: str
    raises: type[ConnectorError]
    user_message: str
    status: Collection[int] = ()
    where: Mapping[str, Collection[Any]] = field(default_factory=dict)
    code: str | None = None
    retry_after: Callable[[ApiAnswer], timedelta | None] | None = None
    trace: tuple[str, ...] = ()

    def matches(self, answer: ApiAnswer) -> bool:
        """Whether this rule speaks about the answer."""
        if self.status and answer.status not in self.status:
            return False
        for path, allowed in self.where.items():
            found = answer.at(path)
            if isinstance(found, dict | list) or found is None or found not in allowed:
                return False
        return True

    def error(self, answer: ApiAnswer, detail: str) -> ConnectorError:
        """The error that this rule makes of a matching answer."""
        found = [f"{path} {value}" for path in self.trace if isinstance(value := answer.at(path), str | int)]
        detail = "; ".join([detail, *(each[:TRACE_LENGTH] for each in found)])
        if issubclass(self.raises, RateLimitedError):
            wait = self.retry_after(answer) if self.retry_after else None
            return self.raises(self.user_message, retry_after=wait, detail=detail, code=self.code)
        if issubclass(self.raises, BadPayloadError):
            return self.raises(self.user_message, path="", detail=detail, code=self.code)
        return self.raises(self.user_message, detail=detail, code=self.code)
