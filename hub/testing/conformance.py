"""The conformance kit. A connector joins it with one class::

    class TestAcme(ConnectorConformance):
        connector = Acme()
        simulator = AcmeSimulator
        fixtures = Path(__file__).parent.parent / "fixtures"

in the module ``tests/test_conformance.py`` of its package. The rules run under pytest (as plain methods, without
a plugin or an async mode) and by ``leadhub connectors check NAME``. They need no account and no network.

``exempt = {"rule": "reason"}`` leaves a rule out, named without ``test_``; without a reason it fails.
``ignored_keys`` name questions that deliberately do not become answers, ``allowed_imports`` further packages.
Rules for capabilities that the connector or its source lacks are not collected.
"""

from typing import Any

from hub.testing.rules import PREFIX, Rules, lacking, require, rule, rule_names
from hub.testing.rules_conversions import ConversionRules
from hub.testing.rules_errors import ErrorRules
from hub.testing.rules_fetch import FetchRules
from hub.testing.rules_fixtures import FixtureRules
from hub.testing.rules_forms import FormRules
from hub.testing.rules_hostile import HostileInputRules
from hub.testing.rules_isolation import IsolationRules
from hub.testing.rules_manifest import ManifestRules
from hub.testing.rules_normalise import NormaliseRules
from hub.testing.rules_oauth import OAuthRules
from hub.testing.rules_parts import PartRules
from hub.testing.rules_receive import ReceiveRules
from hub.testing.rules_secrets import SecretRules
from hub.testing.rules_sends import DeliveryRules, SendRules
from hub.testing.rules_thin import SubscriptionRules, ThinDeliveryRules

NEEDED = ("connector", "simulator", "fixtures")


class ExemptionRules(Rules):
    """The kit's rule about itself."""

    @rule()
    def test_exemptions_have_a_reason(self) -> None:
        """Every exemption names a rule that exists and gives a reason."""
        known = set(rule_names(type(self)))
        for name, reason in self.exempt.items():
            require(name in known, f"exempt names {name!r}, which is no rule")
            require(name != "exemptions_have_a_reason", "this rule cannot be exempt")
            require(bool(reason.strip()), f"the exemption from {name!r} has no reason")


class ConnectorConformance(
    ExemptionRules,
    ManifestRules,
    IsolationRules,
    FixtureRules,
    NormaliseRules,
    HostileInputRules,
    ReceiveRules,
    ThinDeliveryRules,
    SubscriptionRules,
    FetchRules,
    FormRules,
    OAuthRules,
    ErrorRules,
    PartRules,
    ConversionRules,
    SendRules,
    DeliveryRules,
    SecretRules,
):
    """All rules. Subclasses set ``connector``, ``simulator`` and ``fixtures``."""

    def __init_subclass__(cls, **words: Any) -> None:
        super().__init_subclass__(**words)
        missing = [name for name in NEEDED if not hasattr(cls, name)]
        if missing:
            raise TypeError(f"{cls.__name__} must set {', '.join(missing)}; a kit without them would prove nothing")
        cls.not_applicable = lacking(cls)
        for name in cls.not_applicable:
            setattr(cls, PREFIX + name, None)
