"""Each rule of the kit is proved by a broken connector that fails it, and it alone."""

from pathlib import Path
from time import process_time

import pytest

from hub.testing.check import Outcome, check_connector
from hub.testing.rules import rule_names
from tests.conformance import mutants_of_calling, mutants_of_reading, mutants_of_reporting, mutants_of_sending
from tests.conformance.mutants import Mutant, ReferenceKit

MUTANTS = (
    *mutants_of_reading.MUTANTS,
    *mutants_of_calling.MUTANTS,
    *mutants_of_reporting.MUTANTS,
    *mutants_of_sending.MUTANTS,
)


def _params() -> list[object]:
    return [
        pytest.param(
            mutant,
            id=f"{mutant.rule}-{mutant.connector.__name__}",
            marks=pytest.mark.proves("X-08", *mutant.rows),
        )
        for mutant in MUTANTS
    ]


@pytest.mark.parametrize("mutant", _params())
def test_mutant_fails_exactly_its_rule(mutant: Mutant, tmp_path: Path) -> None:
    """A connector with one bug fails the rule about that bug and keeps every other rule."""
    report = check_connector(mutant.kit(tmp_path))
    failed = {each.rule: each.message for each in report.of(Outcome.FAILED)}
    assert set(failed) == {mutant.rule, *mutant.fails_also}, failed
    assert not mutant.fails_also or mutant.why


def test_every_rule_has_a_mutant() -> None:
    """No rule is there that nothing could break."""
    assert set(rule_names(ReferenceKit)) == {mutant.rule for mutant in MUTANTS}


@pytest.mark.proves("X-08")
def test_reference_connector_keeps_every_rule() -> None:
    """The honest connector passes all rules, none left out, in less than five seconds of work, twice the same."""
    started = process_time()
    first, second = check_connector(ReferenceKit), check_connector(ReferenceKit)
    took = process_time() - started
    assert {each.outcome for each in first.rules} == {Outcome.PASSED}
    assert len(first.rules) >= 25
    assert took / 2 < 5
    assert [(each.rule, each.outcome) for each in first.rules] == [(each.rule, each.outcome) for each in second.rules]
