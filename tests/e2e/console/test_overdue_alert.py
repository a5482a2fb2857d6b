"""The ledger's page says when receipts are pending for too long, without being loaded anew."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.async_api import expect

from hub.core.intake.overdue import Overdue, turn_alerts
from hub.core.organisations.models import organisations
from tests.e2e.console.conftest import Window

pytestmark = pytest.mark.browser


@pytest.mark.proves("X-01")
async def test_an_alert_comes_and_goes_on_the_open_page(window: Window) -> None:
    """How many wait, since when, what to do, and the way to them; nothing of it once they are worked off."""
    page, database = window.page, window.hub.hub.database
    now = window.hub.hub.clock.now()
    organisation_id = database.read_now(lambda c: c.scalar(sa.select(organisations.c.id)))
    await window.open("/ledger", "Ledger")
    await expect(page.get_by_text("received", exact=True)).to_be_visible()
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await expect(page.get_by_text("pending for too long")).to_have_count(0)

    waiting = Overdue(organisation_id, 3, now - timedelta(minutes=20))
    await database.write(turn_alerts, [waiting], now)
    await expect(page.get_by_text("3 receipts are pending for too long")).to_be_visible()
    await expect(page.get_by_text("Nothing is lost.")).to_be_visible()
    await window.require_accessible()
    await page.get_by_role("link", name="Show the pending receipts").click()
    await expect(page.get_by_text("No receipts match")).to_be_visible()

    await window.open("/ledger", "Ledger")
    await expect(page.get_by_text("3 receipts are pending for too long")).to_be_visible()
    await database.write(turn_alerts, [], now)
    await expect(page.get_by_text("pending for too long")).to_have_count(0)
