"""Taking a post: limits, then reading, then checking, then the ledger. Says what came of it; answers are written in
``answers``. Whether the person is known plays no part here, so no answer can tell (X-11)."""

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from aiohttp import web
from pydantic import JsonValue, SecretStr

from hub.connector.base import FormPost, HostsForms
from hub.connector.clock import Clock
from hub.connector.errors import BadPayloadError
from hub.connector.models import InboundRequest, RawSubmission
from hub.core.forms import nonces
from hub.core.forms.checking import Fault, faults, is_given
from hub.core.forms.definition import FormDefinition
from hub.core.intake.receipts import Delivery, KeyReusedError, Path
from hub.db.engine import Database, DatabaseUnavailableError
from hub.web.limits import Claim, RateLimiter, admit_intake
from hub.web.problems import Problem
from hub.web.proxies import network_of
from hub.web.public_forms.current import CurrentForm, CurrentForms
from hub.web.public_forms.origins import is_listed, is_own, page_origin
from hub.web.public_forms.ports import Entries, FormLedger
from hub.web.public_forms.rates import FormRates
from hub.web.reading import read_body

KEPT_HEADERS = ("content-type", "idempotency-key", "origin", "referer", "user-agent", "accept-language")
RETRY_SECONDS = 5
PROOF_BITS = 14


class Ending(StrEnum):
    """What came of a post."""

    RECEIVED = "received"
    INVALID = "invalid-input"
    KEY_REUSED = "key-reused"
    UNAVAILABLE = "unavailable"
    TOO_MANY = "too-many"
    NOT_AVAILABLE = "not-available"
    HOST_NOT_LISTED = "host-not-listed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An ending with what its answer needs. ``reason`` is a stable code, ``path`` the place that is wrong."""

    ending: Ending
    status: int
    form: CurrentForm | None = None
    entries: Entries = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    retry_after: int | None = None
    reason: str = ""
    path: str = ""
    detail: str = ""


@dataclass(frozen=True)
class PublicForms:
    """The parts that the public forms work with.

    ``public_origin`` is the hub's own (``https://leads.example.com``); ``secret`` signs render tokens and must be the
    same in all processes; ``client_address`` tells who calls, seen through listed proxies only.
    """

    database: Database
    ledger: FormLedger
    limiter: RateLimiter
    connector: HostsForms
    clock: Clock
    secret: SecretStr
    public_origin: str
    client_address: Callable[[web.Request], str | None] = lambda request: request.remote
    rates: FormRates = field(default_factory=FormRates)
    proof_bits: int = PROOF_BITS
    current: CurrentForms = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "current", CurrentForms(self.database))

    def sender(self, request: web.Request) -> str:
        """Whom limits and counts are kept for."""
        return network_of(self.client_address(request) or "")

    def new_token(self, form: CurrentForm) -> str:
        """A render token for a page of this form."""
        return self.connector.issue_token(
            form.key,
            form.version,
            bits=self.proof_bits,
            nonce=new_nonce(),
            now=self.clock.now(),
            secret=self.secret,
        )

    def token_for_another(self, form: CurrentForm, entries: Entries) -> str:
        """A render token for a second submission from the page that sent ``entries``."""
        text = (entries.get("_lh_token") or ("",))[0]
        renewed = self.connector.renew_token(text, now=self.clock.now(), secret=self.secret, nonce=new_nonce())
        return renewed or self.new_token(form)

    async def take(self, request: web.Request, key: str) -> Outcome:
        """Take one post to the form with this public key."""
        sender, now = self.sender(request), self.clock.now()
        if wait := self._wait(self.rates.of_sender(sender)):
            return await self._refused(request, None, Outcome(Ending.TOO_MANY, 429, retry_after=wait))
        body = await _read(request)
        if isinstance(body, Outcome):
            return await self._refused(request, None, body)
        try:
            form = await self.current.find(key)
        except DatabaseUnavailableError:
            return _unavailable(None, self._entries(request, body, now))
        if form is None:
            return await self._refused(request, None, Outcome(Ending.NOT_AVAILABLE, 404))
        refusal = await self._turned_away(request, form)
        if refusal is not None:
            return await self._refused(request, form, refusal)
        try:
            post = self.connector.read_post(_inbound(request, body, now, form), self.secret)
        except BadPayloadError as failure:
            return await self._refused(request, form, _unreadable(form, failure))
        return await self._keep(form, post, body, request)

    async def _turned_away(self, request: web.Request, form: CurrentForm) -> Outcome | None:
        if wait := self._wait(self.rates.of_form(form.row)):
            return Outcome(Ending.TOO_MANY, 429, form, retry_after=wait)
        origin = page_origin(request.headers)
        if origin and not is_own(origin, request.host, self.public_origin) and not is_listed(origin, form.definition):
            return Outcome(Ending.HOST_NOT_LISTED, 403, form)
        return None

    async def _keep(self, form: CurrentForm, post: FormPost, body: bytes, request: web.Request) -> Outcome:
        """Check a post that was read, and hand it to the ledger."""
        try:
            definition, hold = await self._definition(form, post)
            values = _fields(post.raw)
            wrong = faults(definition, values) if hold is None else {}
            if wrong:
                return await self._refused(request, form, Outcome(Ending.INVALID, 422, form, post.entries, wrong))
            suspicions = await self._suspicions(form, post)
            delivery = Delivery(
                organisation_id=form.row.organisation_id,
                connection_id=form.row.connection_id,
                connector=self.connector.manifest.key,
                path=Path.FORM,
                received_at=self.clock.now(),
                raw=body,
                headers={name: request.headers[name][:1_000] for name in KEPT_HEADERS if name in request.headers},
                submissions=(_completed(post.raw, definition, values, suspicions),),
                hold=hold,
                strict_repeat=True,
            )
            await self.ledger.accept(delivery)
        except KeyReusedError:
            return await self._refused(request, form, Outcome(Ending.KEY_REUSED, 422, form, post.entries))
        except DatabaseUnavailableError:
            return _unavailable(form, post.entries)
        return Outcome(Ending.RECEIVED, 202, form, post.entries)

    async def _definition(self, form: CurrentForm, post: FormPost) -> tuple[FormDefinition, str | None]:
        """The definition that the page was made from, and the reason to hold the submission."""
        hold = "inactive" if form.is_inactive else None
        told = str(_part(post.raw, "version") or "")
        if told.isascii() and told.isdecimal() and int(told[:9]) not in (0, form.version):
            former = await self.current.version(form, int(told[:9]))
            if former is not None:
                return former, hold or "old_version"
        return form.definition, hold

    async def _suspicions(self, form: CurrentForm, post: FormPost) -> tuple[str, ...]:
        found = list(post.raw.suspicions)
        if post.nonce and not await self.database.write(
            nonces.spend, form.row.organisation_id, post.nonce, post.raw.source_id or "", self.clock.now()
        ):
            found.append("token_replayed")
        return tuple(found)

    def _wait(self, claims: list[Claim]) -> int | None:
        wait = admit_intake(self.limiter, claims)
        return None if wait is None else max(1, math.ceil(wait.total_seconds()))

    async def _refused(self, request: web.Request, form: CurrentForm | None, outcome: Outcome) -> Outcome:
        await self.count(request, form, outcome.reason or outcome.ending.value)
        return outcome

    async def count(self, request: web.Request, form: CurrentForm | None, reason: str) -> None:
        """Count a request that was turned away. Senders over a limit are counted together: they may be many."""
        sender = "" if reason == Ending.TOO_MANY else self.sender(request)
        await self.ledger.count_refusal(f"form:{form.key}" if form else "form", reason, sender)

    def _entries(self, request: web.Request, body: bytes, now: datetime) -> Entries:
        try:
            return self.connector.read_post(_inbound(request, body, now, None), self.secret).entries
        except BadPayloadError:
            return {}


