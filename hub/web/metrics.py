"""``GET /metrics``: the hub in numbers, as Prometheus reads them.

Access is by a bearer token of its own, ``LEADHUB_METRICS_TOKEN``; without that setting the address does not exist.
An API key would not do: a key belongs to one organisation and dies with the account of a person, while these numbers
are of all organisations and belong to whoever operates the hub; and looking a key up needs the database, of which the
first thing to measure is whether it answers. A guess costs the guesser a request and us one comparison.

Labels are connectors, ways in, dispositions, states and reasons: short lists that the program knows. Neither people nor
organisations, neither addresses nor connections are named.
"""

import asyncio
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import SecretStr

from hub.connector.clock import SystemClock
from hub.core.connector_health.faults import Faults
from hub.core.intake.counters import RECEIVED
from hub.core.intake.receipts import Disposition
from hub.core.intake.refusals import CountingLedger
from hub.core.upkeep.measuring import Measurements, measure
from hub.db.engine import DatabaseUnavailableError
from hub.web.api.authentication import find_key, unauthenticated
from hub.web.loop_lag import LoopLag
from hub.web.problems import not_found
from hub.web.services import SERVICES, WebServices

PATIENCE = 5.0
"""Seconds that the database gets; Prometheus itself gives up after ten."""
L = TypeVar("L", bound=tuple[str, ...])
NO_CONNECTION = "none"
JOB_STATES = ("waiting", "handed", "parked")

metrics_routes = web.RouteTableDef()
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """What a process measures itself by; ``services.get(Measuring)``. An empty token: measuring is switched off."""

    token: SecretStr
    ledger: CountingLedger
    faults: Faults = field(default_factory=lambda: Faults(SystemClock()))
    lag: LoopLag = field(default_factory=LoopLag)


@metrics_routes.get("/metrics")
async def show_metrics(request: web.Request) -> web.Response:
    """The numbers of this moment. While the database does not answer, those of the process alone."""
    services = request.app[SERVICES]
    measuring = services.get(Measuring)
    _require_token(request, measuring.token)
    families = [*_of_process(services, measuring), *_of_hub(await _measured(services))]
    body = generate_latest(_Exposition(families))
    headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"}
    return web.Response(body=body, headers=headers)


def _require_token(request: web.Request, token: SecretStr) -> None:
    expected = token.get_secret_value().encode()
    if not expected:
        raise not_found()
    given = (find_key(request) or "").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, expected):
        raise unauthenticated("Send the token of LEADHUB_METRICS_TOKEN as Authorization: Bearer ...")


async def _measured(services: WebServices) -> Measurements | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await services.database.read(measure, services.clock.now())
    except (DatabaseUnavailableError, TimeoutError) as failure:
        log.warning("the database does not answer the measurement", error=type(failure).__name__)
        return None


class _Exposition(Collector):
    """Families that were measured already, as the library wants them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


_PROCESS = ProcessCollector(registry=None)


def _of_process(services: WebServices, measuring: Measuring) -> Iterator[Metric]:
    """What this process alone knows; each process has numbers of its own."""
    yield from _PROCESS.collect()
    yield _gauge("event_loop_lag_seconds", "Longest delay of the event loop within a minute.", measuring.lag.longest)
    yield _gauge("ready", "Whether this process takes requests.", services.lifecycle.is_ready)
    yield _gauge("ledger_waiting", "Deliveries that wait for their commit.", measuring.ledger.waiting)
    refusals = CounterMetricFamily(
        "leadhub_refusals", "Requests that this process turned away.", labels=("path", "reason")
    )
    for labels, number in sorted(measuring.ledger.turned_away.items()):
        refusals.add_metric(labels, number)
    yield refusals
    yield from _of_connectors(measuring.faults)


def _of_connectors(faults: Faults) -> Iterator[Metric]:
    """Of connectors that run apart in this process, or ever failed in it."""
    number = CounterMetricFamily(
        "leadhub_connector_faults", "Faults of connectors in this process.", labels=("connector", "kind")
    )
    for (connector, kind), found in sorted(faults.counts.items()):
        number.add_metric((connector, kind.value), found)
    yield number
    health = faults.all_health()
    yield _labelled(
        "connector_failing",
        "Whether a connector failed within the last minute, or did not answer since.",
        ("connector",),
        {(each.connector,): each.is_failing for each in health},
    )
    yield _labelled(
        "connector_apart",
        "Whether a connector runs in a process of its own.",
        ("connector",),
        {(each.connector,): each.is_apart for each in health},
    )


def _of_hub(measured: Measurements | None) -> Iterator[Metric]:
    """What stands in the database; the same whichever process is asked."""
    yield _gauge("database_up", "Whether the database answers this process.", measured is not None)
    if measured is None:
        return
    yield from _of_ledger(measured.ledger)
    age = measured.oldest_pending_for.total_seconds()
    yield _gauge("pending_oldest_age_seconds", "How long ago the oldest pending receipt came in; 0 without one.", age)
    yield _gauge("overdue_alerts", "Organisations with receipts that are pending for too long.", measured.alerts)
    yield _labelled(
        "jobs",
        "Jobs that are not done.",
        ("state",),
        {(state,): measured.jobs.get(state, 0) for state in JOB_STATES},
    )
    yield _labelled("connections", "Connections to sources.", ("connector", "state"), measured.connections)
    yield _labelled(
        "grant_expiry_seconds",
        "Time until the first grant of an active connection runs out; negative when it is past.",
        ("connector",),
        {(connector,): left.total_seconds() for connector, left in measured.expiries.items()},
    )
    yield _gauge("processes", "Processes of the hub that are registered.", measured.processes)
    yield _labelled(
        "messages",
        "Messages to people that wait, leave at present, or ended unknown.",
        ("state",),
        {(state,): number for state, number in measured.messages.items()},
    )
    yield _gauge(
        "foreign_reports", "Messages reported on that nobody here is known to have sent.", measured.foreign_reports
    )


def _of_ledger(ledger: Mapping[tuple[str | None, str], Mapping[str, int]]) -> Iterator[Metric]:
    lines = {(connector or NO_CONNECTION, path): entries for (connector, path), entries in ledger.items()}
    labels = ("connector", "path")
    received = {line: entries.get(RECEIVED, 0) for line, entries in lines.items()}
    # No counter: receipts move to the connection that is found for them later.
    yield _labelled("receipts_received", "Receipts of all time; the sum over all dispositions.", labels, received)
    yield _labelled(
        "receipts",
        "Receipts by how they ended; pending are those that did not yet.",
        (*labels, "disposition"),
        {(*line, each.value): entries.get(each, 0) for line, entries in lines.items() for each in Disposition},
    )
    created = CounterMetricFamily("leadhub_leads_created", "Leads that were created.", labels=labels)
    for line, entries in sorted(lines.items()):
        created.add_metric(line, entries.get(Disposition.LEAD_CREATED, 0))
    yield created


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"leadhub_{name}", text, value=float(value))


def _labelled(name: str, text: str, labels: tuple[str, ...], values: Mapping[L, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"leadhub_{name}", text, labels=labels)
    for found, value in sorted(values.items()):
        family.add_metric(found, value)
    return family
