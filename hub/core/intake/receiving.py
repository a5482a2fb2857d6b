"""From an inbound request to stored receipts: verify, unpack, find whose it is, store, answer.

Nothing is answered with success before it is stored; what cannot be trusted is counted and not kept.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from pydantic import SecretStr
from sqlalchemy.engine import Connection

from hub.connector.errors import BadPayloadError, RateLimitedError, UnverifiedRequestError
from hub.connector.models import InboundRequest, Notice, NoticeKind, Pointer, RawSubmission, Received, Reply
from hub.core.audit import service as audit
from hub.core.connections.apart import ConnectorFaultError, ConnectorRestingError, call_pure
from hub.core.connections.endpoints import Destination, Endpoint, Endpoints, connections_of_account
from hub.core.connections.service import lose_grant
from hub.core.connections.state import ConnectionState
from hub.core.intake.receipts import Accepted, Delivery, Path
from hub.core.outbound.delivery import note_reports
from hub.core.outbox.service import publish
from hub.db.engine import Database

KEPT_HEADERS = ("content-type", "user-agent", "content-encoding")
"""Headers worth keeping with a receipt; signatures and keys are never among them."""
UNKNOWN_ACCOUNT = "unknown_account"
NO_SECRET = SecretStr("")
RETRY_UNREAD_AFTER = timedelta(seconds=5)

log = structlog.get_logger(__name__)


class NotReadError(Exception):
    """The connector could not look at a request just now, so nothing of it is stored: the sender must send it again.

    ``retry_after`` is when.
    """

    def __init__(self, connector: str, failure: Exception) -> None:
        super().__init__(f"{connector} could not read a delivery ({type(failure).__name__})")
        wait = failure.retry_after if isinstance(failure, RateLimitedError) else None
        self.retry_after = wait or RETRY_UNREAD_AFTER


class FrontDoor(Protocol):
    """The ledger, as far as receiving needs it."""

    async def accept(self, delivery: Delivery) -> Accepted:
        """Store a delivery."""
        ...

    async def count_refusal(self, endpoint: str, reason: str, sender: str) -> None:
        """Count a request that was turned away."""
        ...


class Receiver:
    """Receives for every app endpoint; one per process."""

    def __init__(self, database: Database, endpoints: Endpoints, ledger: FrontDoor) -> None:
        self._database = database
        self._endpoints = endpoints
        self._ledger = ledger

    def largest_delivery(self, connector_key: str) -> int | None:
        """Bytes that a delivery to this connector may have; None where it is not installed."""
        return self._endpoints.largest_delivery(connector_key)

    async def receive(self, connector_key: str, endpoint_key: str, request: InboundRequest, sender: str) -> Reply:
        """Store what a request holds and return the answer for its sender.

        Raises ``UnverifiedRequestError`` for an unknown address as for a wrong signature, so that they look alike
        (WH-02), and ``DatabaseUnavailableError`` or ``NotReadError`` when nothing was stored.
        """
        try:
            endpoint = await self._endpoints.find(connector_key, endpoint_key)
        except (ConnectorFaultError, ConnectorRestingError) as failure:  # asked for the secrets among its settings
            raise NotReadError(connector_key, failure) from failure
        if endpoint is None:
            await self._ledger.count_refusal(f"hooks/{connector_key}", "unknown_endpoint", sender)
            raise UnverifiedRequestError("This address does not exist, or the request is not signed as agreed.")
        try:
            received = await _verified(endpoint, request)
        except UnverifiedRequestError as refused:
            await self._ledger.count_refusal(f"hooks/{connector_key}/{endpoint.app.id}", refused.code, sender)
            raise
        except BadPayloadError as failure:
            await self._ledger.accept(_delivery(endpoint, request, (), (), None, failure=failure))
            return Reply()
        except Exception as failure:
            log.warning("delivery_not_read", connector=connector_key, error=type(failure).__name__)
            raise NotReadError(connector_key, failure) from failure
        await self._store(endpoint, request, received)
        return received.reply or Reply()

    async def _store(self, endpoint: Endpoint, request: InboundRequest, received: Received) -> None:
        if received.kept_body is not None:
            request = request.model_copy(update={"body": received.kept_body})
        parts: dict[str | None, tuple[list[RawSubmission], list[Pointer]]] = {}
        for submission in received.submissions:
            parts.setdefault(submission.part_id, ([], []))[0].append(submission)
        for pointer in received.pointers:
            parts.setdefault(pointer.part_id, ([], []))[1].append(pointer)
        for part_id, (submissions, pointers) in parts.items():
            destinations: Sequence[Destination | None] = await self._endpoints.destinations(endpoint, part_id)
            for destination in destinations or (None,):
                await self._ledger.accept(_delivery(endpoint, request, submissions, pointers, destination))
        if received.reports:
            await self._database.write(note_reports, endpoint.app.id, received.reports, request.received_at)
        if not parts and not received.notices and not received.reports and received.reply is None:
            await self._ledger.accept(_delivery(endpoint, request, (), (), None))
        for notice in received.notices:
            await self._database.write(heed, endpoint.app.id, endpoint.app.organisation_id, notice, request.received_at)


async def _verified(endpoint: Endpoint, request: InboundRequest) -> Received:
    """Try each live secret, newest first: during a rotation two are good."""
    refused = UnverifiedRequestError("The request is not signed as agreed.", code="no_secret")
    for secret in endpoint.secrets or (NO_SECRET,):
        try:
            return await call_pure(endpoint.receiver.receive, request, secret)
        except UnverifiedRequestError as error:
            refused = error
    raise refused


def _delivery(
    endpoint: Endpoint,
    request: InboundRequest,
    submissions: Sequence[RawSubmission],
    pointers: Sequence[Pointer],
    destination: Destination | None,
    *,
    failure: BadPayloadError | None = None,
) -> Delivery:
    return Delivery(
        organisation_id=destination.organisation_id if destination else endpoint.app.organisation_id,
        connection_id=destination.connection_id if destination else None,
        connector=endpoint.manifest.key,
        path=Path.WEBHOOK,
        received_at=request.received_at,
        raw=request.body,
        headers={name: request.headers[name] for name in KEPT_HEADERS if name in request.headers},
        submissions=tuple(submissions),
        pointers=tuple(pointers),
        hold=_hold(destination) if submissions or pointers else None,
        failure=failure,
    )


def _hold(destination: Destination | None) -> str | None:
    """Why a delivery is kept without being worked on: its connection is unknown, switched off or disconnected."""
    if destination is None:
        return UNKNOWN_ACCOUNT
    if destination.state in (ConnectionState.INACTIVE, ConnectionState.DISCONNECTED):
        return destination.state.value
    return None


def heed(connection: Connection, app_id: UUID, organisation_id: UUID, notice: Notice, now: datetime) -> None:
    """Act on what a source told: a withdrawn grant at once, a wish for erasure as an event and an audit record."""
    for owner_id, connection_id in connections_of_account(connection, app_id, notice.account_id):
        if notice.kind is NoticeKind.GRANT_REVOKED:
            lose_grant(
                connection,
                owner_id,
                connection_id,
                reason="app_removed",
                user_message="The authorisation was withdrawn at the platform. Sign in again.",
                now=now,
            )
    if notice.kind is NoticeKind.ERASURE_REQUESTED:
        detail = {"reference": notice.reference}
        publish(connection, organisation_id, kind="erasure_requested", subject_id=app_id, payload=detail, now=now)
        audit.record(
            connection,
            organisation_id,
            actor="source",
            action="erasure_requested",
            subject=f"app:{app_id}",
            now=now,
            detail=detail,
        )
