"""The reference connector: sign-in, polling, thin signed deliveries, subscription, messages, reports."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, Field, JsonValue, SecretStr, ValidationError

from hub.connector.access import Access
from hub.connector.base import Authorizes, Connector, Polls, Subscribes
from hub.connector.errors import (
    ApiAnswer,
    BadPayloadError,
    ErrorRule,
    PartAccessLostError,
    PermanentError,
    RateLimitedError,
    ReauthorizationNeededError,
    RetryableError,
    UnverifiedRequestError,
)
from hub.connector.models import (
    AccessItem,
    Account,
    AccountPart,
    Answer,
    Choice,
    Cursor,
    Identifier,
    InboundRequest,
    Manifest,
    Notice,
    NoticeKind,
    OAuthProfile,
    Page,
    Pointer,
    Question,
    RawSubmission,
    Received,
    Reply,
    SourceForm,
    Submission,
)
from hub.connector.signatures import check_timestamp, equal, hmac_sha256_hex
from tests.conformance.reference.reporting import ReferenceReports
from tests.conformance.reference.sending import ReferenceSends

API = "https://api.reference.example"
LOGIN = "https://login.reference.example"
CLOSED = "This part of the account lets the hub in no longer. Open it again at the platform, or sign in again."
NOTICES = {"revoked": NoticeKind.GRANT_REVOKED, "erase": NoticeKind.ERASURE_REQUESTED}
WireT = TypeVar("WireT", bound=BaseModel)


class Settings(BaseModel):
    """What an admin enters."""

    client_id: str = Field(title="Client id")
    client_secret: SecretStr = Field(title="Client secret")
    webhook_secret: SecretStr = Field(title="Webhook secret")
    previous_webhook_secret: SecretStr | None = Field(default=None, title="Previous webhook secret")


class WireAnswer(BaseModel):
    """One answer of a lead."""

    key: Identifier
    label: str = ""
    values: list[str]


class WireLead(BaseModel):
    """One lead."""

    id: Identifier
    form: Identifier
    sent_at: int = Field(ge=0, le=4_102_444_800)
    test: bool = False
    answers: list[WireAnswer]


class WireChoice(BaseModel):
    """One option."""

    value: str
    label: str


class WireQuestion(BaseModel):
    """One question of a form."""

    key: Identifier
    label: str
    options: list[WireChoice] = []


class WireForm(BaseModel):
    """One form."""

    id: Identifier
    name: str
    part: Identifier | None = None
    fields: list[WireQuestion] = []


class WireMe(BaseModel):
    """Who signed in."""

    id: Identifier
    name: str = ""
    scopes: list[str] = []


class WirePart(BaseModel):
    """One part of the account."""

    id: Identifier
    name: str
    is_open: bool


class WireParts(BaseModel):
    """All parts of the account."""

    parts: list[WirePart]


class WireEvent(BaseModel):
    """One event of a delivery that concerns us."""

    lead: Identifier
    form: Identifier
    part: Identifier | None = None


def _told_wait(answer: ApiAnswer) -> timedelta | None:
    seconds = answer.at("wait_seconds")
    return timedelta(seconds=seconds) if isinstance(seconds, int) and 0 <= seconds < 86_400 else None


class Reference(Connector, Authorizes, Polls, Subscribes, ReferenceReports, ReferenceSends):
    """Leads of the reference platform."""

    manifest: ClassVar[Manifest] = Manifest(
        key="reference",
        name="Reference",
        contract=1,
        source_code="reference",
        settings=Settings,
        access_review=(
            AccessItem(label="Your leads", scopes=("leads",)),
            AccessItem(label="Your forms", scopes=("forms",)),
        ),
        hosts=(API, LOGIN),
    )
    oauth: ClassVar[OAuthProfile] = OAuthProfile(
        authorize_url=f"{LOGIN}/authorize",
        token_url=f"{LOGIN}/token",
        revoke_url=f"{LOGIN}/revoke",
        scopes=("leads", "forms"),
    )
    error_rules: ClassVar[tuple[ErrorRule, ...]] = (
        ErrorRule(
            name="slow_down",
            raises=RateLimitedError,
            user_message="The platform asks us to slow down.",
            where={"error.code": ("slow_down",)},
            retry_after=_told_wait,
        ),
        ErrorRule(
            name="version_gone",
            raises=PermanentError,
            user_message="This version of the API is gone. Update the hub.",
            status=(410,),
            code="version_gone",
        ),
        ErrorRule(
            name="part_closed",
            raises=ReauthorizationNeededError,
            user_message=CLOSED,
            where={"error.code": ("part_closed",)},
            code="part_closed",
        ),
        *ReferenceSends.sending_rules,
    )

    notices: ClassVar[Mapping[str, NoticeKind]] = NOTICES

    def normalise(self, raw: RawSubmission) -> Submission:
        """A lead in the hub's words."""
        lead = read(WireLead, raw.body)
        return Submission(
            source_id=raw.source_id,
            form_id=raw.form_id,
            submitted_at=datetime.fromtimestamp(lead.sent_at, UTC),
            answers=self.answers(lead),
            is_test=lead.test,
        )

    def answers(self, lead: WireLead) -> tuple[Answer, ...]:
        """All answers, whole."""
        return tuple(
            Answer(key=each.key, label=each.label or each.key, values=tuple(each.values)) for each in lead.answers
        )

    async def identify(self, access: Access) -> Account:
        """Who signed in, which parts the account has, and which scopes are missing."""
        me = called(WireMe, (await access.get(f"{API}/me")).body)
        missing = tuple(item.label for item in self.manifest.access_review if not set(item.scopes) <= set(me.scopes))
        parts = [AccountPart(id=each.id, name=each.name) for each in await self.parts(access)]
        return Account(id=me.id, name=me.name, missing_rights=missing, parts=tuple(parts))

    async def parts(self, access: Access) -> Sequence[WirePart]:
        """The parts of the account, open and closed."""
        return called(WireParts, (await access.get(f"{API}/parts")).body).parts

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """All forms of the open parts, page by page."""
        await self.skip_closed(access)
        found: list[SourceForm] = []
        after: str | None = ""
        while after is not None:
            items, after = await self.page(access, f"{API}/forms", {"after": after}, "forms")
            found += [self.form(called(WireForm, item)) for item in items]
        return found

    def form(self, wire: WireForm) -> SourceForm:
        """A form in the hub's words."""
        questions = tuple(
            Question(
                key=each.key,
                label=each.label,
                choices=tuple(Choice(value=option.value, label=option.label) for option in each.options),
            )
            for each in wire.fields
        )
        return SourceForm(id=wire.id, name=wire.name, questions=questions, part_id=wire.part)

    async def skip_closed(self, access: Access) -> None:
        """Tell the hub which parts are out of reach."""
        for part in await self.parts(access):
            if not part.is_open:
                access.skip_part(self.closed(part.id))

    def closed(self, part_id: str) -> PartAccessLostError:
        """What is said of a part that is out of reach."""
        return PartAccessLostError(CLOSED, part_id=part_id)

    async def of_part(self, access: Access, url: str, part_id: str | None, params: Mapping[str, str]) -> JsonValue:
        """The body of an answer about one part."""
        try:
            return (await access.get(url, params=params)).body
        except ReauthorizationNeededError as error:
            if error.code != "part_closed" or part_id is None:
                raise
            raise self.closed(part_id) from None

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """Newest first, as the platform lists; so the mark moves only with the last page."""
        mark = since.mark if since else None
        place = json.loads(since.token) if since and since.token else {"after": "", "newest": 0}
        params = {"since": str(int(mark.timestamp()))} if mark else {}
        while True:
            asked = {**params, "after": place["after"]}
            url = f"{API}/forms/{form.id}/leads"
            items, after = await self.page(access, url, asked, "leads", part_id=form.part_id)
            place = {"after": after, "newest": max([place["newest"], *(lead_time(item) for item in items)])}
            found = tuple(raw_lead(item, form.id) for item in items)
            if after is None:
                yield Page(submissions=found, cursor=Cursor(mark=self.new_mark(access, mark, place["newest"])))
                return
            yield Page(submissions=found, cursor=Cursor(mark=mark, token=json.dumps(place)))

    def new_mark(self, access: Access, mark: datetime | None, newest: int) -> datetime | None:
        """The time of the newest lead read, or the mark that there was."""
        return max(
            [*([mark] if mark else []), *([datetime.fromtimestamp(newest, UTC)] if newest else [])], default=None
        )

    async def page(
        self, access: Access, url: str, params: dict[str, str], name: str, *, part_id: str | None = None
    ) -> tuple[list[JsonValue], str | None]:
        """One page of a listing and the token of the next."""
        body: Any = await self.of_part(access, url, part_id, params)
        items = body.get(name) if isinstance(body, dict) else None
        if not isinstance(items, list):
            raise RetryableError("The platform's list could not be read.", code="garbage")
        after = body.get("next")
        return items, after if isinstance(after, str) else None

    async def resolve(self, access: Access, pointer: Pointer) -> RawSubmission:
        """The lead that a delivery pointed at."""
        body = await self.of_part(access, f"{API}/leads/{pointer.source_id}", pointer.part_id, {})
        called(WireLead, body)
        return RawSubmission(source_id=pointer.source_id, form_id=pointer.form_id, body=body)

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """The handshake, or a signed batch of events."""
        if request.method == "GET":
            return self.handshake(request, secret)
        self.verify(request, secret)
        try:
            body: Any = json.loads(request.body)
        except (ValueError, RecursionError):
            raise BadPayloadError("The delivery is not JSON.", path="") from None
        if not isinstance(body, dict) or not isinstance(body.get("events"), list):
            raise BadPayloadError("The delivery has no list of events.", path="events")
        return self.unpack(body["events"])

    def handshake(self, request: InboundRequest, secret: SecretStr) -> Received:
        """Repeat the challenge to who knows our word."""
        if not equal(request.query.get("word", ""), hmac_sha256_hex(secret, b"word")):
            raise UnverifiedRequestError("The handshake does not know our word.")
        return Received(reply=Reply(body=request.query.get("challenge", "").encode("utf-8", "replace")))

    def verify(self, request: InboundRequest, secret: SecretStr) -> None:
        """HMAC-SHA256 over the time, a dot and the raw body."""
        sent_at = request.headers.get("x-reference-time", "")
        signed = sent_at.encode("utf-8", "replace") + b"." + request.body
        if not equal(request.headers.get("x-reference-signature", ""), f"v1={hmac_sha256_hex(secret, signed)}"):
            raise UnverifiedRequestError("The signature is wrong.")
        check_timestamp(sent_at, request.received_at)

    def unpack(self, events: list[Any]) -> Received:
        """Every event: a lead, a notice, or nothing for us."""
        pointers, unreadable, notices, reports, ignored = [], [], [], [], 0
        for event in events:
            kind = event.get("type") if isinstance(event, dict) else None
            try:
                if kind == "lead":
                    wire = read(WireEvent, event)
                    pointers.append(Pointer(source_id=wire.lead, form_id=wire.form, part_id=wire.part))
                elif isinstance(kind, str) and kind in self.notices:
                    notices.append(Notice(kind=self.notices[kind], account_id=read(WireMe, event).id))
                elif kind == "delivery":
                    reports.append(self.report(event))
                else:
                    ignored += 1
            except BadPayloadError:
                unreadable.append(RawSubmission(source_id=None, form_id=None, body=event))
        return Received(
            submissions=tuple(unreadable),
            pointers=tuple(pointers),
            notices=tuple(notices),
            reports=tuple(reports),
            ignored=ignored,
        )

    async def subscribe(self, access: Access, callback_url: str) -> None:
        """Ask for deliveries."""
        await access.call("POST", f"{API}/subscription", json_body={"url": callback_url})

    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        """Whether deliveries go to this address."""
        await self.skip_closed(access)
        body = (await access.get(f"{API}/subscription")).body
        return isinstance(body, dict) and body.get("url") == callback_url

    async def unsubscribe(self, access: Access) -> None:
        """No more deliveries."""
        await access.call("DELETE", f"{API}/subscription")


def read(model: type[WireT], body: JsonValue) -> WireT:
    """The body as a model; ``BadPayloadError`` names the first place that does not fit."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        path = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise BadPayloadError("The payload does not have the expected form.", path=path) from None


def called(model: type[WireT], body: JsonValue) -> WireT:
    """The same for an answer of the API, which may be better next time."""
    try:
        return read(model, body)
    except BadPayloadError as error:
        raise RetryableError("The platform's answer could not be read.", detail=error.path, code="garbage") from None


def raw_lead(item: JsonValue, form_id: str) -> RawSubmission:
    """A listed lead, with its id if it can be read."""
    try:
        return RawSubmission(source_id=read(WireLead, item).id, form_id=form_id, body=item)
    except BadPayloadError:
        return RawSubmission(source_id=None, form_id=form_id, body=item)


def lead_time(item: JsonValue) -> int:
    """When a listed lead was sent; 0 where that cannot be read."""
    try:
        return read(WireLead, item).sent_at
    except BadPayloadError:
        return 0
