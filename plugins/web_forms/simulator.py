"""Visitors of a website, imitated: they load a page that the hub rendered, take their time, and post it.

Written from the description of the post in README.md, not from the connector. The page's render token is signed
here the way the README says, with the simulator's secret.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import unescape
from typing import ClassVar
from urllib.parse import urlencode, urljoin

import aiohttp
from pydantic import BaseModel

from hub.connector.clock import Clock
from hub.connector.models import InboundRequest
from hub.testing.journal import StoredSubmission
from hub.testing.simulator import Simulator

URLENCODED = "application/x-www-form-urlencoded"
FILLING_IN = timedelta(seconds=20)
BITS = 4


class WebFormsSimulator(Simulator):
    """Browsers on the hub's own forms: one post per submission, with token, proof of work and campaign.

    Of a submission's ``facts``, ``page`` and ``referrer`` are where the visitor was.
    """

    callback_path: ClassVar[str] = "/f"
    tells_time: ClassVar[bool] = False

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.previous_webhook_secret = None

    def settings(self) -> BaseModel | None:
        """Our own forms need no app."""
        return None

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        """Each submission in a post of its own; browsers do not batch."""
        return [self._post(self.submissions[source_id]) for source_id in source_ids]

    def signed(self, request: InboundRequest, secret: object) -> InboundRequest:
        """Visitors sign nothing."""
        return request

    def _post(self, submission: StoredSubmission) -> InboundRequest:
        now = self.clock.now()
        token = self._token(submission, now - FILLING_IN)
        pairs = [
            ("_lh_key", submission.source_id),
            ("_lh_token", token),
            ("_lh_proof", proof_for(token)),
            ("_lh_subject", ""),
            ("_lh_page", submission.facts.get("page", "https://www.example.com/contact")),
            ("_lh_referrer", submission.facts.get("referrer", "")),
            *((key, value) for key, values in submission.answers.items() for value in values),
        ]
        return InboundRequest(
            method="POST",
            url=f"{self.callback_url}/{submission.form_id}",
            headers={"content-type": URLENCODED},
            body=urlencode(pairs).encode(),
            received_at=now,
        )

    def _token(self, submission: StoredSubmission, rendered_at: datetime) -> str:
        seconds = int(rendered_at.timestamp())
        nonce = hashlib.sha256(submission.source_id.encode()).hexdigest()[:24]
        unsigned = f"lh1.{submission.form_id}.1.{seconds}.{seconds}.{BITS}.{nonce}"
        key = self.webhook_secret.get_secret_value().encode()
        return f"{unsigned}.{hmac.new(key, unsigned.encode(), hashlib.sha256).hexdigest()}"


class Visitor:
    """A browser without scripts on a hub that really runs: loads a hosted page, fills it in, sends it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._url = ""
        self._hidden: list[tuple[str, str]] = []

    async def open(self, url: str) -> int:
        """Load a page; returns its status. The hidden values are remembered for ``send``."""
        async with self._session.get(url) as page:
            html = await page.text()
        form = re.search(r'<form[^>]*action="([^"]*)"', html)
        self._url = urljoin(url, unescape(form[1])) if form else url
        self._hidden = [
            (unescape(name), unescape(value))
            for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', html)
        ]
        return page.status

    async def send(self, answers: Mapping[str, Sequence[str]]) -> int:
        """Post what was loaded with the answers; returns the status. Calling it again is a double click."""
        pairs = [*self._hidden, *((key, value) for key, values in answers.items() for value in values)]
        headers = {"Content-Type": URLENCODED}
        async with self._session.post(self._url, data=urlencode(pairs).encode(), headers=headers) as answer:
            return answer.status


def proof_for(token: str) -> str:
    """The first number that, with a point after the token, gives a SHA-256 that starts with enough zero bits."""
    bits = int(token.split(".")[5])
    number = 0
    while int(hashlib.sha256(f"{token}.{number}".encode()).hexdigest(), 16) >> (256 - bits):
        number += 1
    return str(number)
