"""Whether the process lives, and whether it takes requests."""

import asyncio
from typing import Literal

from pydantic import BaseModel

from hub.core.accounts.permissions import Permission
from hub.core.intake.overdue import count_alerts
from hub.db.engine import DatabaseUnavailableError
from hub.web.api.routing import Call, RouteGroup
from hub.web.problems import unavailable

HEALTH = RouteGroup("Health")
_PERMISSION = Permission("health", "view")
_PATIENCE = 2.0


class Health(BaseModel):
    """``ok``, or ``degraded``: requests are taken, and yet receipts stay pending for too long (the ledger tells
    whose, ``/metrics`` since when). Anything worse is a problem with status 503."""

    status: Literal["ok", "degraded"] = "ok"


@HEALTH.route("GET", "/health/live", permission=_PERMISSION, answers=Health, summary="The process runs")
async def live(_call: Call) -> Health:
    """Says only that the process can answer; restart it when this fails."""
    return Health()


@HEALTH.route("GET", "/health/ready", permission=_PERMISSION, answers=Health, summary="Send requests here")
async def ready(call: Call) -> Health:
    """Not before the start is complete, not after a stop was asked for, and not without the database."""
    if not call.services.lifecycle.is_ready:
        raise unavailable("This process is starting or stopping; use another one.")
    try:
        async with asyncio.timeout(_PATIENCE):
            alerts = await call.services.database.read(count_alerts)
    except (DatabaseUnavailableError, TimeoutError):
        raise unavailable("The database does not answer.") from None
    return Health(status="degraded" if alerts else "ok")
