"""A form in a dialog on somebody's website: opened by a link or a button, closed by Esc, and nothing typed is lost."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from hub.core.forms.queries import FormRow, find_version
from hub.web.public_forms.sharing import share
from tests.e2e.forms.conftest import LiveHub, Site
from tests.e2e.forms.test_forms_in_a_browser import fill_in, only_receipt
from tests.web.forms.desk import simple

pytestmark = pytest.mark.browser
OpenSite = Callable[[], Awaitable[Site]]
INSIDE = "document.querySelector('dialog').contains(document.activeElement)"


async def publish(
    hub: LiveHub, open_site: OpenSite, *, redirect_path: str | None = None, **more: Any
) -> tuple[FormRow, Site, str]:
    """A form, a website that may embed it, and the code that the form's page offers for a pop-up."""
    site = await open_site()
    if redirect_path is not None:
        more["redirect_url"] = site.origin + redirect_path
    form = hub.desk.publish(simple(allowed_hosts=[site.origin, same_site(site)], **more))
    assert form.published_version is not None
    definition = hub.desk.database.read_now(find_version, hub.desk.organisation_id, form.id, form.published_version)
    code = share(form, definition, hub.origin).popup
    site.html = f"<main><h1>Offer</h1><p>{code}</p><button>Another</button></main>"
    return form, site, code


def same_site(site: Site) -> str:
    """The website under a name that the browser takes for the hub's own site, so that a frame has storage there."""
    return f"http://localhost:{site.port}"


async def open_popup(page: Page) -> None:
    """Click the link and wait until the form is there."""
    await page.get_by_role("link").click()
    await expect(page.frame_locator("dialog iframe").locator("#field-email")).to_be_visible()


@pytest.mark.proves("X-12", "P-03", "P-05")
async def test_a_form_in_a_dialog_delivers_the_campaign(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite
) -> None:
    """The visitor stays on the page, whose campaign and the landing page's arrive with the submission."""
    _, site, _ = await publish(live_hub, open_site)
    page = await browser.new_page()
    await page.goto(f"{site.origin}/landing?utm_source=first&gclid=g-1")
    await page.goto(f"{site.origin}/contact?utm_source=second&plan=gold")
    assert await page.locator("iframe").count() == 0
    await open_popup(page)
    await page.evaluate("addEventListener('leadhub:submitted', () => { window.told = true; })")
    frame = page.frame_locator("dialog iframe")
    await fill_in(frame, live_hub)
    await frame.get_by_role("button").click()
    await expect(frame.get_by_role("heading")).to_have_text("Thank you")
    assert await page.evaluate("window.told")
    assert page.url.startswith(f"{site.origin}/contact")
    row = only_receipt(live_hub)
    assert row.payload["touch"]["parameters"] == {"utm_source": "second"}
    assert row.payload["first_touch"]["parameters"] == {"utm_source": "first", "gclid": "g-1"}
    assert row.payload["fields"]["plan"] == ["gold"]


@pytest.mark.proves("P-05")
async def test_a_redirect_leads_the_whole_page_on(browser: Browser, live_hub: LiveHub, open_site: OpenSite) -> None:
    """From within the dialog as from any embed."""
    _, site, _ = await publish(live_hub, open_site, redirect_path="/thanks")
    page = await browser.new_page()
    await page.goto(site.origin)
    await open_popup(page)
    frame = page.frame_locator("dialog iframe")
    await fill_in(frame, live_hub)
    await frame.get_by_role("button").click()
    await page.wait_for_url(f"{site.origin}/thanks")
    only_receipt(live_hub)


@pytest.mark.proves("P-05")
async def test_the_dialog_keeps_the_focus_and_gives_it_back(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite
) -> None:
    """Tab goes round inside, either way; Esc closes from the page and from within the form; what was typed stays."""
    _, site, _ = await publish(live_hub, open_site)
    page = await browser.new_page()
    await page.goto(site.origin)
    link, dialog = page.get_by_role("link"), page.locator("dialog")
    await expect(link).to_have_attribute("aria-haspopup", "dialog")
    await link.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Book a trial")).to_be_visible()
    await expect(dialog).to_have_attribute("aria-modal", "true")
    email = page.frame_locator("dialog iframe").locator("#field-email")
    await expect(email).to_be_visible()
    for key in ["Tab"] * 30 + ["Shift+Tab"] * 10:
        await page.keyboard.press(key)
        # The form is a frame of another process: the focus is on its way between the two for a moment.
        await page.wait_for_function(INSIDE, timeout=5_000)
    await email.fill("ada@example.com")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(link).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(email).to_have_value("ada@example.com")
    await expect(page.get_by_role("button", name="Close")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await link.click()
    await page.get_by_role("button", name="Close").click()
    await expect(dialog).to_be_hidden()
    await expect(link).to_be_focused()
    assert await page.evaluate("document.documentElement.style.overflow") == ""


@pytest.mark.proves("P-05")
async def test_without_script_the_link_leads_to_the_form(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite
) -> None:
    """And the form posts without script as ever."""
    form, site, _ = await publish(live_hub, open_site)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.origin)
    await page.get_by_role("link").click()
    assert page.url == f"{live_hub.origin}/f/{form.public_key}"
    await fill_in(page, live_hub)
    await page.get_by_role("button").click()
    await expect(page.get_by_role("heading")).to_have_text("Thank you")
    only_receipt(live_hub)


