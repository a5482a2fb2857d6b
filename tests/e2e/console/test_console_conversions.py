"""Feedback to a platform, in a real browser: a stage is chosen, reported, switched off and given up."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.console.conftest import Window

pytestmark = pytest.mark.browser


async def choose(page: Page, label: str, number: int = 0) -> str:
    """One of the options of a select; its name."""
    await page.get_by_label(label).click()
    option = page.get_by_role("option").nth(number)
    name = await option.inner_text()
    await option.click()
    return name


@pytest.mark.proves("P-53")
async def test_a_stage_is_reported_and_no_longer(window: Window) -> None:
    """The dialog offers what the platform takes; the rule tells its numbers, rests, and goes."""
    page, hub = window.page, window.hub
    hub.add_leads("Ada Lovelace")
    await hub.connect()
    (account,) = [
        each for each in (await hub.ask("GET", "/api/v1/connections"))["items"] if each["connector"] == "reference"
    ]
    await window.open(f"/integration/connections/{account['id']}", "Lead sources of Kit account")
    panel = page.get_by_role("region", name="Feedback to the platform")
    await expect(panel.get_by_text("No stage is reported")).to_be_visible()
    await panel.get_by_role("button", name="Report a stage").click()
    stage = await choose(page, "When a lead enters", 1)
    target = await choose(page, "Report to")
    await page.get_by_label("Name of the event").fill("Qualified lead")
    await window.require_accessible()
    await page.get_by_role("dialog").get_by_role("button", name="Report it").click()
    await expect(panel.get_by_text(f"{stage} as Qualified lead")).to_be_visible()
    await expect(panel.get_by_text(f"To {target}: nothing to report yet")).to_be_visible()

    (lead,) = (await hub.ask("GET", "/api/v1/leads"))["items"]
    (rule,) = (await hub.ask("GET", "/api/v1/conversion-rules"))["items"]
    await hub.ask("PUT", f"/api/v1/leads/{lead['id']}/stage", {"stage_id": rule["stage_id"]})
    await expect(panel.get_by_text("1 accepted")).to_be_visible()
    for mode, width in (("light", 1280), ("dark", 390)):
        await page.emulate_media(color_scheme=mode)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": width, "height": 900})
        await window.require_accessible()

    await panel.get_by_role("switch").click()
    await expect(panel.get_by_role("switch")).not_to_be_checked()
    await panel.get_by_role("button", name=f"Remove the rule for {stage}").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(panel.get_by_text("No stage is reported")).to_be_visible()
