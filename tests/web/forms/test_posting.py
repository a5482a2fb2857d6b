"""Posting to a public form: what is stored, and what the sender is told."""

import asyncio
import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hub.connector.models import RawSubmission
from hub.core.forms import service
from hub.core.forms.definition import FormDefinition
from hub.web.public_forms.rates import FormRates
from plugins.web_forms import WebForms
from tests.web.forms.desk import FormDesk, hidden_values, kept_values, simple

Visitor = TestClient[Any, Any]
ANSWERS = {"full_name": "Ada Example", "email": "ada@example.com"}


async def open_page(visitor: Visitor, desk: FormDesk, key: str, query: str = "") -> dict[str, str]:
    """Load the page and let the visitor read for ten seconds; the hidden values that will be sent."""
    page = await visitor.get(f"/f/{key}{query}")
    assert page.status == 200
    desk.clock.advance(timedelta(seconds=10))
    return hidden_values(await page.text())


@pytest.mark.proves("Z-123", "X-12", "P-04")
async def test_a_form_without_script_becomes_one_pending_receipt(desk: FormDesk, visitor: Visitor) -> None:
    """What the page holds and the visitor types arrives as one submission that nothing is held against."""
    form = desk.publish()
    hidden = await open_page(visitor, desk, form.public_key, "?utm_source=news&gclid=abc&plan=gold")
    sent = [*hidden.items(), *ANSWERS.items(), ("interests", "yoga"), ("interests", "swim"), ("news", "yes")]
    answer = await visitor.post(f"/f/{form.public_key}", data=sent)
    assert answer.status == 200
    assert "Thank you" in await answer.text()
    (receipt,) = desk.receipts()
    assert (receipt.disposition, receipt.reason, receipt.suspicions) == ("pending", None, None)
    assert receipt.form_id == str(form.id)
    assert receipt.payload["fields"] == {
        "full_name": ["Ada Example"],
        "email": ["ada@example.com"],
        "interests": ["yoga", "swim"],
        "plan": ["gold"],
    }
    assert receipt.payload["touch"]["parameters"] == {"utm_source": "news", "gclid": "abc"}
    kept = {name: getattr(receipt, name) for name in ("source_id", "form_id", "received_at")}
    found = WebForms().normalise(RawSubmission(body=receipt.payload, **kept))
    assert {answer.label for answer in found.answers} == {"Your name", "E-mail", "Interests", "Plan"}
    (consent,) = found.consents
    assert (consent.key, consent.text, consent.given) == ("news", "You may write to me about offers.", True)
    assert (consent.form_version, consent.was_preset) == ("1", False)
    assert consent.purpose
    assert consent.page == receipt.payload["page"]


@pytest.mark.proves("P-06")
@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "json", "flat json"])
async def test_a_site_posts_without_page(desk: FormDesk, visitor: Visitor, kind: str) -> None:
    """A site's own form needs no token; each of the declared body types gives the same fields."""
    form = desk.publish()
    sent: dict[str, Any] = {
        "urlencoded": {"data": ANSWERS},
        "json": {"json": {"fields": ANSWERS}},
        "flat json": {"json": ANSWERS},
    }.get(kind, {})
    if kind == "multipart":
        parts = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in ANSWERS.items()
        )
        sent = {"data": f"{parts}--b--\r\n".encode(), "headers": {"Content-Type": "multipart/form-data; boundary=b"}}
    answer = await visitor.post(f"/api/v1/forms/{form.public_key}/submissions", **sent)
    assert answer.status == 202, await answer.text()
    assert (await answer.json())["status"] == "received"
    (receipt,) = desk.receipts()
    assert receipt.payload["fields"] == {name: [value] for name, value in ANSWERS.items()}
    assert receipt.disposition == "pending"