@pytest.mark.proves("X-12", "P-05")
async def test_what_could_not_be_delivered_is_sent_at_the_next_visit(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite
) -> None:
    """Closed while the hub was down: the next visit of the website delivers it though nobody opens the form again.
    (Where the browser gives the frame storage; without, it is sent as long as the page is open.)"""
    _, site, _ = await publish(live_hub, open_site)
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{same_site(site)}/contact")
    await open_popup(page)
    frame = page.frame_locator("dialog iframe")
    await fill_in(frame, live_hub)
    await live_hub.stop()
    await frame.get_by_role("button").click()
    await expect(frame.get_by_role("status")).to_contain_text("kept in this browser")
    await page.close()
    await live_hub.start()
    later = await context.new_page()
    await later.goto(f"{same_site(site)}/elsewhere")
    await live_hub.wait_for_receipts(1)
    only_receipt(live_hub)
    await expect(later.locator("dialog")).to_be_hidden()
    await later.wait_for_function("Object.keys(localStorage).every(name => !name.startsWith('leadhub.kept'))")
    await later.reload()
    await expect(later.get_by_role("link")).to_have_attribute("aria-haspopup", "dialog")
    assert await later.locator("iframe").count() == 0


@pytest.mark.proves("X-12", "P-05")
async def test_a_closed_dialog_goes_on_sending(browser: Browser, live_hub: LiveHub, open_site: OpenSite) -> None:
    """Without any storage for the frame, and with the dialog closed meanwhile: one submission when the hub is back."""
    _, site, _ = await publish(live_hub, open_site)
    page = await browser.new_page()
    await page.goto(site.origin)
    await open_popup(page)
    frame = page.frame_locator("dialog iframe")
    await fill_in(frame, live_hub)
    await live_hub.stop()
    await frame.get_by_role("button").click()
    await expect(frame.get_by_role("status")).to_contain_text("kept in this browser")
    await page.get_by_role("button", name="Close").click()
    await live_hub.start()
    await live_hub.wait_for_receipts(1)
    only_receipt(live_hub)
    await page.get_by_role("link").click()
    await expect(frame.get_by_role("heading")).to_have_text("Thank you")


@pytest.mark.proves("P-05")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_dialog_is_accessible_on_every_screen(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite, width: int, scheme: Any
) -> None:
    """No finding of axe; nothing is wider than the window, and a form higher than it scrolls inside the dialog."""
    _, site, _ = await publish(live_hub, open_site)
    context = await browser.new_context(viewport={"width": width, "height": 500}, color_scheme=scheme)
    page = await context.new_page()
    await page.goto(site.origin)
    await open_popup(page)
    await expect(page.locator("dialog iframe")).not_to_have_css("height", "640px")
    assert (await Axe().run(page, context="dialog")).response["violations"] == []
    box = await page.locator("dialog").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 500
    inside = page.locator("dialog")
    assert await inside.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    submit = page.frame_locator("dialog iframe").get_by_role("button")
    await submit.scroll_into_view_if_needed()
    await expect(submit).to_be_in_viewport()


@pytest.mark.proves("P-05")
@pytest.mark.parametrize("words", ['data-button="Write to us"', 'data-open=".offers .write, #foot"'])
async def test_a_button_of_its_own_or_anything_of_the_page_opens_it(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite, words: str
) -> None:
    """The script's own button, or what a selector names, also when it comes later; other links stay what they are,
    and a link that is opened in a new tab still is."""
    form, site, code = await publish(live_hub, open_site, language="de")
    assert 'data-close="Schließen"' in code
    script = code.partition("\n")[2].replace('data-mode="popup"', f'data-mode="popup" {words}')
    site.html = f'<div class="offers"></div><a id="other" href="#other">Other</a>{script}'
    page = await browser.new_page()
    await page.goto(site.origin)
    if "data-open" in words:
        await page.evaluate(
            "document.querySelector('.offers').innerHTML ="
            " '<button class=write>Write to us</button><a id=foot href=#x>x</a>'"
        )
        prevented = "new MouseEvent('click', {bubbles: true, cancelable: true, ctrlKey: true})"
        assert await page.evaluate(f"document.querySelector('#foot').dispatchEvent({prevented})")
    await page.locator("#other").click()
    assert await page.locator("dialog").count() == 0
    await page.get_by_role("button", name="Write to us").click()
    await expect(page.frame_locator("dialog iframe").locator("#field-email")).to_be_visible()
    await page.get_by_role("button", name="Schließen").click()
    await expect(page.get_by_role("button", name="Write to us")).to_be_focused()
    assert form.public_key in (await page.locator("dialog iframe").get_attribute("src") or "")
