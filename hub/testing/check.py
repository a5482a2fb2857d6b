"""Running the conformance kit without pytest, for ``leadhub connectors check NAME``."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from unittest import SkipTest

from hub.connector.base import Connector
from hub.connectors import Registry
from hub.testing.cases import FixtureError
from hub.testing.conformance import ConnectorConformance
from hub.testing.rules import PREFIX, RuleBrokenError, rule_names

KIT_MODULE = "tests.test_conformance"


class KitNotFoundError(LookupError):
    """The connector has no conformance kit; the text says where it is expected."""


class Outcome(StrEnum):
    """What came of one rule."""

    PASSED = "passed"
    FAILED = "failed"
    EXEMPT = "exempt"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class RuleResult:
    """One rule: its name without ``test_``, what it says, what came of it and why. ``kit`` names the kit, where the
    connector has several."""

    rule: str
    says: str
    outcome: Outcome
    message: str
    seconds: float
    kit: str = ""


@dataclass(frozen=True)
class Report:
    """All rules of one connector, in the kit's order."""

    connector: str
    rules: tuple[RuleResult, ...]

    @property
    def has_passed(self) -> bool:
        """Whether no rule failed, and at least one was kept."""
        outcomes = [each.outcome for each in self.rules]
        return Outcome.FAILED not in outcomes and Outcome.PASSED in outcomes

    def of(self, outcome: Outcome) -> tuple[RuleResult, ...]:
        """The rules with this outcome."""
        return tuple(each for each in self.rules if each.outcome == outcome)


def find_kits(connector: Connector) -> tuple[type[ConnectorConformance], ...]:
    """The kit classes of a connector: one in ``tests/test_conformance.py`` of its package, or several in modules
    ``tests/test_conformance_<source>.py`` for a connector that speaks with several sources.

    Raises ``KitNotFoundError`` where there is none, or more than one in the first of them.
    """
    package = type(connector).__module__.rpartition(".")[0]
    name = f"{package}.{KIT_MODULE}"
    several = _kit_modules(package)
    if several:
        found = [kit for each in several for kit in _kits_in(_imported(each), connector)]
        if found:
            return tuple(found)
        raise KitNotFoundError(f"{', '.join(several)} hold no ConnectorConformance for {connector.manifest.key}")
    ours = _kits_in(_imported(name), connector)
    if len(ours) != 1:
        raise KitNotFoundError(f"{name} must hold exactly one ConnectorConformance for {connector.manifest.key}")
    return tuple(ours)


def check_connector(target: str | Connector | type[ConnectorConformance]) -> Report:
    """Run every rule for an installed connector, named by its key, for a connector, or for a kit class.

    Must not be called inside a running event loop. Raises ``UnknownConnectorError``,
    ``ConnectorRegistrationError`` and ``KitNotFoundError``; a rule that fails is a result, not an exception.
    """
    if isinstance(target, str):
        target = Registry.from_entry_points().get(target)
    kits = (target,) if isinstance(target, type) else find_kits(target)
    results = [replace(each, kit=kit.__name__ if len(kits) > 1 else "") for kit in kits for each in _results(kit)]
    return Report(kits[0].connector.manifest.key, tuple(results))


def _kit_modules(package: str) -> list[str]:
    """Modules with a kit for one of several sources, by name; none where the tests are no package."""
    prefix = KIT_MODULE.rpartition(".")[2] + "_"
    try:
        tests = import_module(f"{package}.tests")
    except ModuleNotFoundError:
        return []
    names = [each.name for each in iter_modules(tests.__path__) if each.name.startswith(prefix)]
    return [f"{package}.tests.{each}" for each in sorted(names)]


def _imported(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and not name.startswith(error.name):
            raise KitNotFoundError(
                f"{name} imports {error.name}, which is not installed; a kit needs nothing but the product"
            ) from error
        raise KitNotFoundError(f"{name} is missing; write it (see hub.testing.conformance) and install it") from None


def _kits_in(module: ModuleType, connector: Connector) -> list[type[ConnectorConformance]]:
    """The kits that a module itself names, of this connector."""
    kits = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, ConnectorConformance) and each is not ConnectorConformance
    ]
    return [each for each in kits if each.connector.manifest.key == connector.manifest.key]


def _results(kit: type[ConnectorConformance]) -> Iterator[RuleResult]:
    for name in rule_names(kit):
        says = " ".join((getattr(_written(kit, name), "__doc__", "") or "").split())
        if name in kit.not_applicable:
            yield RuleResult(name, says, Outcome.NOT_APPLICABLE, kit.not_applicable[name], 0.0)
            continue
        started = time.perf_counter()
        outcome, message = _outcome(kit, name)
        yield RuleResult(name, says, outcome, message, time.perf_counter() - started)


def _outcome(kit: type[ConnectorConformance], name: str) -> tuple[Outcome, str]:
    try:
        getattr(kit(), PREFIX + name)()
    except SkipTest as skipped:
        return Outcome.EXEMPT, str(skipped)
    except (RuleBrokenError, FixtureError) as broken:
        return Outcome.FAILED, str(broken)
    except Exception as error:
        return Outcome.FAILED, f"{type(error).__name__}: {error}"
    return Outcome.PASSED, ""


def _written(kit: type[ConnectorConformance], name: str) -> object:
    """The rule as the kit wrote it, also where it was taken away from the class."""
    return next(found for base in kit.__mro__ if (found := vars(base).get(PREFIX + name)) is not None)
