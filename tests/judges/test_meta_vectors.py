"""The signature vectors of the platform's protocol page, posted to a running hub."""

import hashlib
import hmac
import json
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.audit.models import audit_records
from hub.core.intake.models import receipts, refusals
from plugins.meta_ads.tests.test_vectors import (
    ESCAPED,
    ESCAPED_SIGNATURE,
    LESS_ESCAPED,
    PLAIN,
    PLAIN_SIGNATURE,
    RAW_UTF8,
    SIGNED_REQUEST,
)
from tests.judges.apps import SECRET, WebhookApp, add_app
from tests.judges.running import Answer, Running

HEADER = "X-Hub-Signature-256"
REFUSED = {
    "3: serialised anew as UTF-8": (RAW_UTF8, ESCAPED_SIGNATURE),
    "4: serialised anew with other escapes": (LESS_ESCAPED, ESCAPED_SIGNATURE),
    "8: header absent": (PLAIN, None),
    "8: header empty": (PLAIN, ""),
    "8: no digits": (PLAIN, "sha256="),
    "8: one digit short": (PLAIN, PLAIN_SIGNATURE[:-1]),
    "8: cut short": (PLAIN, PLAIN_SIGNATURE[:20]),
    "8: not ASCII": (PLAIN, "sha256=äöü☃"),
    "8: not ASCII at the end": (PLAIN, PLAIN_SIGNATURE + "é"),
    "8: one byte changed": (PLAIN.replace(b"598", b"599"), PLAIN_SIGNATURE),
    "8: a newline added": (PLAIN + b"\n", PLAIN_SIGNATURE),
    "1: only the old SHA-1 header": (PLAIN, None),
    "1: the SHA-1 value in the new header": (PLAIN, "sha1=81ef3d4da64e33bfe6548804627fa133c1fe0587"),
}
ACCEPTED = {
    "1: plain": (PLAIN, PLAIN_SIGNATURE),
    "2: escaped": (ESCAPED, ESCAPED_SIGNATURE),
    "3: under its own signature": (
        RAW_UTF8,
        "sha256=f20ad65e5c9f91ff944d69e84bb60fac70a725882f1781f17a7ab5c347965cf7",
    ),
    "4: under its own signature": (
        LESS_ESCAPED,
        "sha256=3cb8b92f29f67117acf7ac1ffd0884e2e1bcb1f085a7c7913c35b844ce1a8974",
    ),
}


@dataclass
class Sender:
    """Posts to one app of a running hub."""

    running: Running
    client: aiohttp.ClientSession
    app: WebhookApp

    async def send(self, body: bytes, signature: str | None, **more: str) -> Answer:
        """One notification."""
        headers = {"Content-Type": "application/json", **more}
        if signature is not None:
            headers[HEADER] = signature
        return await self.running.post(self.client, self.app.path, body, headers)

    def kept(self) -> list[bytes]:
        """The raw bytes of everything received."""
        return [row.raw for row in self.running.rows(receipts)]


@pytest.fixture
async def sender(running: Running, client: aiohttp.ClientSession) -> Sender:
    """A sender with an app of its own."""
    return Sender(running, client, await add_app(running, client))


@pytest.mark.proves("WH-01")
async def test_what_is_signed_is_accepted_and_kept_byte_by_byte(sender: Sender) -> None:
    """Each good vector gets a 200 and leaves one receipt with exactly its bytes."""
    expected = {"1": ("quarantined", "unknown_account"), **dict.fromkeys("234", ("rejected", "nothing_inside"))}
    for name, (body, signature) in ACCEPTED.items():
        before = sender.running.newest(receipts)
        answer = await sender.send(body, signature)
        new = sender.running.rows(receipts, receipts.c.id > before)
        assert answer.status == 200, name
        assert [row.raw for row in new] == [body], name
        assert (new[0].disposition, new[0].reason) == expected[name[0]], name
        shown = await sender.running.ask(sender.client, "GET", f"/api/v1/receipts/{new[0].id}")
        assert b64decode(shown.json["raw"]) == body, name
        assert SECRET not in json.dumps(shown.json), name


@pytest.mark.proves("WH-01", "WH-02")
async def test_what_is_not_signed_is_refused_alike_counted_and_not_kept(sender: Sender) -> None:
    """Each bad vector, and an address that does not exist, get the same 401 and leave no receipt."""
    kept, counted = sender.kept(), sum(row.requests for row in sender.running.rows(refusals))
    answers = {}
    for name, (body, signature) in REFUSED.items():
        more = {"X-Hub-Signature": "sha1=81ef3d4da64e33bfe6548804627fa133c1fe0587"}
        answers[name] = await sender.send(body, signature, **more)
    unknown = sender.app.path.rpartition("/")[0] + "/" + "x" * 32
    headers = {HEADER: PLAIN_SIGNATURE}
    answers["unknown address"] = await sender.running.post(sender.client, unknown, PLAIN, headers)
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 401)
    alike = {(answer.body, frozenset(set(answer.headers) - {"Date"})) for answer in answers.values()}
    assert len(alike) == 1
    await sender.running.settled()
    assert sender.kept() == kept
    assert sum(row.requests for row in sender.running.rows(refusals)) == counted + len(answers)


