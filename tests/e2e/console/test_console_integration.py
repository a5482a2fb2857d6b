"""The menu of an integration card in a real browser, and what it says of access that ends."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.async_api import expect
from sqlalchemy.engine import Connection

from hub.core.connections.models import connections
from hub.db.guard import ALL_ORGANISATIONS
from tests.conformance.reference.connector import CLOSED
from tests.conformance.reference.simulator import WEST
from tests.e2e.console.conftest import Window

pytestmark = pytest.mark.browser

ACTIONS = [
    "Manage lead sources",
    "Set inactive",
    "Re-sync",
    "Read new leads now",
    "Disconnect account",
    "Delete",
]


@pytest.mark.proves("Z-168", "Z-169", "Z-170", "Z-179", "Z-185", "Z-186", "Z-191")
async def test_the_menu_of_a_card_has_every_action_and_says_when_to_sign_in_again(window: Window) -> None:
    """Off and on, re-sync before the end, and authorise after it was withdrawn; each state in its exact words."""
    page, hub = window.page, window.hub
    hub.add_leads("Ada Lovelace")
    await hub.connect()
    await window.open("/integration", "Platform integration")
    account = page.get_by_role("region", name="Kit account")
    menu = account.get_by_role("button", name="Actions for Kit account")

    async def choose(action: str) -> None:
        await menu.click()
        await page.get_by_role("menuitem", name=action).click()

    async def sign_in_again() -> None:
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_text("Your leads")).to_be_visible()
        async with page.expect_popup() as opening:
            await dialog.get_by_role("button", name="Proceed to authenticate").click()
        platform = await opening.value
        await platform.get_by_role("button", name="Allow").click()
        await expect(dialog.get_by_text("Kit account is connected")).to_be_visible()
        await dialog.get_by_role("button", name="Done").click()

    await account.hover()
    await expect(menu).to_be_visible()
    await menu.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem")).to_have_text(ACTIONS)
    await page.keyboard.press("Escape")
    await choose("Set inactive")
    await expect(account.get_by_text("Inactive").first).to_be_visible()
    await choose("Set active")
    await expect(account.get_by_text("Integration is active")).to_be_visible()

    await hub.hub.database.write(_end_soon, hub.hub.clock.now() + timedelta(days=5, hours=1))
    await page.reload()
    await expect(account.get_by_text("Re-sync needed in 5 days")).to_be_visible()
    await expect(account.get_by_text("in 5 days", exact=True)).to_be_visible()
    await choose("Re-sync")
    await sign_in_again()

    hub.platform.revoke()
    await choose("Read new leads now")
    await expect(page.get_by_text("Every form is being read now").first).to_be_visible()
    await expect(account.get_by_text("Authorization is needed")).to_be_visible()
    await choose("Authorize")
    await sign_in_again()
    await expect(account.get_by_text("Integration is active")).to_be_visible()


@pytest.mark.proves("Z-171")
async def test_each_part_of_an_account_tells_its_state_and_is_given_a_centre(window: Window) -> None:
    """A part without rights says what is missing; a centre is chosen in the card and stays."""
    page, hub = window.page, window.hub
    hub.platform.lose_part(WEST)
    await hub.connect()
    await hub.ask("POST", "/api/v1/centres", {"name": "Centre West", "code": "west", "time_zone": "Europe/Berlin"})
    await window.open("/integration", "Platform integration")
    await page.get_by_text("2 parts of the account").click()
    await expect(page.get_by_text("In order")).to_have_count(1)
    await expect(page.get_by_role("listitem").get_by_text(CLOSED).last).to_be_visible()
    await page.get_by_label("Centre of west").click()
    await page.get_by_role("option", name="Centre West").click()
    await expect(page.get_by_text("it counts for leads of west to come").first).to_be_visible()
    await page.reload()
    await page.get_by_text("2 parts of the account").click()
    await expect(page.get_by_label("Centre of west")).to_have_text("Centre West")
    for mode, width in (("light", 1280), ("dark", 390)):
        await page.emulate_media(color_scheme=mode)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": width, "height": 900})
        await window.require_accessible()


_ANY = {ALL_ORGANISATIONS: "a test with one organisation"}
_ACCOUNT = connections.c.connector == "reference"


def _end_soon(connection: Connection, moment: object) -> None:
    """As a platform that wants a person to sign in again would have said."""
    connection.execute(sa.update(connections).where(_ACCOUNT).values(authorised_until=moment).execution_options(**_ANY))
