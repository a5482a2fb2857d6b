"""Mapping a form of a source in a real browser: suggestions, transforms, defaults, conflicts, and drift."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from hub.connector.models import Choice, FieldType, Question
from tests.e2e.console.conftest import ConsoleHub, Window

pytestmark = pytest.mark.browser

_ATTEMPTS, _PAUSE = 100, 0.1
QUESTIONS = (
    Question(key="full_name", label="Your name", kind=FieldType.TEXT),
    Question(key="email", label="E-mail", kind=FieldType.TEXT),
    Question(key="ring", label="On which phone may we ring you?", kind=FieldType.TEXT),
    Question(
        key="wish",
        label="How shall we answer?",
        kind=FieldType.SINGLE_CHOICE,
        choices=(Choice(value="c", label="Call me"), Choice(value="w", label="Write to me")),
    ),
    Question(key="shoe_size", label="Shoe size", kind=FieldType.TEXT),
)
PERSON = {"full_name": ["Grace Hopper"], "email": ["grace@customer.example"]}
ANSWERS = {
    **PERSON,
    "ring": ["030 901820"],
    "wish": ["c"],
    "shoe_size": ["43"],
}


async def pick(page: Page, label: str, option: str) -> None:
    """One of the options of a select, found by its whole label."""
    await page.get_by_label(label, exact=True).click()
    await (
        page.get_by_role("option", name=option, exact=True)
        .or_(page.get_by_role("option", name=re.compile(rf"^{re.escape(option)} ")))
        .first.click()
    )


async def account_with(window: Window, *questions: Question) -> dict[str, Any]:
    """A connected account with one form; the form as the hub lists it."""
    hub = window.hub
    hub.platform.add_form("Spring offer", questions)
    await hub.connect()
    await window.open("/integration", "Platform integration")
    await expect(window.page.get_by_role("link", name="1 form")).to_be_visible()
    (known,) = (await hub.ask("GET", "/api/v1/source-forms"))["items"]
    return dict(known)


async def fill_in(hub: ConsoleHub, form: dict[str, Any], answers: dict[str, list[str]]) -> None:
    """Somebody fills in the form at the platform, and the hub reads it."""
    known = len((await hub.ask("GET", "/api/v1/leads"))["items"])
    hub.platform.add_submission(form["form_id"], answers)
    for _ in range(_ATTEMPTS):
        await hub.ask("POST", f"/api/v1/connections/{form['connection_id']}/pull")
        await asyncio.sleep(_PAUSE)
        if len((await hub.ask("GET", "/api/v1/leads"))["items"]) > known:
            return
    pytest.fail("the lead did not come")


async def open_mapping(window: Window, form: dict[str, Any]) -> None:
    """The page of a form, with its rules and what they make."""
    await window.open(f"/integration/forms/{form['id']}", form["name"])
    await expect(window.page.get_by_role("group", name="Goes to E-mail").get_by_text("Makes")).to_be_visible()


def goes_to(page: Page, field: str) -> Locator:
    """The card of a rule."""
    return page.get_by_role("group", name=f"Goes to {field}", exact=True)


@pytest.mark.proves("Z-143", "Z-180", "Z-181", "Z-183", "Z-184")
async def test_a_form_is_mapped_and_its_next_lead_shows_it(window: Window) -> None:
    """A suggestion, a lookup, a fixed value and defaults; what each makes is seen before it is saved."""
    page, hub = window.page, window.hub
    known = await account_with(window, *QUESTIONS)
    await page.get_by_role("button", name="Actions for Kit account").click()
    await page.get_by_role("menuitem", name="Manage lead sources").click()
    await expect(page.get_by_text("Suggested mapping")).to_be_visible()
    await window.require_accessible()
    await page.get_by_role("link", name="Unmapped: 3 questions of Spring offer").click()
    await expect(page.get_by_role("heading", level=3)).to_have_text([each.label for each in QUESTIONS[2:]])
    await page.get_by_role("switch", name="Only unmapped").click()
    await expect(page.get_by_role("heading", level=3)).to_have_count(5)

    await page.get_by_label("Answer to try for On which phone may we ring you?").fill("030 901820")
    await page.get_by_role("button", name="Accept Phone for On which phone may we ring you?").click()
    await expect(goes_to(page, "Phone").get_by_text("60 % sure: the question mentions a phone")).to_be_visible()
    await expect(goes_to(page, "Phone").get_by_text("+4930901820")).to_be_visible()

    await page.get_by_label("Field for How shall we answer?", exact=True).click()
    forbidden = page.get_by_role("option", name=re.compile("^Attachment"))
    await expect(forbidden).to_have_attribute("data-disabled", "")
    await expect(forbidden).to_contain_text("can only be mapped to a field of type")
    await page.get_by_role("option", name=re.compile("^Preferred way of contact")).click()
    await pick(page, "Call me becomes", "Phone")
    await pick(page, "Write to me becomes", "E-mail")
    await page.get_by_label("Answer to try for How shall we answer?").fill("w")
    await expect(goes_to(page, "Preferred way of contact").get_by_text("Makes email")).to_be_visible()

    await pick(page, "Field", "Company")
    await page.get_by_role("button", name="Add a fixed value").click()
    await page.get_by_label("Value on every lead").fill("Spring fair")
    await pick(page, "Field", "State or region")
    await page.get_by_role("button", name="Add a formula").click()
    await page.get_by_label("Formula (CEL)").fill("1 +")
    await expect(goes_to(page, "State or region").get_by_text("cannot be used")).to_be_visible()
    await page.get_by_role("button", name="Save mapping").click()
    await expect(page.get_by_role("alert").get_by_text("Not saved; everything you typed is still here")).to_be_visible()
    await page.get_by_label("Formula (CEL)").fill("'North'")
    await expect(goes_to(page, "State or region").get_by_text("Makes North")).to_be_visible()
    await page.get_by_label("Formula (CEL)").hover()
    await window.require_accessible()

    await page.get_by_role("link", name="Lead sources of this account").click()
    await page.get_by_role("dialog").get_by_role("button", name="Stay here").click()
    url = f"/api/v1/source-forms/{known['id']}/mapping"
    theirs = await hub.ask("GET", url)
    await hub.ask("PUT", url, {"rules": theirs["rules"][:3], "based_on": theirs["version"]})
    await page.get_by_role("button", name="Save mapping").click()
    await expect(page.get_by_role("alert").get_by_text("Somebody was quicker: version 2")).to_be_visible()
    await expect(page.get_by_label("Value on every lead")).to_have_value("Spring fair")
    await page.get_by_role("button", name="Go on with mine").click()
    await page.get_by_role("button", name="Save mapping").click()
    await expect(page.get_by_text("Version 3 is in force").first).to_be_visible()

    await page.get_by_role("tab", name="Form defaults").click()
    for label in ("Lead stage", "Source", "Priority", "Lead type", "Location (centre)", "Assignee"):
        await expect(page.get_by_label(label, exact=True)).to_be_visible()
    await pick(page, "Priority", "High")
    await pick(page, "Assignee", "Ada Admin")
    await page.get_by_role("button", name="Save defaults").click()
    await expect(page.get_by_text("it counts from the next lead on").first).to_be_visible()
    await page.get_by_role("tab", name="Versions").click()
    await expect(page.get_by_text("Saved by Ada Admin")).to_have_count(2)

    await fill_in(hub, known, ANSWERS)
    await window.open("/leads", "Leads")
    await page.get_by_role("link", name="Grace Hopper").click()
    known_values = page.get_by_role("region", name="What is known")
    for value in ("+4930901820", "Spring fair", "North"):
        await expect(known_values.get_by_text(value, exact=True)).to_be_visible()
    await expect(known_values.get_by_text("question wish, choice lookup")).to_be_visible()
    await expect(known_values.get_by_text("from Reference, fixed")).to_be_visible()
    (lead,) = (await hub.ask("GET", "/api/v1/leads"))["items"]
    assert (lead["priority"], lead["assignee_id"] is not None) == ("high", True)
    await page.get_by_role("tab", name="Submissions").click()
    await expect(page.get_by_text("Unmapped", exact=True)).to_have_count(1)


@pytest.mark.proves("X-05", "Z-145", "Z-182")
async def test_what_changed_at_the_source_is_adopted_or_dismissed(window: Window) -> None:
    """A question renamed, one new, one gone, and answers to one that is not listed: each is named, none is lost."""
    page, hub = window.page, window.hub
    known = await account_with(window, *QUESTIONS[:2], QUESTIONS[4])
    await open_mapping(window, known)
    await page.get_by_role("button", name="Confirm mapping").click()
    await expect(page.get_by_text("Changes at the source")).to_have_count(0)
    renamed = QUESTIONS[0].model_copy(update={"label": "What may we call you?"})
    hub.platform.add_form(
        "Spring offer", (renamed, QUESTIONS[1], Question(key="budget", label="Your budget")), form_id=known["form_id"]
    )
    await window.open("/integration", "Platform integration")
    await page.get_by_role("button", name="Actions for Kit account").click()
    await page.get_by_role("menuitem", name="Read new leads now").click()
    await page.get_by_role("link", name="1 form").click()
    await expect(page.get_by_text("3 changes to look at")).to_be_visible()
    await fill_in(hub, known, {**PERSON, "tattoo": ["an anchor"], "budget": ["100 EUR"]})
    await window.open("/leads", "Leads")
    await expect(page.get_by_role("link", name="Grace Hopper")).to_be_visible()
    await open_mapping(window, known)
    changes = page.get_by_role("region", name="Changes at the source")
    for said in (
        'The question "Your name" is now "What may we call you?".',
        'The question "Shoe size" is no longer asked.',
        'The question "Your budget" is new.',
        'Answers came to "tattoo", which the form does not list.',
    ):
        await expect(changes.get_by_text(said)).to_be_visible()
    await expect(changes.get_by_text("in 1 lead").first).to_be_visible()
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size({"width": 390, "height": 900})
    await window.require_accessible()
    await page.set_viewport_size({"width": 1280, "height": 900})

    await expect(changes.get_by_label("Adopt budget into")).to_have_text("Budget")
    await changes.get_by_role("button", name="Adopt budget").last.click()
    await expect(changes.get_by_text("is new")).to_have_count(0)
    await expect(goes_to(page, "Budget")).to_be_visible()
    await page.get_by_role("button", name="New master field for tattoo").click()
    await page.get_by_role("dialog").get_by_label("Label").fill("Tattoo")
    await page.get_by_role("button", name="Add and map").click()
    await expect(goes_to(page, "Tattoo")).to_be_visible()
    await page.get_by_role("button", name="Save mapping").click()
    await expect(changes.get_by_text("tattoo")).to_have_count(0)
    await changes.get_by_role("button", name=re.compile("^Dismiss.*no longer asked")).click()
    await expect(changes).to_have_count(0)
    await expect(page.get_by_text("Complete", exact=True)).to_be_visible()

    second = {"full_name": ["Ada King"], "email": ["ada@customer.example"], "tattoo": ["a rose"], "budget": ["250 EUR"]}
    await fill_in(hub, known, second)
    await window.open("/leads", "Leads")
    await page.get_by_role("link", name="Ada King").click()
    await expect(page.get_by_role("region", name="What is known").get_by_text("a rose")).to_be_visible()