@pytest.mark.proves("WH-01")
async def test_no_flipped_bit_gets_through(sender: Sender) -> None:
    """Some hundred single bits of body and signature, each flipped alone over real HTTP."""
    kept = sender.kept()

    @given(place=st.integers(0, len(PLAIN) * 8 - 1), in_body=st.booleans())
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def flip(place: int, in_body: bool) -> None:
        damaged = bytearray(PLAIN if in_body else PLAIN_SIGNATURE.encode())
        place %= len(damaged) * 8
        damaged[place // 8] ^= 1 << place % 8
        sent.append(bytes(damaged) if in_body else damaged.decode("latin-1"))

    sent: list[bytes | str] = []
    flip()
    for each in sent:
        body, signature = (each, PLAIN_SIGNATURE) if isinstance(each, bytes) else (PLAIN, each)
        if signature.isprintable():
            assert (await sender.send(body, signature)).status == 401
    assert sender.kept() == kept


async def test_vector_5_every_call_carries_the_proof_of_the_secret() -> None:
    """The proof of the page is what HMAC makes of it; that calls carry it, the connector's own tests show."""
    proof = hmac.new(SECRET.encode(), b"EAAGtestPageToken0001", hashlib.sha256).hexdigest()
    assert proof == "86d28a5a41036177d3dc9ffec04c0585fb88374b6882a8a28eb5ccbe75cad0dd"


@pytest.mark.proves("DA-07")
async def test_vector_6_signed_requests_about_a_person(sender: Sender) -> None:
    """Genuine call-backs are answered and recorded; forged ones are refused and are not."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    good = urlencode({"signed_request": SIGNED_REQUEST}).encode()
    ended = await sender.running.post(sender.client, f"{sender.app.path}/deauthorize", good, form)
    assert ended.status == 200
    deleted = await sender.running.post(sender.client, f"{sender.app.path}/deletion", good, form)
    assert deleted.status == 200
    assert set(deleted.json) == {"url", "confirmation_code"}
    asked = [row for row in sender.running.rows(audit_records) if row.action == "erasure_requested"]
    assert asked[-1].detail == {"reference": deleted.json["confirmation_code"]}
    for place in range(0, len(SIGNED_REQUEST), 11):
        other = "A" if SIGNED_REQUEST[place] != "A" else "B"
        forged = SIGNED_REQUEST[:place] + other + SIGNED_REQUEST[place + 1 :]
        body = urlencode({"signed_request": forged}).encode()
        for topic in ("deauthorize", "deletion"):
            answer = await sender.running.post(sender.client, f"{sender.app.path}/{topic}", body, form)
            assert answer.status == 401, f"{topic} {place}"
    assert len([row for row in sender.running.rows(audit_records) if row.action == "erasure_requested"]) == len(asked)
    page = urlsplit(deleted.json["url"])
    status = await sender.running.ask(sender.client, "GET", f"{page.path}?{page.query}", role=None)
    assert status.status == 200
    assert deleted.json["confirmation_code"] in status.body.decode()


@pytest.mark.proves("WH-11")
async def test_the_handshake_repeats_a_short_number_and_nothing_else(sender: Sender) -> None:
    """Only with the right word, only digits, only as plain text that no browser runs."""
    word = hmac.new(SECRET.encode(), b"leadhub verify token", hashlib.sha256).hexdigest()[:40]

    async def shake(challenge: str, token: str = word, mode: str = "subscribe") -> Answer:
        query = urlencode({"hub.mode": mode, "hub.challenge": challenge, "hub.verify_token": token})
        return await sender.running.ask(sender.client, "GET", f"{sender.app.path}?{query}", role=None)

    good = await shake("1158201444")
    assert (good.status, good.body) == (200, b"1158201444")
    assert good.headers["Content-Type"].startswith("text/plain")
    assert good.headers["X-Content-Type-Options"] == "nosniff"
    for challenge in ("", "<script>alert(1)</script>", "1" * 41, "-1", "12 34", "１２３", "12\r\nSet-Cookie: a=b"):
        answer = await shake(challenge)
        assert answer.status == 401, challenge
        assert "script" not in answer.body.decode()
    assert (await shake("1158201444", token="wrong")).status == 401
    assert (await shake("1158201444", mode="unsubscribe")).status == 401