def new_key() -> str:
    """An idempotency key for a page."""
    return str(uuid4())


def new_nonce() -> str:
    """The single-use part of a render token."""
    return secrets.token_hex(12)


async def _read(request: web.Request) -> bytes | Outcome:
    try:
        return await read_body(request)
    except Problem as problem:
        return Outcome(Ending.UNREADABLE, problem.status, reason=problem.slug, detail=problem.detail)


def _inbound(request: web.Request, body: bytes, now: datetime, form: CurrentForm | None) -> InboundRequest:
    named = {"form_id": str(form.row.id), "form_key": form.key} if form else {}
    return InboundRequest(
        method=request.method,
        url=str(request.url),
        query=named,
        headers={name.lower(): value for name, value in request.headers.items() if name.lower() in KEPT_HEADERS},
        body=body,
        received_at=now,
    )


def _unreadable(form: CurrentForm, failure: BadPayloadError) -> Outcome:
    status = 415 if failure.code == "unsupported_type" else 400
    return Outcome(Ending.UNREADABLE, status, form, reason=failure.code, path=failure.path, detail=failure.user_message)


def _unavailable(form: CurrentForm | None, entries: Entries) -> Outcome:
    return Outcome(Ending.UNAVAILABLE, 503, form, entries, retry_after=RETRY_SECONDS)


def _part(raw: RawSubmission, name: str) -> Any:
    return raw.body.get(name) if isinstance(raw.body, dict) else None


def _fields(raw: RawSubmission) -> dict[str, list[str]]:
    return dict(_part(raw, "fields") or {})


def _completed(
    raw: RawSubmission, definition: FormDefinition, values: dict[str, list[str]], suspicions: tuple[str, ...]
) -> RawSubmission:
    """The submission with what only the hub knows: the labels shown, and the consents with their exact texts."""
    boxes = {box.key: box for box in definition.consents}
    body = dict(raw.body) if isinstance(raw.body, dict) else {}
    body["fields"] = {key: list[JsonValue](found) for key, found in values.items() if key not in boxes}
    body["labels"] = {field.key: field.label for field in definition.fields}
    body["consents"] = [
        {
            "key": key,
            "text": box.text,
            "given": is_given(values.get(key, ())),
            "was_preset": False,
            "purpose": box.purpose,
            "form_version": body.get("version"),
            "page": body.get("page"),
        }
        for key, box in boxes.items()
    ]
    body["language"] = body.get("language") or definition.language
    return raw.model_copy(update={"body": body, "suspicions": suspicions})
