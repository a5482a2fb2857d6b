"""An office with a desk from which messages are sent."""

import pytest

from tests.integration.intake.conftest import Office, office
from tests.integration.leads.conftest import fresh_lead
from tests.integration.outbound.desk import NOON, Desk, Platform, add_app

__all__ = ["Office", "office"]


@pytest.fixture
async def desk(office: Office) -> Desk:
    """It is noon, and a lead has just written."""
    office.clock.advance(NOON)
    lead = await fresh_lead(office, "lead-1", "ada@example.com")
    now = office.clock.now()
    app_id = office.database.write_now(add_app, office.organisation_id, office.connection_id, now)
    made = Desk(office, lead.id, office.connection_id, app_id, Platform())  # type: ignore[attr-defined]
    made.add_thread()
    return made