@pytest.mark.proves("PF-02")
async def test_no_cookie_is_read_or_set(desk: FormDesk, visitor: Visitor) -> None:
    """A post with an admin's cookie is a visitor's post, and no answer sets a cookie."""
    form = desk.publish()
    cookie = {"Cookie": "__Host-session=of-an-admin"}
    page = await visitor.get(f"/f/{form.public_key}", headers=cookie)
    answer = await visitor.post(f"/f/{form.public_key}", data=ANSWERS, headers=cookie)
    (receipt,) = desk.receipts()
    assert "cookie" not in receipt.headers
    assert "Set-Cookie" not in page.headers
    assert "Set-Cookie" not in answer.headers


@pytest.mark.proves("PF-03", "P-02")
async def test_fifty_copies_at_once_get_the_same_answer(desk: FormDesk, visitor: Visitor) -> None:
    """Copies under one key are one submission: every receipt has the same key and content, all get one answer."""
    form = desk.publish()
    hidden = await open_page(visitor, desk, form.public_key)
    address = f"/f/{form.public_key}"
    answers = await asyncio.gather(
        *(visitor.post(address, data={**hidden, **ANSWERS}, headers={"Accept": "application/json"}) for _ in range(50))
    )
    assert {answer.status for answer in answers} == {202}
    assert len({await answer.text() for answer in answers}) == 1
    stored = desk.receipts()
    assert {(row.source_id, row.digest) for row in stored} == {(hidden["_lh_key"], stored[0].digest)}
    assert {row.disposition for row in stored} == {"pending"}


@pytest.mark.proves("PF-03")
async def test_a_key_with_other_values_is_not_taken_but_offered_as_new(desk: FormDesk, visitor: Visitor) -> None:
    """The visitor sees a page that keeps what was typed; sending it makes a second submission."""
    form = desk.publish()
    hidden = await open_page(visitor, desk, form.public_key)
    address = f"/f/{form.public_key}"
    await visitor.post(address, data={**hidden, **ANSWERS})
    changed = await visitor.post(address, data={**hidden, **ANSWERS, "full_name": 'Ada "B" <Example>'})
    assert changed.status == 422
    html = await changed.text()
    assert "Send as a new message" in html
    again = await visitor.post(address, data=kept_values(html))
    assert again.status == 200
    first, second = desk.receipts()
    assert second.source_id != first.source_id
    assert second.payload["fields"]["full_name"] == ['Ada "B" <Example>']
    assert second.disposition == "pending"


@pytest.mark.proves("P-02")
async def test_the_same_values_without_a_key_count_once_in_a_short_time(desk: FormDesk, visitor: Visitor) -> None:
    """A double click on a site's own form is one submission; an hour later it is another."""
    form = desk.publish()
    for _ in range(2):
        assert (await visitor.post(f"/f/{form.public_key}", data=ANSWERS)).status == 200
    desk.clock.advance(timedelta(hours=1))
    await visitor.post(f"/f/{form.public_key}", data=ANSWERS)
    first, copy, later = desk.receipts()
    assert first.source_id == copy.source_id != later.source_id


@pytest.mark.proves("L-13")
async def test_wrong_answers_come_back_with_the_page(desk: FormDesk, visitor: Visitor) -> None:
    """The page shows each fault beside its field, keeps what was typed, and nothing is stored."""
    form = desk.publish()
    hidden = await open_page(visitor, desk, form.public_key)
    answer = await visitor.post(f"/f/{form.public_key}", data={**hidden, "full_name": "Ada", "email": "ada(at)x"})
    html = await answer.text()
    assert answer.status == 422
    assert 'value="ada(at)x"' in html
    assert 'value="Ada"' in html
    assert "such as name@example.com" in html
    assert hidden_values(html)["_lh_key"] == hidden["_lh_key"]
    assert desk.receipts() == []


