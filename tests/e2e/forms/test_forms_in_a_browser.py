"""The public forms in a real browser: whatever happens between load and submit, one submission arrives."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, FrameLocator, Page, expect

from hub.web.public_forms.sharing import share
from tests.e2e.forms.conftest import LiveHub, Site
from tests.web.forms.desk import simple

pytestmark = pytest.mark.browser
OpenSite = Callable[[], Awaitable[Site]]

PAYLOADS = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "' autofocus onfocus='window.hacked=1",
    "</textarea><script>window.hacked=1</script>",
    "</title></style><svg onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "{{ 7*7 }}{% raw %}",
)


async def fill_in(page: Page | FrameLocator, hub: LiveHub) -> None:
    """Type name and address, tick one interest and the consent."""
    await page.locator("#field-full_name").fill("Ada Example")
    await page.locator("#field-email").fill("ada@example.com")
    await page.locator("input[value=swim]").check()
    await page.locator("#field-news").check()
    hub.let_time_pass()


def only_receipt(hub: LiveHub) -> Any:
    """The one receipt there is, which nothing is held against."""
    keys = {row.source_id for row in hub.desk.receipts()}
    assert len(keys) == 1
    row = hub.desk.receipts()[0]
    assert (row.disposition, row.reason, row.suspicions) == ("pending", None, None)
    assert row.payload["fields"]["full_name"] == ["Ada Example"]
    assert row.payload["fields"]["interests"] == ["swim"]
    assert row.payload["consents"][0]["given"] is True
    return row


@pytest.mark.proves("X-12", "P-03", "PF-04")
@pytest.mark.parametrize("script", [True, False])
async def test_the_hosted_page_works_with_and_without_script(browser: Browser, live_hub: LiveHub, script: bool) -> None:
    """The same page, with the campaign of its address, with script on and off."""
    form = live_hub.desk.publish()
    context = await browser.new_context(java_script_enabled=script)
    page = await context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    await page.goto(f"{live_hub.origin}/f/{form.public_key}?utm_source=news&fbclid=f1&plan=gold")
    assert len([url for url in requests if url.startswith("http")]) == (2 if script else 1)
    await fill_in(page, live_hub)
    await page.get_by_role("button").click()
    await expect(page.get_by_role("heading")).to_have_text("Thank you")
    row = only_receipt(live_hub)
    assert row.payload["touch"]["parameters"] == {"utm_source": "news", "fbclid": "f1"}
    assert row.payload["fields"]["plan"] == ["gold"]
    assert await context.cookies() == []


@pytest.mark.proves("X-12")
async def test_a_server_that_is_down_for_a_while_still_gets_it(browser: Browser, live_hub: LiveHub) -> None:
    """The submission waits in the browser and arrives once the server is back."""
    form = live_hub.desk.publish()
    page = await browser.new_page()
    await page.goto(f"{live_hub.origin}/f/{form.public_key}")
    await fill_in(page, live_hub)
    await live_hub.stop()
    await page.get_by_role("button").click()
    await expect(page.get_by_role("status")).to_contain_text("kept in this browser")
    await live_hub.start()
    await expect(page.get_by_role("heading")).to_have_text("Thank you", timeout=15_000)
    only_receipt(live_hub)


@pytest.mark.proves("X-12")
async def test_a_kept_submission_is_sent_after_a_reload(browser: Browser, live_hub: LiveHub) -> None:
    """Closed in despair while the server was down: the next visit delivers it, in the hub's own time an hour later."""
    form = live_hub.desk.publish()
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{live_hub.origin}/f/{form.public_key}")
    await fill_in(page, live_hub)
    await live_hub.stop()
    await page.get_by_role("button").click()
    await expect(page.get_by_role("status")).to_contain_text("kept in this browser")
    await page.close()
    await live_hub.start()
    later = await context.new_page()
    await later.goto(f"{live_hub.origin}/f/{form.public_key}")
    await expect(later.get_by_role("status")).to_contain_text("has now arrived")
    only_receipt(live_hub)
    await later.reload()
    await expect(later.get_by_role("status")).to_be_empty()
    assert len(live_hub.desk.receipts()) == 1


@pytest.mark.proves("X-12", "PF-03")
@pytest.mark.parametrize("script", [True, False])
async def test_ten_clicks_are_one_submission(browser: Browser, live_hub: LiveHub, script: bool) -> None:
    """However often the button is hit, one key arrives."""
    form = live_hub.desk.publish()
    context = await browser.new_context(java_script_enabled=script)
    page = await context.new_page()
    await page.goto(f"{live_hub.origin}/f/{form.public_key}")
    await fill_in(page, live_hub)
    box = await page.get_by_role("button").bounding_box()
    assert box
    for _ in range(10):
        await page.mouse.click(box["x"] + 5, box["y"] + 5)
    await expect(page.get_by_role("heading")).to_have_text("Thank you")
    only_receipt(live_hub)


