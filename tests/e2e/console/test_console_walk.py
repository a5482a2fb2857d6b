"""The console in a real browser, on a real hub: the ways that people take through it."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.console.conftest import EMAIL, PASSWORD, ConsoleHub, Window

pytestmark = pytest.mark.browser


async def choose(page: Page, label: str, option: str) -> None:
    """One of the options of a select."""
    await page.get_by_label(label).click()
    await page.get_by_role("option", name=option).click()


@pytest.mark.proves("Z-002")
async def test_a_new_hub_is_set_up_and_people_sign_in_and_out(new_window: Window) -> None:
    """The first-run link, the empty console, the navigation panel, and the way out and in again."""
    page, hub = new_window.page, new_window.hub
    await page.goto(await hub.first_run_link())
    await new_window.require_accessible()
    await page.get_by_label("Organisation name").fill("Example Spa")
    await page.get_by_label("Your name").fill("Ada Admin")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").first.fill("short")
    await page.get_by_role("button", name="Set up and sign in").click()
    await expect(page.get_by_text("must have 12 to 128").first).to_be_visible()
    await page.get_by_label("Password").first.fill(PASSWORD)
    await page.get_by_role("button", name="Set up and sign in").click()
    await expect(page.get_by_text("No leads yet")).to_be_visible()

    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    await expect(links).to_have_text(["All leads", "Ledger", "Forms", "Platform integration"])
    await page.get_by_role("button", name="Close the navigation panel").click()
    await expect(links).to_have_count(0)
    await page.get_by_role("button", name="Open the navigation panel").click()
    for name, heading in (("Ledger", "Ledger"), ("Forms", "Forms"), ("Platform integration", "Platform integration")):
        await links.get_by_text(name, exact=True).click()
        await expect(page.get_by_role("heading", name=heading, level=1)).to_be_focused()

    await page.get_by_role("button", name="Account: Ada Admin").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto(f"{hub.url}/ledger")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").first.fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Password").first.fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Ledger", level=1)).to_be_visible()


@pytest.mark.proves("Z-165", "Z-169", "Z-171", "Z-172", "Z-192", "Z-213", "X-01", "X-02")
async def test_an_account_is_connected_and_its_leads_appear_by_themselves(window: Window) -> None:
    """Choose the platform, enter the app, review, sign in in the window that opens; leads and ledger fill."""
    page, hub = window.page, window.hub
    hub.add_leads("Ada Lovelace", "", "Chen Wei")
    await window.open("/integration", "Platform integration")
    await page.get_by_role("button", name="Connect account").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Reference").click()
    settings = hub.platform.settings()
    await dialog.get_by_label("Client id").fill(settings.client_id)
    await dialog.get_by_label("Client secret").fill(settings.client_secret.get_secret_value())
    await dialog.get_by_label("Webhook secret", exact=True).fill(settings.webhook_secret.get_secret_value())
    await dialog.get_by_role("button", name="Save and go on").click()
    await expect(dialog.get_by_text("Your leads")).to_be_visible()
    await window.require_accessible()
    async with page.expect_popup() as opening:
        await dialog.get_by_role("button", name="Proceed to authenticate").click()
    platform = await opening.value
    await platform.get_by_role("button", name="Allow").click()
    await expect(platform.get_by_role("heading", name="Connected")).to_be_visible()
    await expect(dialog.get_by_text("Kit account is connected")).to_be_visible()
    await dialog.get_by_role("button", name="Done").click()
    account = page.get_by_role("region", name="Kit account")
    await expect(account.get_by_text("Integration is active")).to_be_visible()
    await expect(account.get_by_text("1 form")).to_be_visible()

    await window.open("/leads", "Leads")
    table = page.get_by_role("region", name="Leads")
    for name in ("Ada Lovelace", "Potential lead", "Chen Wei"):
        await expect(table.get_by_role("link", name=name)).to_be_visible()
    await expect(page.get_by_text("Live")).to_be_visible()
    (app,) = (await hub.ask("GET", "/api/v1/apps"))["items"]
    await hub.platform.send(app["webhook_url"], hub.add_leads("Emeka Obi"))
    await expect(table.get_by_role("link", name="Emeka Obi")).to_be_visible()

    await window.open("/ledger", "Ledger")
    await expect(page.get_by_text("The sum holds")).to_be_visible()
    await expect(page.get_by_role("link", name="New leads")).to_contain_text("4")
    await page.get_by_role("link", name="Ways in").click()
    await expect(page.get_by_text("Spring offer")).to_be_visible()
    await expect(page.get_by_text("was first for 1")).to_be_visible()
    await expect(page.get_by_text("was first for 3")).to_be_visible()


@pytest.mark.proves("Z-177")
async def test_a_blocked_window_is_explained_and_this_tab_does_as_well(window: Window) -> None:
    """Where pop-ups are blocked the page says so, and the platform is reached in the same tab."""
    page, hub = window.page, window.hub
    await hub.add_app()
    await page.add_init_script("window.open = () => null")
    await window.open("/integration", "Platform integration")
    await page.get_by_role("button", name="Connect Reference").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Our app").click()
    await dialog.get_by_role("button", name="Proceed to authenticate").click()
    await expect(dialog.get_by_text("Your browser blocked the window")).to_be_visible()
    await dialog.get_by_role("link", name="Continue in this tab").click()
    await page.get_by_role("button", name="Allow").click()
    await page.get_by_role("link", name="Back to the hub").click()
    await expect(page.get_by_role("heading", name="Leads", level=1)).to_be_visible()
    platform = str(hub.platform.base_url)
    window.outside = [url for url in window.outside if not url.startswith(platform)]


async def connected(window: Window, *names: str) -> None:
    """An account whose leads have become leads here."""
    window.hub.add_leads(*names)
    await window.hub.connect()
    await window.open("/leads", "Leads")
    await expect(window.page.get_by_role("link", name=names[0])).to_be_visible()


@pytest.mark.proves("C-022", "N-049", "X-09")
async def test_a_lead_shows_what_is_known_and_why_and_is_worked_on(window: Window) -> None:
    """Origins, unmapped answers, the assignment in words; a note, a new owner, and a loss that needs a reason."""
    page = window.page
    await connected(window, "Ada Lovelace")
    await page.get_by_role("link", name="Ada Lovelace").click()
    await expect(page.get_by_text("from Reference, question full_name").first).to_be_visible()
    await page.get_by_label("Add a note").fill("Called, wants Tuesday.")
    await page.get_by_role("button", name="Add note").click()
    journey = page.get_by_role("region", name="Journey")
    await expect(journey.get_by_text("Called, wants Tuesday.")).to_be_visible()
    await expect(journey.get_by_text("Lead created")).to_be_visible()
    await window.require_accessible()
    await page.get_by_role("tab", name="Submissions").click()
    await expect(page.get_by_text("43 Unmapped")).to_be_visible()
    await page.get_by_role("tab", name="Assignment").click()
    await expect(page.get_by_text("Given to Ada Admin: fewest open leads")).to_be_visible()
    await page.get_by_text("1 person considered").click()
    await expect(page.get_by_text("0 open leads")).to_be_visible()

    await choose(page, "Stage", "Lost")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Move")).to_be_disabled()
    await dialog.get_by_label("Why was it lost?").fill("Bought elsewhere")
    await dialog.get_by_role("button", name="Move").click()
    await expect(page.get_by_role("heading", level=1).locator("..").locator("..").get_by_text("Lost")).to_be_visible()
    (lead,) = (await window.hub.ask("GET", "/api/v1/leads"))["items"]
    await window.hub.ask("PATCH", f"/api/v1/leads/{lead['id']}", {"values": {"full_name": "Ada King"}})
    await page.reload()
    await page.get_by_role("tab", name="Change history").click()
    history = page.get_by_role("region", name="Change history")
    await expect(history.get_by_text("from Ada Lovelace to Ada King")).to_be_visible()
    await expect(history.get_by_text("by Ada Admin")).to_be_visible()


@pytest.mark.proves("Z-194", "Z-196", "N-012", "N-013")
async def test_leads_are_found_by_search_and_filters_that_stand_in_the_address(window: Window) -> None:
    """Filters act at once and together, and an address with one opens the list like that."""
    page = window.page
    await connected(window, "Ada Lovelace", "Bruno Costa")
    await page.get_by_label("Search").fill("bruno")
    await expect(page.get_by_role("link", name="Ada Lovelace")).to_have_count(0)
    await expect(page.get_by_role("link", name="Bruno Costa")).to_be_visible()
    assert "search=bruno" in page.url
    await window.open("/leads?status=won", "Leads")
    await expect(page.get_by_role("button", name="Won")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_text("No lead matches")).to_be_visible()
    await page.get_by_role("group", name="Filter by status").get_by_role("button", name="New").click()
    await expect(page.get_by_role("link", name="Ada Lovelace")).to_be_visible()
    await page.get_by_role("button", name="Unassigned").click()
    await expect(page.get_by_text("No lead matches")).to_be_visible()
    await page.get_by_role("button", name="Unassigned").click()
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("menuitemcheckbox", name="Priority").click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("columnheader", name="Priority")).to_have_count(0)


@pytest.mark.proves("Z-186", "Z-187", "Z-188", "Z-189", "Z-190")
async def test_an_account_is_switched_off_released_disconnected_and_deleted(window: Window) -> None:
    """What arrives while it is off is held and can be released; both endings want a reason."""
    page, hub = window.page, window.hub
    app = await hub.connect()
    await window.open("/integration", "Platform integration")
    account = page.get_by_role("region", name="Kit account")
    await account.get_by_role("switch").click()
    await expect(account.get_by_text("Inactive").first).to_be_visible()
    await hold_back(hub, app["webhook_url"], "Held Back", "Kept Too")
    await account.get_by_role("switch").click()
    await expect(account.get_by_text("Integration is active")).to_be_visible()

    await window.open("/ledger/receipts?disposition=quarantined", "Ledger")
    await page.get_by_role("link").filter(has_text="ago").or_(page.get_by_role("link", name="just now")).first.click()
    drawer = page.get_by_role("dialog")
    await expect(drawer.get_by_text("Reason: Inactive")).to_be_visible()
    await expect(drawer.get_by_text('"events"')).to_be_visible()
    await page.keyboard.press("Escape")
    await page.get_by_role("checkbox").first.click()
    await page.get_by_role("button", name="Release 1 selected").click()
    await page.get_by_role("dialog").get_by_role("button", name="Release").click()
    await expect(page.get_by_text("1 released").first).to_be_visible()
    await page.get_by_role("button", name="Release all of this filter").click()
    await page.get_by_role("dialog").get_by_role("button", name="Release").click()
    await expect(page.get_by_text("No receipts match")).to_be_visible()
    await window.open("/leads", "Leads")
    await expect(page.get_by_role("link", name="Held Back")).to_be_visible()
    await expect(page.get_by_role("link", name="Kept Too")).to_be_visible()

    await window.open("/integration", "Platform integration")
    for action, gone in (("Disconnect account", False), ("Delete", True)):
        await page.get_by_role("button", name="Actions for Kit account").click()
        await page.get_by_role("menuitem", name=action).click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("button", name="Proceed")).to_be_disabled()
        await dialog.get_by_label("Reason").fill("We changed agencies.")
        await dialog.get_by_role("button", name="Proceed").click()
        await expect(dialog).to_have_count(0)
        if gone:
            await expect(account).to_have_count(0)
        else:
            await expect(account.get_by_text("Disconnected", exact=True)).to_be_visible()


async def hold_back(hub: ConsoleHub, address: str, *names: str) -> None:
    """Deliveries to an inactive connection, once each process knows that it is inactive."""
    for name in names:
        (sent,) = await hub.platform.send(address, hub.add_leads(name))
        assert sent.is_acknowledged
    held = await hub.ask("GET", "/api/v1/receipts?disposition=quarantined")
    assert len(held["items"]) == len(names)


@pytest.mark.proves("Z-113", "Z-115", "Z-124")
async def test_a_form_is_switched_on_shared_and_off(window: Window) -> None:
    """A draft goes live by its switch; link and codes are copied with one press, and only while it is active."""
    page, hub = window.page, window.hub
    fields = [
        {"key": key, "label": label, "kind": kind, "required": True, "maps_to": key}
        for key, label, kind in (("full_name", "Your name", "text"), ("email", "E-mail", "email"))
    ]
    body = {"title": "Book a trial", "description": "We call you back.", "fields": fields}
    await hub.ask("POST", "/api/v1/forms", body)
    await window.open("/forms", "Forms")
    await expect(page.get_by_text("Draft")).to_be_visible()
    await page.get_by_role("button", name="Actions for Book a trial").click()
    await page.get_by_role("menuitem", name="Preview form").click()
    await expect(page.get_by_role("dialog").get_by_text("Connected")).to_have_count(2)
    await page.keyboard.press("Escape")
    await page.get_by_role("switch", name="Book a trial is active").click()
    await expect(page.get_by_text("Active", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Share Book a trial").click()
    for label, part in (("Link", "/f/"), ("Frame code", "<iframe"), ("Script code", "embed.js")):
        await page.get_by_role("button", name=f"Copy: {label}").click()
        await expect(page.get_by_role("button", name=f"Copied: {label}")).to_be_visible()
        assert part in await page.evaluate("navigator.clipboard.readText()")
    await window.require_accessible()
    await page.keyboard.press("Escape")
    await page.get_by_role("switch", name="Book a trial is active").click()
    await expect(page.get_by_text("Inactive", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Share Book a trial")).to_have_count(0)


async def test_every_page_is_accessible_in_both_modes_and_on_a_phone(window: Window) -> None:
    """Every axe rule: light at 1280 pixels, dark at 390, with leads and an account to show."""
    page, hub = window.page, window.hub
    await connected(window, "Ada Lovelace", "")
    lead = (await hub.ask("GET", "/api/v1/leads"))["items"][0]
    pages = {
        "/leads": "Leads",
        f"/leads/{lead['id']}": lead["name"] or "Potential lead",
        "/ledger": "Ledger",
        "/ledger/paths": "Ledger",
        "/ledger/receipts": "Ledger",
        "/forms": "Forms",
        "/integration": "Platform integration",
    }
    for path, heading in pages.items():
        await window.open(path, heading)
        for mode, width in (("light", 1280), ("dark", 390)):
            await page.emulate_media(color_scheme=mode)  # type: ignore[arg-type]
            await page.set_viewport_size({"width": width, "height": 900})
            await window.require_accessible()
