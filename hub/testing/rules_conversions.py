"""Rules on reports of what became of leads."""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from hub.connector.base import ReportsConversions
from hub.connector.conversions import Conversion, ConversionOutcome, ConversionTarget, ConversionVerdict
from hub.connector.errors import PermanentError, ReauthorizationNeededError
from hub.testing.connected import ConnectedSource, connect, raised_by
from hub.testing.rules import REPORTS, WINDOW, Rules, require, rule

A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)
UNKNOWN_LEAD = "7199999999999999"


class ConversionRules(Rules):
    """``ReportsConversions``: each event counts once, at its own time, and stands or falls alone."""

    @rule(REPORTS)
    async def test_targets_of_reports_are_listed(self) -> None:
        """list_conversion_targets names every target once, among them the one that the source offers."""
        async with connect(self) as source:
            found = await self._reporting.list_conversion_targets(source.access)
            ids = [each.id for each in found]
            require(len(ids) == len(set(ids)), f"targets come twice: {ids}")
            offered = source.simulator.conversion_target()
            require(offered in found, f"the target {offered!r} is not among {list(found)!r}")

    @rule(REPORTS)
    async def test_reported_events_are_counted(self) -> None:
        """Events of leads that the source knows are accepted, and counted under their name at their own time."""
        async with connect(self) as source:
            events = [source.conversion(lead, f"event-{lead}") for lead in _leads(source, 2)]
            _check(await self._report(source, events), dict.fromkeys(_ids(events), ConversionVerdict.ACCEPTED))
            counted = {each.event_id: each for each in source.simulator.counted_conversions}
            require(set(counted) == set(_ids(events)), f"the source counted {sorted(counted)}")
            for event in events:
                found = counted[event.event_id]
                name = event.event_name if self._reporting.conversions.has_event_names else found.event_name
                require(
                    (found.event_name, found.happened_at) == (name, event.happened_at),
                    f"{event.event_name} at {event.happened_at} was counted as {found.event_name} at "
                    f"{found.happened_at}",
                )

    @rule(REPORTS)
    async def test_repeated_event_counts_once(self) -> None:
        """An event that is reported again under the same id is accepted, and counted once."""
        async with connect(self) as source:
            events = [source.conversion(lead, f"event-{lead}") for lead in _leads(source, 2)]
            for _ in range(2):
                _check(await self._report(source, events), dict.fromkeys(_ids(events), ConversionVerdict.ACCEPTED))
            counted = sorted(each.event_id for each in source.simulator.counted_conversions)
            require(counted == sorted(_ids(events)), f"the source counted {counted}")

    @rule(REPORTS)
    async def test_refused_event_keeps_no_other_back(self) -> None:
        """An event of a lead that the source does not know is refused; those around it are accepted and counted."""
        async with connect(self) as source:
            good = [source.conversion(lead, f"event-{lead}") for lead in _leads(source, 3)]
            clicks = dict.fromkeys(self._reporting.conversions.click_ids[:1], "a-click-of-nobody")
            stray = {"event_id": "event-stray", "lead_id": UNKNOWN_LEAD, "click_ids": clicks}
            bad = good[0].model_copy(update=stray)
            expected = dict.fromkeys(_ids(good), ConversionVerdict.ACCEPTED)
            outcomes = await self._report(source, [good[0], bad, *good[1:]])
            _check(outcomes, {**expected, bad.event_id: ConversionVerdict.REFUSED})
            counted = sorted(each.event_id for each in source.simulator.counted_conversions)
            require(counted == sorted(_ids(good)), f"the source counted {counted}")

    @rule(REPORTS, WINDOW)
    async def test_late_event_keeps_no_other_back(self) -> None:
        """An event outside the window of the profile is too late; those around it are accepted and counted."""
        async with connect(self) as source:
            good = [source.conversion(lead, f"event-{lead}") for lead in _leads(source, 2)]
            late = self._late(source)
            outcomes = await self._report(source, [good[0], late, good[1]])
            expected = dict.fromkeys(_ids(good), ConversionVerdict.ACCEPTED)
            _check(outcomes, {**expected, late.event_id: ConversionVerdict.TOO_LATE})
            counted = sorted(each.event_id for each in source.simulator.counted_conversions)
            require(counted == sorted(_ids(good)), f"the source counted {counted}")

    @rule(REPORTS)
    async def test_lost_target_is_permanent(self) -> None:
        """A target that is gone, or whose right is missing, is a PermanentError: the grant and the leads live on."""
        async with connect(self) as source:
            (lead,) = _leads(source, 1)
            source.simulator.lose_target(source.simulator.conversion_target().id)
            event = source.conversion(lead, "event-1")
            error = await raised_by(lambda: self._report(source, [event]))
            require(
                isinstance(error, PermanentError) and not isinstance(error, ReauthorizationNeededError),
                f"report_conversions() to a lost target raised {error!r}, expected PermanentError",
            )
            require(not source.simulator.counted_conversions, "the source counted something all the same")

    @property
    def _reporting(self) -> ReportsConversions:
        return cast(ReportsConversions, self.connector)

    async def _report(self, source: ConnectedSource, events: Sequence[Conversion]) -> Sequence[ConversionOutcome]:
        target: ConversionTarget = source.simulator.conversion_target()
        return await self._reporting.report_conversions(source.access, target, events)

    def _late(self, source: ConnectedSource) -> Conversion:
        """An event that is too old, or of a lead that is."""
        profile, now = self._reporting.conversions, source.clock.now()
        if profile.event_window is not None:
            happened_at = now - profile.event_window - AN_HOUR
            (lead,) = source.add(source.form(), 1, newest_ago=profile.event_window + A_DAY)
            return source.conversion(lead, "event-late").model_copy(update={"happened_at": happened_at})
        (lead,) = source.add(source.form(), 1, newest_ago=(profile.lead_window or A_DAY) + A_DAY)
        return source.conversion(lead, "event-late")


def _leads(source: ConnectedSource, count: int) -> list[str]:
    """Leads of yesterday: some sources take events a while after the click only."""
    return source.add(source.form(), count, newest_ago=A_DAY)


def _ids(events: Sequence[Conversion]) -> list[str]:
    return [each.event_id for each in events]


def _check(outcomes: Sequence[ConversionOutcome], expected: dict[str, ConversionVerdict]) -> None:
    found = {each.event_id: each.verdict for each in outcomes}
    require(len(found) == len(outcomes), "an event has two outcomes")
    require(found == expected, f"the outcomes are {found}, expected {expected}")
    for each in outcomes:
        is_told = each.verdict is ConversionVerdict.ACCEPTED or (each.code and each.message)
        require(bool(is_told), f"the outcome {each.verdict} of {each.event_id} has no code or no words")
