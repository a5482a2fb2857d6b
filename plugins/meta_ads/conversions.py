"""Reporting stages of leads by the Conversions API, for the goal Conversion leads.

Sources (developers.facebook.com, Ads and Commerce, read in November 2026): "Conversion Leads Integration, Payload
Specification" (Updated Apr 26, 2025) and "Using the API". What matters:

- ``POST /{data set}/events`` with ``data``, a list of up to 1,000 events; one that is not as documented, or older than
  7 days, and Meta refuses all of them;
- ``user_data.lead_id`` is the lead's id as Meta gave it, a number, never hashed; the event must not be older than the
  lead, or it may be discarded;
- ``action_source`` is ``system_generated``, ``custom_data.event_source`` is ``crm``, ``custom_data.lead_event_source``
  the name of the tool;
- the same ``event_id`` with the same ``event_name`` within 48 hours counts once.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue

from hub.connector.conversions import (
    Conversion,
    ConversionOutcome,
    ConversionProfile,
    ConversionTarget,
    ConversionVerdict,
)
from hub.connector.errors import (
    ConnectorError,
    PermanentError,
    ReauthorizationNeededError,
    RetryableError,
)
from plugins.meta_ads.errors import EVENT_REFUSED, EVENT_TOO_OLD, NOT_VISIBLE, PERMISSION_REMOVED
from plugins.meta_ads.graph import Graph, member, parsed
from plugins.meta_ads.payloads import Id, OptionalText, Wire

WINDOW = timedelta(days=7)
PROFILE = ConversionProfile(
    by_lead_id=True,
    event_window=WINDOW,
    repeatable_for=timedelta(hours=48),
    batch_size=200,
)
"""Meta takes 1,000 at once; fewer keep the search for one that it refuses short."""
TOOL = "Leadhub"
AFTER_THE_LEAD = timedelta(seconds=1)
LONGEST_NUMBER = 20
TARGET_GONE = (
    "Meta does not show this data set to the person who signed in. Share it with that person in the Business Manager "
    "under Data sources, or choose another."
)
RIGHT_MISSING = (
    "Meta does not let the person who signed in send events to this data set. Give that person full control of it in "
    "the Business Manager, and allow the permission ads_management when signing in."
)


class Named(Wire):
    """An ad account, or a data set (Meta's API still says pixel)."""

    id: Id
    name: OptionalText = None


async def data_sets_of(graph: Graph) -> Sequence[ConversionTarget]:
    """The data sets of all ad accounts that the person reaches, each once."""
    found: dict[str, ConversionTarget] = {}
    try:
        accounts = [parsed(Named, item) async for item in graph.items_of("me/adaccounts", {"fields": "id,name"})]
        for account in accounts:
            async for item in graph.items_of(f"{account.id}/adspixels", {"fields": "id,name"}):
                data_set = parsed(Named, item)
                found[data_set.id] = ConversionTarget(id=data_set.id, name=data_set.name or data_set.id)
    except ReauthorizationNeededError as error:
        raise _of_reporting(error) from None
    return list(found.values())


async def report(graph: Graph, target: ConversionTarget, conversions: Sequence[Conversion]) -> list[ConversionOutcome]:
    """Send events to a data set; one outcome for each, but for those that were left when a later call failed."""
    oldest = graph.access.clock.now() - WINDOW
    outcomes: list[ConversionOutcome] = []
    sendable: list[Conversion] = []
    for each in conversions:
        if not _is_number(each.lead_id):
            outcomes.append(_outcome(each, ConversionVerdict.REFUSED, "no_lead_id", "Meta gave this lead no number."))
        elif _happened_at(each) <= oldest:
            outcomes.append(_outcome(each, ConversionVerdict.TOO_LATE, EVENT_TOO_OLD, "Meta takes 7 days at most."))
        else:
            sendable.append(each)
    known: list[ConversionOutcome] = []
    try:
        if sendable:
            await _send(graph, target, sendable, known)
    except ConnectorError:
        if not known:
            raise
    return outcomes + known


def event_of(conversion: Conversion) -> dict[str, JsonValue]:
    """One event as Meta wants it."""
    custom: dict[str, JsonValue] = {"event_source": "crm", "lead_event_source": TOOL}
    if conversion.value is not None and conversion.currency is not None:
        custom |= {"value": float(conversion.value), "currency": conversion.currency}
    return {
        "event_name": conversion.event_name,
        "event_time": int(_happened_at(conversion).timestamp()),
        "event_id": conversion.event_id,
        "action_source": "system_generated",
        "user_data": {"lead_id": int(conversion.lead_id or 0)},
        "custom_data": custom,
    }


async def _send(
    graph: Graph, target: ConversionTarget, conversions: Sequence[Conversion], outcomes: list[ConversionOutcome]
) -> None:
    """Meta refuses all events for the sake of one, and does not say which: halves are sent until it stands alone."""
    try:
        await _post(graph, target, conversions)
    except PermanentError as refusal:
        if refusal.code not in (EVENT_REFUSED, EVENT_TOO_OLD):
            raise
        if len(conversions) == 1:
            outcomes.append(_refused(conversions[0], refusal))
            return
        middle = len(conversions) // 2
        await _send(graph, target, conversions[:middle], outcomes)
        await _send(graph, target, conversions[middle:], outcomes)
    else:
        outcomes += [_outcome(each, ConversionVerdict.ACCEPTED) for each in conversions]


async def _post(graph: Graph, target: ConversionTarget, conversions: Sequence[Conversion]) -> None:
    events = json.dumps([event_of(each) for each in conversions], separators=(",", ":"))
    try:
        answer = await graph.call("POST", f"{target.id}/events", form={"data": events})
    except (ReauthorizationNeededError, RetryableError) as error:
        raise _of_reporting(error) from None
    if member(answer.body, "events_received") != len(conversions):
        raise RetryableError("Meta's answer to the events could not be read.", code="garbage")


def _happened_at(conversion: Conversion) -> datetime:
    """Never before the lead itself: Meta's clock may be ahead of ours."""
    return max(conversion.happened_at, conversion.submitted_at + AFTER_THE_LEAD)


def _is_number(lead_id: str | None) -> bool:
    return lead_id is not None and lead_id.isascii() and lead_id.isdecimal() and len(lead_id) <= LONGEST_NUMBER


def _of_reporting(error: ConnectorError) -> ConnectorError:
    """A right or a data set that is missing stops reports and nothing else."""
    if error.code == PERMISSION_REMOVED:
        return PermanentError(RIGHT_MISSING, detail=error.detail, code="right_missing")
    if error.code == NOT_VISIBLE:
        return PermanentError(TARGET_GONE, detail=error.detail, code="target_gone")
    return error


def _refused(conversion: Conversion, refusal: PermanentError) -> ConversionOutcome:
    is_late = refusal.code == EVENT_TOO_OLD
    verdict = ConversionVerdict.TOO_LATE if is_late else ConversionVerdict.REFUSED
    return _outcome(conversion, verdict, refusal.code, refusal.user_message)


def _outcome(
    conversion: Conversion, verdict: ConversionVerdict, code: str | None = None, message: str = ""
) -> ConversionOutcome:
    return ConversionOutcome(event_id=conversion.event_id, verdict=verdict, code=code, message=message)
