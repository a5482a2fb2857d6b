"""What a visitor gets when the hub itself is in trouble, and that answers tell nothing about the person."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hub.core.forms import nonces
from hub.core.intake.receipts import Accepted, Delivery
from hub.db.engine import DatabaseUnavailableError
from tests.web.forms.desk import FormDesk, hidden_values, kept_values
from tests.web.forms.test_posting import ANSWERS, open_page

Visitor = TestClient[Any, Any]


class FailingLedger:
    """A ledger whose disk is full until it is healed."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.is_full = True

    async def accept(self, delivery: Delivery) -> Accepted:
        """Refuse, or store."""
        if self.is_full:
            raise DatabaseUnavailableError("disk full")
        accepted: Accepted = await self.real.accept(delivery)
        return accepted

    async def count_refusal(self, endpoint: str, reason: str, sender: str) -> None:
        """Count."""
        await self.real.count_refusal(endpoint, reason, sender)

    async def close(self) -> None:
        """Wait for the real one."""
        await self.real.close()


@pytest.mark.proves("WH-10", "X-01")
async def test_a_failed_commit_is_never_thanked_for(desk: FormDesk) -> None:
    """503 with Retry-After; the page keeps what was typed, and sending it again under the same key makes one."""
    desk.ledger = FailingLedger(desk.ledger)  # type: ignore[assignment]
    form = desk.publish()
    async with TestClient(TestServer(desk.app())) as visitor:
        hidden = await open_page(visitor, desk, form.public_key)
        sent = {**hidden, **ANSWERS, "full_name": "Ada <b>Example</b>"}
        answer = await visitor.post(f"/f/{form.public_key}", data=sent)
        html = await answer.text()
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert kept_values(html) == sent
        asked = await visitor.post(f"/api/v1/forms/{form.public_key}/submissions", json=ANSWERS)
        assert asked.status == 503
        desk.ledger.is_full = False  # type: ignore[attr-defined]
        again = await visitor.post(f"/f/{form.public_key}", data=kept_values(html))
        assert again.status == 200
    (receipt,) = desk.receipts()
    assert receipt.source_id == hidden["_lh_key"]
    assert receipt.disposition == "pending"


async def test_a_page_without_database_says_so(desk: FormDesk, visitor: Visitor, monkeypatch: Any) -> None:
    """Neither page nor post is a server error, and what was typed is kept."""
    form = desk.publish()

    async def gone(*args: Any) -> None:
        raise DatabaseUnavailableError("gone")

    monkeypatch.setattr(desk.database, "read", gone)
    page = await visitor.get(f"/f/{form.public_key}")
    answer = await visitor.post(f"/f/{form.public_key}", data={**ANSWERS, "_lh_key": "k-1"})
    assert (page.status, answer.status) == (503, 503)
    assert kept_values(await answer.text()) == {**ANSWERS, "_lh_key": "k-1"}


@pytest.mark.proves("X-11")
async def test_the_answer_does_not_tell_who_is_known(desk: FormDesk, visitor: Visitor) -> None:
    """A first enquiry, a second one, and one that looks like spam are answered alike, to the byte."""
    form = desk.publish()
    answers = []
    for number, subject in enumerate(("", "", "buy now")):
        sent = {**ANSWERS, "_lh_key": f"k-{number}", "_lh_subject": subject}
        answer = await visitor.post(f"/f/{form.public_key}", data=sent)
        answers.append((answer.status, await answer.text()))
    assert len(set(answers)) == 1


@pytest.mark.proves("PF-04")
async def test_a_long_open_page_gets_a_new_time_of_issue(desk: FormDesk, visitor: Visitor) -> None:
    """After two days a renewed token of the same page is good again; a forged one is not renewed."""
    form = desk.publish()
    hidden = await open_page(visitor, desk, form.public_key)
    desk.clock.advance(timedelta(days=2))
    address = f"/f/{form.public_key}/token"
    forged = await visitor.get(address, params={"previous": hidden["_lh_token"][:-1] + "x"})
    renewed = await visitor.get(address, params={"previous": hidden["_lh_token"]})
    token = (await renewed.json())["token"]
    assert (forged.status, renewed.status) == (404, 200)
    await visitor.post(f"/f/{form.public_key}", data={**hidden, **ANSWERS, "_lh_token": token})
    assert desk.receipts()[0].disposition == "pending"


def test_spent_tokens_are_forgotten_in_the_end(desk: FormDesk) -> None:
    """The table does not grow for ever; what could still be replayed stays."""
    now = desk.clock.now()
    desk.database.write_now(nonces.spend, desk.organisation_id, "old", "k-1", now - timedelta(days=30))
    desk.database.write_now(nonces.spend, desk.organisation_id, "new", "k-2", now)
    assert desk.database.write_now(nonces.forget_expired, now) == 1
    assert not desk.database.write_now(nonces.spend, desk.organisation_id, "new", "k-3", now)


@pytest.mark.proves("PF-09")
async def test_undeclared_keys_stay_answers_and_consents_stay_exact(desk: FormDesk, visitor: Visitor) -> None:
    """A key that no field declares is kept beside the others and labelled as nothing; a consent cannot be worded
    by the sender, and one that was not ticked is recorded as not given."""
    form = desk.publish()
    hidden = hidden_values(await (await visitor.get(f"/f/{form.public_key}")).text())
    desk.clock.advance(timedelta(seconds=10))
    sent = {**hidden, **ANSWERS, "assignee_id": "admin", "labels": "x", "consents": "x"}
    await visitor.post(f"/f/{form.public_key}", data=sent)
    payload = desk.receipts()[0].payload
    assert payload["fields"]["assignee_id"] == ["admin"]
    assert "assignee_id" not in payload["labels"]
    (consent,) = payload["consents"]
    assert (consent["text"], consent["given"]) == ("You may write to me about offers.", False)
    assert (consent["was_preset"], consent["form_version"]) == (False, "1")
    assert consent["purpose"]