@pytest.mark.proves("X-12", "P-03", "L-20", "Z-154", "Z-155", "Z-156", "D-018")
@pytest.mark.parametrize("way", ["iframe", "script"])
async def test_an_embed_on_another_origin_delivers_the_campaign(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite, way: str
) -> None:
    """The visitor stays on the website, the frame is as high as the form, and the campaign arrives: first touch
    from the landing page, last touch from a later one, though the form stands on a third."""
    site = await open_site()
    form = live_hub.desk.publish(simple(allowed_hosts=[site.origin]))
    codes = share(form, form.draft, live_hub.origin)
    site.html = {"iframe": codes.iframe, "script": codes.script}[way]
    page = await browser.new_page()
    await page.goto(f"{site.origin}/landing?utm_source=first&gclid=g-1")
    await page.goto(f"{site.origin}/offer?utm_source=second&utm_medium=mail&ttclid=t-2")
    await page.goto(f"{site.origin}/contact?plan=gold")
    frame = page.frame_locator("iframe")
    await expect(frame.locator("#field-email")).to_be_visible()
    await expect(frame.locator("[name=_lh_page]")).to_have_value(re.compile("/contact"))
    await expect(page.locator("iframe")).not_to_have_css("height", "640px")
    inside = await frame.locator("body").evaluate("body => body.getBoundingClientRect().height")
    outside = (await page.locator("iframe").bounding_box() or {})["height"]
    assert abs(inside - outside) < 3
    await fill_in(frame, live_hub)
    await frame.get_by_role("button").click()
    await expect(frame.get_by_role("heading")).to_have_text("Thank you")
    assert page.url.startswith(f"{site.origin}/contact")
    row = only_receipt(live_hub)
    assert row.payload["touch"]["parameters"] == {"utm_source": "second", "utm_medium": "mail", "ttclid": "t-2"}
    assert row.payload["first_touch"]["parameters"] == {"utm_source": "first", "gclid": "g-1"}
    assert row.payload["page"].startswith(f"{site.origin}/contact")
    if way == "script":
        assert row.payload["fields"]["plan"] == ["gold"]


@pytest.mark.proves("X-12")
async def test_an_iframe_without_any_script_still_posts(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite
) -> None:
    """Script off everywhere: the iframe shows the form and takes the submission."""
    site = await open_site()
    form = live_hub.desk.publish(simple(allowed_hosts=[site.origin]))
    site.html = share(form, form.draft, live_hub.origin).iframe
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.origin)
    frame = page.frame_locator("iframe")
    await fill_in(frame, live_hub)
    await frame.get_by_role("button").click()
    await expect(frame.get_by_role("heading")).to_have_text("Thank you")
    only_receipt(live_hub)


@pytest.mark.proves("PF-01", "X-12")
async def test_only_a_listed_origin_can_embed_and_post(
    browser: Browser, live_hub: LiveHub, open_site: OpenSite
) -> None:
    """Three origins: the hub itself, a listed site, a stranger. The stranger sees no form, its script can post
    nothing, and both attempts are counted."""
    listed, stranger = await open_site(), await open_site()
    form = live_hub.desk.publish(simple(allowed_hosts=[listed.origin]))
    embed = share(form, form.draft, live_hub.origin).iframe
    target = f"{live_hub.origin}/api/v1/forms/{form.public_key}/submissions"
    post = f"""fetch("{target}", {{method: "POST", headers: {{"Content-Type": "application/json"}},
        body: JSON.stringify({{full_name: "Ada Example", email: "ada@example.com"}})}})
        .then((answer) => answer.status, () => "blocked")"""
    listed.html = stranger.html = embed
    page = await browser.new_page()
    await page.goto(stranger.origin)
    assert await page.evaluate(post) == "blocked"
    await page.wait_for_timeout(200)
    assert await page.frame_locator("iframe").locator("#field-email").count() == 0
    assert live_hub.desk.receipts() == []
    await page.goto(listed.origin)
    await expect(page.frame_locator("iframe").locator("#field-email")).to_be_visible()
    assert await page.evaluate(post) == 202
    assert len(live_hub.desk.receipts()) == 1
    assert (await live_hub.desk.refusals())[f"form:{form.public_key}", "host-not-listed"] >= 2


