"""LinkedIn Lead Sync joins the conformance kit."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from hub.testing.conformance import ConnectorConformance

from linkedin_lead_sync.connector import LinkedInLeadSync
from linkedin_lead_sync.simulator import LinkedInSimulator


class TestLinkedInLeadSync(ConnectorConformance):
    connector, simulator, fixtures = LinkedInLeadSync(), LinkedInSimulator, Path(__file__).parent.parent / "fixtures"
    exempt: ClassVar[Mapping[str, str]] = {
        "questions_are_listed": "an option of LinkedIn has one text for value and label",
        "challenge_of_a_stranger_is_refused": "LinkedIn's challenge proves nothing; only a UUID is answered",
    }
