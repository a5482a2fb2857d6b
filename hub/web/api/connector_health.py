"""How the installed connectors are doing in the processes of the hub, and the ledger of their faults."""

from datetime import datetime

from pydantic import BaseModel
from sqlalchemy.engine import Connection

from hub.connector.base import Connector
from hub.core.accounts.permissions import Permission
from hub.core.connections.apart import FaultKind, is_apart
from hub.core.connector_health.queries import FaultLine, ProcessHealth, faults_of, health_of
from hub.web.api.routing import Call, RouteGroup
from hub.web.working_parts import WorkingParts

CONNECTOR_HEALTH = RouteGroup("Platform integration")
_VIEW = Permission("connections", "view")


class FaultsShown(BaseModel):
    """Faults of one kind in one function of a connector, of all times; ``reason`` is of the last."""

    step: str
    kind: FaultKind
    number: int
    reason: str
    first_at: datetime
    last_at: datetime


class ConnectorHealthShown(BaseModel):
    """How a connector is doing. ``is_failing`` until it answered again and no fault came for a minute; while it rests
    its receipts wait and its webhooks are answered with 503, so that the senders come again."""

    connector: str
    name: str
    runs_apart: bool
    is_failing: bool
    rests_until: datetime | None
    faults: list[FaultsShown]


class ConnectorHealthList(BaseModel):
    """Every installed connector."""

    items: list[ConnectorHealthShown]


@CONNECTOR_HEALTH.route(
    "GET",
    "/api/v1/connector-health",
    permission=_VIEW,
    answers=ConnectorHealthList,
    summary="How connectors are doing",
)
async def list_connector_health(call: Call) -> ConnectorHealthList:
    """The worst over all processes of the hub, with the ledger of faults."""
    connectors = call.services.get(WorkingParts).connectors

    def load(connection: Connection) -> ConnectorHealthList:
        health, faults = health_of(connection), faults_of(connection)
        items = [
            _shown(connector, health.get(key, []), list(faults.get(key, []))) for key, connector in connectors.items()
        ]
        return ConnectorHealthList(items=items)

    return await call.services.database.read(load)


def _shown(connector: Connector, health: list[ProcessHealth], faults: list[FaultLine]) -> ConnectorHealthShown:
    return ConnectorHealthShown(
        connector=connector.manifest.key,
        name=connector.manifest.name,
        runs_apart=is_apart(connector) or any(each.is_apart for each in health),
        is_failing=any(each.is_failing for each in health),
        rests_until=max((each.rests_until for each in health if each.rests_until is not None), default=None),
        faults=[FaultsShown(**vars(line)) for line in faults],
    )