async def test_a_program_learns_which_fields_are_wrong(desk: FormDesk, visitor: Visitor) -> None:
    """JSON posts get a problem (RFC 9457) that names each field."""
    form = desk.publish()
    answer = await visitor.post(f"/api/v1/forms/{form.public_key}/submissions", json={"fields": {"email": "x"}})
    assert answer.status == 422
    assert answer.content_type == "application/problem+json"
    problem = await answer.json()
    assert [each["pointer"] for each in problem["errors"]] == ["/full_name", "/email"]


@pytest.mark.proves("X-12", "Z-120")
async def test_a_form_switched_off_meanwhile_keeps_the_post_in_quarantine(desk: FormDesk, visitor: Visitor) -> None:
    """The visitor is thanked; the admin finds the receipt with its reason."""
    form = desk.publish()
    hidden = await open_page(visitor, desk, form.public_key)
    desk.deactivate(form)
    answer = await visitor.post(f"/f/{form.public_key}", data={**hidden, **ANSWERS})
    assert answer.status == 200
    assert "Thank you" in await answer.text()
    (receipt,) = desk.receipts()
    assert (receipt.disposition, receipt.reason) == ("quarantined", "inactive")


@pytest.mark.proves("X-12")
async def test_a_post_from_an_old_version_is_kept_in_quarantine(desk: FormDesk, visitor: Visitor) -> None:
    """A page that was loaded before a new version was published still delivers, with the reason to look."""
    form = desk.publish()
    hidden = await open_page(visitor, desk, form.public_key)
    fields = simple()["fields"]
    fields.append({"key": "phone", "label": "Phone", "kind": "phone", "required": True, "maps_to": "phone"})
    desk.publish(simple(fields=fields), form)
    answer = await visitor.post(f"/f/{form.public_key}", data={**hidden, **ANSWERS})
    assert answer.status == 200
    (receipt,) = desk.receipts()
    assert (receipt.disposition, receipt.reason) == ("quarantined", "old_version")
    assert receipt.payload["version"] == "1"


@pytest.mark.proves("Z-118", "Z-125", "Z-157")
async def test_drafts_and_unknown_forms_store_nothing(desk: FormDesk, visitor: Visitor) -> None:
    """Visitors see a clear page, posts are turned away, and both are counted."""
    draft = desk.draft(simple())
    for key in (draft.public_key, "no-such-form"):
        page = await visitor.get(f"/f/{key}")
        answer = await visitor.post(f"/f/{key}", data=ANSWERS)
        assert (page.status, answer.status) == (404, 404)
        assert "not available" in await answer.text()
    assert desk.receipts() == []
    assert await desk.refusals() == {("form", "not-available"): 4}


@pytest.mark.proves("Z-158")
async def test_an_inactive_form_says_that_it_is_closed(desk: FormDesk, visitor: Visitor) -> None:
    """The share link leads to plain words, not to a form."""
    form = desk.publish(simple(language="de"))
    desk.deactivate(form)
    page = await visitor.get(f"/f/{form.public_key}")
    html = await page.text()
    assert page.status == 410
    assert "Dieses Formular ist geschlossen" in html
    assert "<form" not in html


@pytest.mark.proves("Z-118")
async def test_editing_an_active_form_does_not_stop_it(desk: FormDesk, visitor: Visitor) -> None:
    """The published version goes on collecting while a draft is being edited (decision 22)."""
    form = desk.publish()
    desk.database.write_now(
        service.edit_form,
        desk.organisation_id,
        form.id,
        FormDefinition.read({"title": "Half done", "description": "x", "fields": []}),
        actor="user:1",
        now=desk.clock.now(),
    )
    page = await (await visitor.get(f"/f/{form.public_key}")).text()
    answer = await visitor.post(f"/f/{form.public_key}", data=ANSWERS)
    assert "Book a trial" in page
    assert "Half done" not in page
    assert answer.status == 200
    assert desk.receipts()[0].disposition == "pending"