@pytest.mark.proves("PF-01")
async def test_the_frame_does_not_listen_to_strangers(browser: Browser, live_hub: LiveHub, open_site: OpenSite) -> None:
    """A message from a window that is not the listed host changes nothing in the frame, and the host's script
    takes no height from another origin."""
    site, stranger = await open_site(), await open_site()
    form = live_hub.desk.publish(simple(allowed_hosts=[site.origin]))
    message = f'{{leadhub: "visit", key: "{form.public_key}", _lh_page: "https://evil.example/", height: 9999}}'
    stranger.html = f"""<script>
        for (const target of [parent, parent.frames[0]]) {{
          target.postMessage({message}, "*");
          target.postMessage({{...{message}, leadhub: "height"}}, "*");
        }}</script>"""
    site.html = share(form, form.draft, live_hub.origin).iframe
    page = await browser.new_page()
    await page.goto(f"{site.origin}/contact")
    frame = page.frame_locator("iframe").first
    await expect(frame.locator("[name=_lh_page]")).to_have_value(re.compile("/contact"))
    height = await page.locator("iframe").first.evaluate("frame => frame.style.height")
    await page.evaluate(
        "url => new Promise((done) => { const f = document.createElement('iframe'); f.onload = done; f.src = url;"
        " document.body.append(f); })",
        stranger.origin,
    )
    await page.wait_for_timeout(200)
    await expect(frame.locator("[name=_lh_page]")).to_have_value(re.compile("/contact"))
    assert await page.locator("iframe").first.evaluate("frame => frame.style.height") == height


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_page_is_accessible(browser: Browser, live_hub: LiveHub, width: int, scheme: Any) -> None:
    """No finding of axe, also with faults shown, in both colour schemes; nothing is wider than the window."""
    form = live_hub.desk.publish()
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True, java_script_enabled=True
    )
    page = await context.new_page()
    await page.goto(f"{live_hub.origin}/f/{form.public_key}")
    await page.evaluate("document.getElementById('lh-form').noValidate = true")
    assert (await Axe().run(page)).response["violations"] == []
    await page.get_by_role("button").click()
    await expect(page.locator("#lh-errors.errors")).to_be_visible()
    assert (await Axe().run(page)).response["violations"] == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.proves("PF-07")
@pytest.mark.parametrize("script", [True, False])
async def test_no_text_of_anybody_is_executed(browser: Browser, live_hub: LiveHub, script: bool) -> None:
    """Labels, help, choices, consents, texts, typed values and errors: shown as text, never run."""
    fields = [
        {"key": "email", "label": "E-mail", "kind": "email", "maps_to": "email", "required": True},
        *(
            {
                "key": f"f{number}",
                "label": f"{payload}{number}",
                "kind": kind,
                "placeholder": payload,
                "help_text": payload,
                "choices": [{"value": payload, "label": payload}],
                "maps_to": "message" if kind == "long_text" else "plan" if kind == "text" else "interests",
            }
            for number, (payload, kind) in enumerate(
                (payload, kind) for payload in PAYLOADS for kind in ("text", "long_text", "multiple_choice")
            )
        ),
    ]
    everything = " ".join(PAYLOADS)
    form = live_hub.desk.publish(
        {
            "title": everything[:300],
            "description": everything,
            "fields": fields,
            "consents": [{"key": "news", "text": everything, "purpose": "x"}],
            "submit_label": PAYLOADS[0],
            "thank_you_text": everything,
        }
    )
    context = await browser.new_context()
    page = await context.new_page()
    await page.route("**/form.js*", lambda route: route.continue_() if script else route.abort())
    dialogs: list[Any] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog))
    await page.goto(f"{live_hub.origin}/f/{form.public_key}?utm_source={PAYLOADS[0]}&x={PAYLOADS[1]}")
    live_hub.let_time_pass()
    await page.evaluate("document.getElementById('lh-form').noValidate = true")
    for number in range(0, len(fields) - 1, 3):
        await page.locator(f"#field-f{number}").fill(PAYLOADS[number // 3])
        await page.locator(f"#field-f{number + 1}").fill(PAYLOADS[number // 3])
    await page.locator("#field-email").fill(PAYLOADS[1].replace("@", ""))
    await page.locator("button").click()
    await expect(page.locator("#lh-errors.errors")).to_be_visible()
    assert await page.evaluate("window.hacked") is None
    await page.locator("#field-email").fill("ada@example.com")
    await page.locator("button").click()
    await expect(page.get_by_role("heading")).to_have_text("Thank you")
    assert await page.evaluate("window.hacked") is None
    assert dialogs == []
    assert live_hub.desk.receipts()[0].payload["fields"]["f1"] == [PAYLOADS[0]]
