"""Queues: where leads wait with a clock when nobody can take them (P-37, P-40)."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.engine import Connection

from hub.core.accounts.permissions import Permission
from hub.core.leads.waiting import Drained, assign_waiting
from hub.core.organisations.errors import UnknownRecordError
from hub.core.routing import rulebook
from hub.core.routing.queries import list_queues
from hub.core.routing.waiting import queue_loads
from hub.web.api.configuration_fields import Number
from hub.web.api.failures import failures
from hub.web.api.fields import Name
from hub.web.api.routing import Call, Input, NoInput, RouteGroup
from hub.web.api.trail import Trail

QUEUES = RouteGroup("Queues", failures=failures)
_VIEW, _EDIT = Permission("routing", "view"), Permission("routing", "edit")


class QueueShown(BaseModel):
    """A queue and what waits in it. ``overdue`` leads waited longer than ``claim_within_minutes``."""

    id: UUID
    name: str
    claim_within_minutes: int
    is_default: bool
    waiting: int
    overdue: int
    oldest_submitted_at: datetime | None


class Queues(BaseModel):
    """All queues by name."""

    items: list[QueueShown]


class NewQueue(Input):
    """A lead waits that many minutes for somebody to claim it before the strategy chooses."""

    name: Name
    claim_within_minutes: Number


class QueueChange(Input):
    """What to change. The default can be handed to another queue, never switched off."""

    name: Name | None = None
    claim_within_minutes: Number | None = None
    is_default: bool | None = None


class QueuePath(Input):
    """One queue."""

    queue_id: UUID


class DrainedShown(BaseModel):
    """How many waiting leads got a person, and how many went on to another queue."""

    model_config = ConfigDict(from_attributes=True)

    assigned: int
    moved: int


@QUEUES.route("GET", "/api/v1/queues", permission=_VIEW, answers=Queues, summary="All queues with what waits in them")
async def show_queues(call: Call) -> Queues:
    """By name."""
    return Queues(items=await call.services.database.read(_queues, call.reach.organisation_id, call.now))


@QUEUES.route(
    "POST",
    "/api/v1/queues",
    permission=Permission("routing", "add"),
    body=NewQueue,
    answers=QueueShown,
    status=201,
    summary="Add a queue",
)
async def create_queue(call: Call[NoInput, NoInput, NewQueue]) -> QueueShown:
    """A queue is never removed, because decisions point at it."""
    return await call.services.database.write(_create, Trail.of(call), call.body)


@QUEUES.route(
    "PATCH",
    "/api/v1/queues/{queue_id}",
    permission=_EDIT,
    path=QueuePath,
    body=QueueChange,
    answers=QueueShown,
    summary="Change a queue or make it the default",
)
async def change_queue(call: Call[QueuePath, NoInput, QueueChange]) -> QueueShown:
    """There is always exactly one default."""
    return await call.services.database.write(_change, Trail.of(call), call.path.queue_id, call.body)


@QUEUES.route(
    "POST", "/api/v1/queues/drain", permission=_EDIT, answers=DrainedShown, summary="Assign waiting leads now"
)
async def drain_queues(call: Call) -> DrainedShown:
    """Up to 100 of them, the oldest first; those that nobody can take go on waiting."""
    return DrainedShown.model_validate(await call.services.database.write(_drain, Trail.of(call)))


def _create(connection: Connection, trail: Trail, body: NewQueue) -> QueueShown:
    queue_id = rulebook.create_queue(connection, trail.organisation_id, **body.model_dump())
    trail.note(connection, "queue_created", f"queue:{queue_id}", name=body.name)
    return _queue(connection, trail, queue_id)


def _change(connection: Connection, trail: Trail, queue_id: UUID, body: QueueChange) -> QueueShown:
    rulebook.update_queue(connection, trail.organisation_id, queue_id, **body.model_dump())
    trail.note(connection, "queue_changed", f"queue:{queue_id}", changed=sorted(body.model_fields_set))
    return _queue(connection, trail, queue_id)


def _drain(connection: Connection, trail: Trail) -> Drained:
    drained = assign_waiting(connection, trail.organisation_id, actor=trail.actor, now=trail.now)
    trail.note(connection, "queues_drained", "routing", assigned=drained.assigned, moved=drained.moved)
    return drained


def _queues(connection: Connection, organisation_id: UUID, now: datetime) -> list[QueueShown]:
    loads = {load.queue_id: load for load in queue_loads(connection, organisation_id, now)}
    found: list[QueueShown] = []
    for queue, is_default in list_queues(connection, organisation_id):
        load = loads.get(queue.id)
        found.append(
            QueueShown(
                id=queue.id,
                name=queue.name,
                claim_within_minutes=queue.claim_within_minutes,
                is_default=is_default,
                waiting=load.waiting if load else 0,
                overdue=load.overdue if load else 0,
                oldest_submitted_at=load.oldest_submitted_at if load else None,
            )
        )
    return found


def _queue(connection: Connection, trail: Trail, queue_id: UUID) -> QueueShown:
    for queue in _queues(connection, trail.organisation_id, trail.now):
        if queue.id == queue_id:
            return queue
    raise UnknownRecordError("queue")