@pytest.mark.proves("P-12", "PF-07")
async def test_the_redirect_goes_to_a_listed_host(desk: FormDesk, visitor: Visitor) -> None:
    """After a plain post the visitor is sent on; the script learns the address."""
    content = simple(redirect_url="https://www.example.com/thanks", allowed_hosts=["www.example.com"])
    form = desk.publish(content)
    answer = await visitor.post(f"/f/{form.public_key}", data=ANSWERS, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "https://www.example.com/thanks")


@pytest.mark.proves("P-01", "PF-04")
@pytest.mark.parametrize(
    ("change", "seconds", "code"),
    [
        ({"_lh_subject": "buy now"}, 10, "honeypot"),
        ({}, 1, "too_fast"),
        ({"_lh_token": "lh1.x.1.1.1.8.n.00"}, 10, "token_forged"),
        ({"_lh_proof": "0.5"}, 10, "proof_wrong"),
        ({}, 25 * 3600, "token_expired"),
    ],
)
async def test_suspected_spam_is_held_with_its_reason(
    desk: FormDesk, visitor: Visitor, change: dict[str, str], seconds: int, code: str
) -> None:
    """It is neither refused nor lost: the answer is the same, the receipt is held with the code."""
    form = desk.publish()
    page = await visitor.get(f"/f/{form.public_key}")
    hidden = hidden_values(await page.text())
    desk.clock.advance(timedelta(seconds=seconds))
    answer = await visitor.post(f"/f/{form.public_key}", data={**hidden, **ANSWERS, **change})
    assert answer.status == 200
    (receipt,) = desk.receipts()
    assert receipt.disposition == "spam"
    assert receipt.suspicions == [code]


@pytest.mark.proves("PF-04")
async def test_a_token_of_another_form_and_a_spent_one_are_noticed(desk: FormDesk, visitor: Visitor) -> None:
    """A token is good for one form and one submission, also when twenty come at once."""
    form, other = desk.publish(), desk.publish()
    hidden = await open_page(visitor, desk, form.public_key)
    await visitor.post(f"/f/{other.public_key}", data={**hidden, **ANSWERS, "_lh_key": "k-0"})
    hidden = await open_page(visitor, desk, form.public_key)
    await asyncio.gather(
        *(
            visitor.post(f"/f/{form.public_key}", data={**hidden, **ANSWERS, "_lh_key": f"k-{number}"})
            for number in range(1, 21)
        )
    )
    foreign, *rest = desk.receipts()
    assert foreign.suspicions == ["token_foreign"]
    assert sorted(str(row.suspicions) for row in rest) == ["None"] + ["['token_replayed']"] * 19


@pytest.mark.proves("PF-01", "X-12")
async def test_cors_follows_the_forms_own_list(desk: FormDesk, visitor: Visitor) -> None:
    """Listed origins may post, without credentials; others are refused and counted, by preflight and by post."""
    form = desk.publish(simple(allowed_hosts=["www.example.com", "*.example.org"]))
    address = f"/api/v1/forms/{form.public_key}/submissions"
    for origin in ("https://www.example.com", "https://shop.example.org"):
        preflight = await visitor.options(address, headers={"Origin": origin})
        answer = await visitor.post(address, json=ANSWERS, headers={"Origin": origin})
        assert (preflight.status, answer.status) == (204, 202)
        assert preflight.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Access-Control-Allow-Credentials" not in preflight.headers
    stored = len(desk.receipts())
    for origin in ("https://evil.example", "http://www.example.com", "https://example.org", "null"):
        preflight = await visitor.options(address, headers={"Origin": origin})
        assert preflight.status == 403
        assert "Access-Control-Allow-Origin" not in preflight.headers
    for origin in ("https://evil.example", "http://www.example.com", "https://example.org"):
        for target in (address, f"/f/{form.public_key}"):
            answer = await visitor.post(target, data=ANSWERS, headers={"Origin": origin})
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
    assert len(desk.receipts()) == stored
    assert (await desk.refusals())[f"form:{form.public_key}", "host-not-listed"] == 10


