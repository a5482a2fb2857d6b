"""Connecting a source without a sign-in, in a real browser."""

import pytest
from playwright.async_api import expect

from hub.connector.base import Connector
from hub.connector.clock import SystemClock
from plugins.web_forms.connector import WebForms
from tests.conformance.minimal.connector import Minimal
from tests.conformance.minimal.simulator import MinimalSimulator
from tests.e2e.console.conftest import Window

pytestmark = pytest.mark.browser


@pytest.fixture
def connectors() -> list[Connector]:
    """A source that only calls, beside our own forms."""
    return [Minimal(), WebForms()]


async def test_a_source_that_only_calls_is_connected_by_what_is_entered(window: Window) -> None:
    """Key, address, connect; the card is there, its key can be changed, and what is delivered becomes a lead."""
    page, source = window.page, MinimalSimulator(SystemClock())
    await window.open("/integration", "Platform integration")
    await page.get_by_role("button", name="Connect Minimal").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name in this hub").fill("Our shop")
    await dialog.get_by_label("Key", exact=True).fill("a key that is replaced below")
    await dialog.get_by_role("button", name="Save and go on").click()
    await window.require_accessible()
    address = await dialog.get_by_label("Webhook address", exact=True).input_value()
    await dialog.get_by_role("button", name="Connect", exact=True).click()
    await expect(dialog.get_by_text("Our shop is connected")).to_be_visible()
    await dialog.get_by_role("button", name="Done").click()
    card = page.get_by_role("region", name="Our shop")
    await expect(card.get_by_text("Integration is active")).to_be_visible()

    await card.get_by_role("button", name="Actions for Our shop").click()
    await page.get_by_role("menuitem", name="Change keys").click()
    await dialog.get_by_label("Key", exact=True).fill(source.webhook_secret.get_secret_value())
    await window.require_accessible()
    await dialog.get_by_role("button", name="Connect", exact=True).click()
    await expect(dialog).to_be_hidden()
    lead = source.add_submission("81", {"full_name": ["Ada Lovelace"], "email": ["ada@customer.example"]})
    (sent,) = await source.send(address, [lead])
    assert sent.is_acknowledged
    await window.open("/leads", "Leads")
    await expect(page.get_by_text("Ada Lovelace").first).to_be_visible()
