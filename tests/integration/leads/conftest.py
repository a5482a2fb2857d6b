"""An office with one assigned lead."""

import pytest

from tests.integration.intake.conftest import Office, office

__all__ = ["Office", "office"]


@pytest.fixture
async def lead(office: Office) -> object:
    """The row of a lead that was just created."""
    return await fresh_lead(office, "lead-1", "ada@example.com")


async def fresh_lead(office: Office, source_id: str, email: str) -> object:
    """Send one submission and return its lead's row."""
    body = {"answers": {"full_name": ["Ada Example"], "email": [email], "company": []}}
    await office.send((source_id, body))
    return office.leads()[-1]
