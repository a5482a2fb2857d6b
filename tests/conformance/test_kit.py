"""The kit's own behaviour: how a connector joins, what is collected, what is exempt, what is reported."""

import subprocess
import sys
from pathlib import Path
from time import process_time
from unittest import SkipTest

import pytest

from hub.connector.base import Connector
from hub.connector.models import RawSubmission, Submission
from hub.connectors import Registry
from hub.testing.check import KitNotFoundError, Outcome, check_connector, find_kits
from hub.testing.conformance import ConnectorConformance
from tests.conformance.minimal.connector import Minimal
from tests.conformance.minimal.simulator import MinimalSimulator
from tests.conformance.mutants import REFERENCE_FOLDER, ReferenceKit
from tests.conformance.reference.connector import Reference

MINIMAL_FOLDER = Path(__file__).parent / "minimal"


def test_kit_without_its_parts_is_refused() -> None:
    """A kit class that forgets its simulator cannot be defined, so that it cannot pass by checking nothing."""
    with pytest.raises(TypeError, match="must set simulator, fixtures"):
        type("TestNothing", (ConnectorConformance,), {"connector": Minimal()})


def test_rules_of_lacking_capabilities_are_not_collected() -> None:
    """A webhook-only connector has no fetch or sign-in rule left as a method, and the report says why."""
    kit = find_kits(Minimal())[0]
    assert kit.test_all_pages_are_read is None
    assert kit.test_wrong_signature_is_refused is not None
    reasons = {each.rule: each.message for each in check_connector(kit).of(Outcome.NOT_APPLICABLE)}
    assert reasons["all_pages_are_read"] == "the connector does not poll"
    assert reasons["code_becomes_a_grant"] == "there is no sign-in"


def test_exemption_with_a_reason_is_reported() -> None:
    """An exempt rule is not run; pytest shows it as skipped and the report as exempt, with the reason."""
    kit = type("Exempt", (ReferenceKit,), {"exempt": {"mark_is_inclusive": "the platform rounds to days"}})
    with pytest.raises(SkipTest, match="rounds to days"):
        kit().test_mark_is_inclusive()
    exempt = check_connector(kit).of(Outcome.EXEMPT)
    assert [(each.rule, each.message) for each in exempt] == [
        ("mark_is_inclusive", "exempt: the platform rounds to days")
    ]


def test_exemption_from_no_rule_fails() -> None:
    """A misspelt exemption is found."""
    kit = type("Misspelt", (ReferenceKit,), {"exempt": {"mark_is_inclusiv": "a reason"}})
    failed = check_connector(kit).of(Outcome.FAILED)
    assert [each.rule for each in failed] == ["exemptions_have_a_reason"]


def test_every_rule_says_what_it_wants() -> None:
    """Each rule's docstring is a sentence."""
    for each in check_connector(ReferenceKit).rules:
        assert each.says.endswith("."), each.rule
        assert len(each.says) > 30, each.rule


def test_unexpected_exception_is_a_failed_rule() -> None:
    """A connector that falls over gives a report with the exception's name, not a traceback."""

    class FallsOver(Reference):
        def normalise(self, raw: RawSubmission) -> Submission:
            raise ZeroDivisionError("oh")

    report = check_connector(type("FallsOverKit", (ReferenceKit,), {"connector": FallsOver()}))
    assert not report.has_passed
    failed = {each.rule: each.message for each in report.of(Outcome.FAILED)}
    assert failed["every_answer_is_kept"] == "ZeroDivisionError: oh"


def test_connector_without_kit_is_told_where_to_put_it() -> None:
    """The command's error names the module that is expected."""

    class Stray(Minimal):
        pass

    Stray.__module__ = "tests.conformance.stray.connector"
    with pytest.raises(KitNotFoundError, match=r"tests\.conformance\.stray\.tests\.test_conformance is missing"):
        find_kits(Stray())


@pytest.mark.proves("X-08")
def test_minimal_connector_passes_in_less_than_150_lines() -> None:
    """A new author's connector, its simulator and its kit class are short, and keep every rule."""
    report = check_connector(Minimal())
    assert report.has_passed, report.of(Outcome.FAILED)
    assert len(report.of(Outcome.PASSED)) >= 25
    lines = [line for path in MINIMAL_FOLDER.rglob("*.py") for line in path.read_text().splitlines()]
    assert len(lines) < 150


@pytest.mark.parametrize("folder", [MINIMAL_FOLDER, REFERENCE_FOLDER], ids=lambda folder: folder.name)
def test_joining_takes_eight_lines(folder: Path) -> None:
    """The kit class of a connector is at most eight lines of code with its imports."""
    text = (folder / "tests" / "test_conformance.py").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith('"""')]
    assert len(lines) <= 8


@pytest.mark.proves("X-08")
@pytest.mark.parametrize("key", ["google_ads", "meta_ads", "sms_voice", "web_forms"])
def test_shipped_connectors_keep_every_rule(key: str) -> None:
    """The connectors that come with the product pass by their name, in less than five seconds of work."""
    started = process_time()
    report = check_connector(key)
    assert report.has_passed, {each.rule: each.message for each in report.of(Outcome.FAILED)}
    assert process_time() - started < 5


def test_connector_with_several_sources_is_checked_with_each() -> None:
    """Every kit of a connector runs, and its results bear its name."""
    connector = Registry.from_entry_points().get("sms_voice")
    names = [kit.__name__ for kit in find_kits(connector)]
    assert len(names) > 1
    assert sorted({each.kit for each in check_connector(connector).rules}) == sorted(names)


def test_kit_needs_no_pytest() -> None:
    """On a machine with the product alone, every shipped connector can be checked."""
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "from hub.testing.check import check_connector\n"
        f"print([check_connector(key).has_passed for key in {[each.manifest.key for each in _shipped()]}])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == str([True] * len(_shipped())), done.stderr[-600:]


def _shipped() -> list[Connector]:
    return [each for each in Registry.from_entry_points() if type(each).__module__.startswith("plugins.")]


def test_simulator_of_the_minimal_source_needs_no_routes() -> None:
    """A source without an API has an empty application."""
    assert not list(MinimalSimulator().build_app().router.routes())