@pytest.mark.proves("PF-01")
async def test_frames_follow_the_forms_own_list(desk: FormDesk, visitor: Visitor) -> None:
    """The policy names the list, and nobody where the list is empty."""
    listed = desk.publish(simple(allowed_hosts=["www.example.com"]))
    closed = desk.publish()
    policies = [
        (await visitor.get(f"/f/{form.public_key}")).headers["Content-Security-Policy"] for form in (listed, closed)
    ]
    assert "frame-ancestors https://www.example.com" in policies[0]
    assert "frame-ancestors 'none'" in policies[1]
    framed = {"Sec-Fetch-Dest": "iframe", "Referer": "https://evil.example/"}
    assert (await visitor.get(f"/f/{listed.public_key}", headers=framed)).status == 403
    assert (await desk.refusals())[f"form:{listed.public_key}", "host-not-listed"] == 1


@pytest.mark.proves("WH-09", "WH-05", "WH-07")
@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"<a/>", "text/xml", 415),
        (b"", "", 415),
        (b"{", "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b'{"a": 1, "a": 2}', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"a": {"b": 1}}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (json.dumps({"email": "a@b.c"}).encode("utf-16"), "application/json", 400),
        (b"email=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 2_000, "application/x-www-form-urlencoded", 400),
        (b'{"email": "a@b.c"}', "multipart/form-data; boundary=x", 400),
        (b"x=1", "multipart/form-data", 400),
        (b"a" * 1_100_000, "application/x-www-form-urlencoded", 413),
        (
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.json"\r\n\r\n{}\r\n--x--',
            "multipart/form-data; boundary=x",
            400,
        ),
    ],
)
async def test_unreadable_bodies_are_refused_and_counted(
    desk: FormDesk, visitor: Visitor, body: bytes, content_type: str, status: int
) -> None:
    """One written rule for each; never a server error."""
    form = desk.publish()
    headers = {"Content-Type": content_type}
    answer = await visitor.post(f"/api/v1/forms/{form.public_key}/submissions", data=BytesIO(body), headers=headers)
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    assert desk.receipts() == []
    assert sum((await desk.refusals()).values()) == 1


async def test_a_broken_compressed_body_is_refused(desk: FormDesk, visitor: Visitor) -> None:
    """Garbage that claims to be gzip is the sender's fault."""
    form = desk.publish()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await visitor.post(f"/api/v1/forms/{form.public_key}/submissions", data=b"no gzip", headers=headers)
    assert answer.status == 400


@pytest.mark.proves("PF-08")
@pytest.mark.parametrize("scope", ["address", "form", "organisation", "total"])
async def test_floods_are_slowed_down(desk: FormDesk, scope: str) -> None:
    """Beyond a limit: 429 with Retry-After, as a page and as JSON; the limit ends by itself."""
    allowed = 3
    desk.rates = FormRates(**{scope: allowed})
    form = desk.publish()
    async with TestClient(TestServer(desk.app())) as visitor:
        await flood(desk, visitor, form.public_key, allowed)


async def flood(desk: FormDesk, visitor: Visitor, key: str, allowed: int) -> None:
    """Send one more than allowed; look at the answers."""
    for number in range(allowed):
        await visitor.post(f"/f/{key}", data={**ANSWERS, "_lh_key": f"k-{number}"})
    page = await visitor.post(f"/f/{key}", data=ANSWERS)
    answer = await visitor.post(f"/api/v1/forms/{key}/submissions", json=ANSWERS)
    assert (page.status, answer.status) == (429, 429)
    assert int(page.headers["Retry-After"]) >= 1
    assert len(desk.receipts()) == allowed
    desk.clock.advance(timedelta(minutes=3))
    assert (await visitor.post(f"/f/{key}", data=ANSWERS)).status == 200
