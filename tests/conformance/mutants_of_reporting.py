"""Mutants that go wrong while they report what became of leads."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from hub.connector.access import Access
from hub.connector.clock import Clock
from hub.connector.conversions import Conversion, ConversionOutcome, ConversionTarget, ConversionVerdict
from hub.connector.errors import PermanentError, ReauthorizationNeededError
from tests.conformance.mutants import Mutant
from tests.conformance.reference.connector import Reference


class ListsTheFirstTargetTwice(Reference):
    async def list_conversion_targets(self, access: Access) -> Sequence[ConversionTarget]:
        found = await super().list_conversion_targets(access)
        return [*found, *found[:1]]


class TellsTheDayOnly(Reference):
    def event(self, access: Access, conversion: Conversion) -> dict[str, Any]:
        day = conversion.happened_at.replace(hour=0, minute=0, second=0)
        return {**super().event(access, conversion), "at": int(day.timestamp())}


class KeysEachAttempt(Reference):
    """After a lost answer the event counts twice."""

    def __init__(self) -> None:
        self.attempts: WeakKeyDictionary[Clock, int] = WeakKeyDictionary()

    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        attempt = self.attempts[access.clock] = self.attempts.get(access.clock, 0) + 1
        mark = f"-{attempt}" if attempt > 1 else ""
        fresh = [each.model_copy(update={"event_id": f"{each.event_id}{mark}"}) for each in conversions]
        outcomes = await super().report_conversions(access, target, fresh)
        return [each.model_copy(update={"event_id": each.event_id.removesuffix(mark)}) for each in outcomes]


class GivesUpAtTheFirstRefusal(Reference):
    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        outcomes = await super().report_conversions(access, target, conversions)
        refused = next((each for each in outcomes if each.verdict is ConversionVerdict.REFUSED), None)
        return outcomes if refused is None else [refused]


class TakesLateForRefused(Reference):
    def outcome(self, event_id: str, said: str) -> ConversionOutcome:
        found = super().outcome(event_id, said)
        if found.verdict is not ConversionVerdict.TOO_LATE:
            return found
        return found.model_copy(update={"verdict": ConversionVerdict.REFUSED})


class AsksToSignInForATarget(Reference):
    async def report_conversions(
        self, access: Access, target: ConversionTarget, conversions: Sequence[Conversion]
    ) -> Sequence[ConversionOutcome]:
        try:
            return await super().report_conversions(access, target, conversions)
        except PermanentError as error:
            raise ReauthorizationNeededError(error.user_message) from None


MUTANTS = (
    Mutant("targets_of_reports_are_listed", ListsTheFirstTargetTwice),
    Mutant("reported_events_are_counted", TellsTheDayOnly),
    Mutant("repeated_event_counts_once", KeysEachAttempt),
    Mutant("refused_event_keeps_no_other_back", GivesUpAtTheFirstRefusal),
    Mutant("late_event_keeps_no_other_back", TakesLateForRefused),
    Mutant("lost_target_is_permanent", AsksToSignInForATarget),
)
