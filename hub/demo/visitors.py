"""Visitors of a website who send the hub's forms, and do not give up before they are answered.

Four ways of sending: ``json`` (a program), ``html`` (a site's own form, no script), ``page`` (the hosted page, opened
before and filled in slowly) and ``spam`` (a robot that fills in every field). What shall be sent is on the disk before
it is, so that a visitor whose computer crashed sends the same again, under the same key: the embed script does so.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp

from hub.demo.journal import Journal
from hub.demo.people import Writer

Way = Literal["json", "html", "page", "spam"]
TAKEN = frozenset({200, 202, 303})
PROOF_FRESH_SECONDS = 480
FILLING_IN_SECONDS = 3.2
TRIES = 8
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
CAMPAIGN = "utm_source=newsletter&utm_medium=email&utm_campaign=spring"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Post:
    """One submission that somebody wants to make. ``pairs`` are names and values as they are sent."""

    key: str
    form: str
    way: Way
    pairs: Sequence[tuple[str, str]]
    at: float

    @property
    def is_page(self) -> bool:
        """Whether it was filled in on the hub's own page."""
        return self.way == "page"


class Visitors:
    """Everybody who sends forms, with their common journal. ``origin`` is the hub's."""

    def __init__(self, origin: str, folder: Path) -> None:
        self._origin = origin
        self.journal = Journal(folder / "visitors.jsonl")
        self._by_tag = {each["tag"]: _post(each) for each in self.journal.of("post")}
        self._taken = {each["key"] for each in self.journal.of("taken")}

    @property
    def posts(self) -> Sequence[Post]:
        """Everything that anybody wanted to send."""
        return tuple(self._by_tag.values())

    @property
    def acknowledged(self) -> frozenset[str]:
        """The keys of what the hub took responsibility for."""
        return frozenset(self._taken)

    @property
    def open_posts(self) -> Sequence[Post]:
        """What was never answered."""
        return tuple(each for each in self._by_tag.values() if each.key not in self._taken)

    async def fill_in(self, tag: str, form: str, way: Way, writer: Writer, session: aiohttp.ClientSession) -> Post:
        """The post with this tag; made up now, and noted, if there is none yet. ``form`` is the public key."""
        known = self._by_tag.get(tag)
        if known is not None:
            return known
        hidden = await self._open_page(form, session) if way == "page" else [("_lh_key", str(uuid4()))]
        pairs = [*hidden, *((name, value) for name, values in writer.answers().items() for value in values)]
        if way == "spam":
            pairs.append(("_lh_subject", "Cheap watches"))
        key = next(value for name, value in hidden if name == "_lh_key")
        entry = self.journal.note("post", tag=tag, key=key, form=form, way=way, pairs=pairs, at=time.time())
        self._by_tag[tag] = _post(entry)
        return self._by_tag[tag]

    async def send(self, post: Post, session: aiohttp.ClientSession, *, clicks: int = 1) -> bool:
        """Send until it is taken; whether it was. ``clicks``: so many times at the same moment."""
        if post.key in self._taken:
            return True
        if post.is_page:
            await asyncio.sleep(max(0.0, post.at + FILLING_IN_SECONDS - time.time()))
        for attempt in range(TRIES):
            answers = await asyncio.gather(*(self._send_once(post, session) for _ in range(clicks)))
            if TAKEN & set(answers):
                self.journal.note("taken", key=post.key)
                self._taken.add(post.key)
                return True
            await asyncio.sleep(0.2 * 2**attempt)
        return False

    async def send_to_unknown_form(self, session: aiohttp.ClientSession) -> int:
        """A post to an address that was never a form's; the status."""
        body = urlencode(Writer(1).answers(), doseq=True)
        async with session.post(f"{self._origin}/f/{'0' * 20}", data=body, headers=URLENCODED) as answer:
            return answer.status

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    async def _open_page(self, form: str, session: aiohttp.ClientSession) -> list[tuple[str, str]]:
        async with session.get(f"{self._origin}/f/{form}?{CAMPAIGN}") as page:
            page.raise_for_status()
            html = await page.text()
        return [(unescape(name), unescape(value)) for name, value in HIDDEN.findall(html)]

    async def _send_once(self, post: Post, session: aiohttp.ClientSession) -> int | None:
        try:
            if post.way == "json":
                return await self._send_json(post, session)
            body = urlencode([*post.pairs, *await _proof(post)]).encode()
            url = f"{self._origin}/f/{post.form}"
            async with session.post(url, data=body, headers=URLENCODED, allow_redirects=False) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _send_json(self, post: Post, session: aiohttp.ClientSession) -> int:
        fields: dict[str, Any] = {name: value for name, value in post.pairs if not name.startswith("_lh_")}
        content = {"key": post.key, "fields": fields, "page": f"https://www.example.com/contact?{CAMPAIGN}"}
        url = f"{self._origin}/api/v1/forms/{post.form}/submissions"
        async with session.post(url, json=content) as answer:
            await answer.read()
            return answer.status


async def _proof(post: Post) -> list[tuple[str, str]]:
    """The proof of work of the page's script; one that waited too long to be sent goes as if there were no script."""
    token = dict(post.pairs).get("_lh_token")
    if not token or time.time() - post.at > PROOF_FRESH_SECONDS:
        return []
    return [("_lh_proof", await asyncio.to_thread(_solve, token))]


def _solve(token: str) -> str:
    """The first number that, after the token and a point, gives a SHA-256 with enough zero bits in front."""
    bits, number = int(token.split(".")[5]), 0
    while int.from_bytes(hashlib.sha256(f"{token}.{number}".encode()).digest(), "big") >> (256 - bits):
        number += 1
    return str(number)


def _post(entry: dict[str, Any]) -> Post:
    pairs = tuple((name, value) for name, value in entry["pairs"])
    return Post(entry["key"], entry["form"], entry["way"], pairs, entry["at"])
