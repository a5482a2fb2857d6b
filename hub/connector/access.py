"""Access: the authorised HTTP client that the hub hands to a connector.

A connector calls its platform only through this object. It adds the token, maps every failure to the error
tree, keeps to the hosts of the manifest, and shows no token in an exception, a log line or a repr.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, JsonValue, SecretStr

from hub.connector.clock import Clock
from hub.connector.errors import (
    ApiAnswer,
    ConnectorError,
    ErrorRule,
    PartAccessLostError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
)
from hub.connector.models import Grant
from hub.connector.retry_after import parse_retry_after

SettingsT = TypeVar("SettingsT", bound=BaseModel)


@dataclass(frozen=True)
class HttpAnswer:
    """Any HTTP answer, read to its end. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Transport(Protocol):
    """Sends one request. The hub's is ``hub.connector.outgoing.OutgoingClient``.

    Raises ``RetryableError`` when no answer came (time-out, DNS, connection lost) and ``PermanentError`` when
    the address is one the hub refuses to call.
    """

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send and read the whole answer."""
        ...


@dataclass(frozen=True)
class ApiResult:
    """A successful answer of the platform's API."""

    status: int
    headers: Mapping[str, str]
    body: JsonValue = field(repr=False)


class Access:
    """What a connector may use while it works for one connection.

    ``params`` and ``form`` values are sent as text; a structured value is for the connector to encode.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        *,
        grant: Grant | None = None,
        settings: BaseModel | None = None,
        account_id: str | None = None,
        error_rules: Sequence[ErrorRule] = (),
        hosts: Sequence[str] = (),
    ) -> None:
        self.clock = clock
        self.account_id = account_id
        self._transport = transport
        self._grant = grant
        self._settings = settings
        self._rules = tuple(error_rules)
        self._hosts = frozenset(hosts)
        self._skipped: dict[str, PartAccessLostError] = {}

    def __repr__(self) -> str:
        return f"<Access account={self.account_id!r}>"

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that were granted, as far as the platform said."""
        return self._grant.scopes if self._grant else ()

    @property
    def part_ids(self) -> tuple[str, ...]:
        """Account parts for which the grant holds a token of their own."""
        return tuple(self._grant.part_tokens) if self._grant else ()

    @property
    def skipped_parts(self) -> Mapping[str, PartAccessLostError]:
        """The parts that were left out of the work so far, each with the reason; see ``skip_part``."""
        return dict(self._skipped)

    def skip_part(self, error: PartAccessLostError) -> None:
        """Go on with the other parts in a call that is about all of them (``list_forms``, ``subscribe``,
        ``is_subscribed``): the hub shows the part as limited, with this reason."""
        self._skipped[error.part_id] = error

    def settings_model(self) -> BaseModel:
        """The connector's settings, whatever their model."""
        if self._settings is None:
            raise PermanentError("This connector has no settings yet. Fill in its app credentials first.")
        return self._settings

    def settings(self, model: type[SettingsT]) -> SettingsT:
        """The connector's settings as an instance of its own model."""
        found = self.settings_model()
        if not isinstance(found, model):
            raise TypeError(f"settings are a {type(found).__name__}, not a {model.__name__}")
        return found

    def token(self, part_id: str | None = None) -> SecretStr:
        """The access token, or the token of one part where the grant has such."""
        if self._grant is None:
            raise ReauthorizationNeededError("This connection is not authorised.", code="never_granted")
        if part_id is not None and part_id in self._grant.part_tokens:
            return self._grant.part_tokens[part_id]
        return self._grant.access_token

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        part_id: str | None = None,
        authorised: bool = True,
    ) -> ApiResult:
        """GET with the token; see ``call``."""
        return await self.call("GET", url, params=params, headers=headers, part_id=part_id, authorised=authorised)

    async def call(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json_body: JsonValue = None,
        headers: Mapping[str, str] | None = None,
        part_id: str | None = None,
        authorised: bool = True,
    ) -> ApiResult:
        """Send one request and return the parsed JSON of a 2xx answer.

        The token travels as ``Authorization: Bearer`` (RFC 6750) unless ``authorised`` is False. Any other
        outcome raises an error of the tree: the connector's own rules first, then the default table.
        """
        self._check_host(url)
        sent = dict(headers or {})
        if authorised:
            sent["authorization"] = f"Bearer {self.token(part_id).get_secret_value()}"
        body: bytes | None = None
        if form is not None:
            body = urlencode(form).encode()
            sent["content-type"] = "application/x-www-form-urlencoded"
        elif json_body is not None:
            body = json.dumps(json_body).encode()
            sent["content-type"] = "application/json"
        answer = await self._transport.send(method, url, params=params, headers=sent, body=body)
        return self._read(answer, method, url)

    async def forward(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send a request exactly as it is and return any answer; keeps to the hosts of the manifest.

        For the hub itself, where a connector runs in another process; connectors use ``call``.
        """
        self._check_host(url)
        return await self._transport.send(method, url, params=params, headers=headers, body=body)

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" not in self._hosts:
            raise PermanentError(
                f"The connector wanted to call {parts.scheme}://{parts.netloc}, which its manifest does not list.",
                code="host_not_allowed",
            )

    def _read(self, answer: HttpAnswer, method: str, url: str) -> ApiResult:
        where = f"{method} {urlsplit(url).netloc}{urlsplit(url).path} answered {answer.status}"
        try:
            parsed: JsonValue = json.loads(answer.body) if answer.body.strip() else None
            readable = True
        except (ValueError, RecursionError):
            parsed, readable = None, False
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            if not readable:
                raise RetryableError("The platform's answer could not be read.", detail=where, code="garbage")
            return ApiResult(answer.status, answer.headers, parsed)
        raise self._error(ApiAnswer(answer.status, answer.headers, parsed), where)

    def _error(self, answer: ApiAnswer, where: str) -> ConnectorError:
        for rule in self._rules:
            if rule.matches(answer):
                return rule.error(answer, where)
        return default_error(answer, where)


def default_error(answer: ApiAnswer, where: str) -> ConnectorError:
    """The hub's own table for answers that no rule of the connector speaks about.

    OAuth error codes are those of RFC 6749 section 5.2; statuses those of RFC 9110 and RFC 6585.
    """
    oauth_code = answer.at("error")
    if oauth_code == "invalid_grant":
        return ReauthorizationNeededError(
            "The platform no longer accepts the authorisation. Sign in again.", detail=where, code="invalid_grant"
        )
    if oauth_code in ("invalid_client", "unauthorized_client"):
        return PermanentError(
            "The platform refused the app's id or secret. Check the app credentials.",
            detail=where,
            code="invalid_client",
        )
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitedError(
            "The platform asks us to slow down.",
            retry_after=parse_retry_after(answer.headers.get("retry-after")),
            detail=where,
        )
    if answer.status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY):
        return RetryableError("The platform could not answer just now.", detail=where)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return RetryableError("The platform has a problem of its own.", detail=where, code="platform_error")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return ReauthorizationNeededError(
            "The platform no longer accepts the authorisation. Sign in again.", detail=where, code="unauthorized"
        )
    if answer.status == HTTPStatus.FORBIDDEN:
        return ReauthorizationNeededError(
            "The platform says that a right is missing. Sign in again and grant it.", detail=where, code="forbidden"
        )
    if answer.status < HTTPStatus.BAD_REQUEST:
        return PermanentError("The platform moved this address.", detail=where, code="redirected")
    return PermanentError("The platform refused the request.", detail=where, code="refused")
