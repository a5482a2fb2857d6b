"""A source without a sign-in: its API key stands in the app's settings; it lists leads, and calls where it was told."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, SecretStr

from hub.connector.access import Access
from hub.connector.base import Connector, Polls, Subscribes
from hub.connector.clock import Clock
from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import (
    Account,
    AccountPart,
    Answer,
    Cursor,
    Identifier,
    InboundRequest,
    Manifest,
    Page,
    Question,
    RawSubmission,
    Received,
    SourceForm,
    Submission,
)
from hub.connector.signatures import equal, hmac_sha256_hex
from hub.testing.simulator import Simulator

API = "https://api.keyed.example"


class Settings(BaseModel):
    """What an admin enters."""

    api_key: SecretStr = Field(title="API key")
    webhook_secret: SecretStr = Field(title="Signing secret")


class Lead(BaseModel):
    """The payload."""

    id: Identifier
    form: Identifier
    sent_at: AwareDatetime
    name: str


class Keyed(Connector, Polls, Subscribes):
    """Leads of the keyed source."""

    manifest: ClassVar[Manifest] = Manifest(
        key="keyed", name="Keyed", contract=1, source_code="keyed", settings=Settings, hosts=(API,)
    )

    async def ask(self, access: Access, method: str, path: str, body: JsonValue = None) -> JsonValue:
        """One call with the key."""
        headers = {"x-api-key": access.settings(Settings).api_key.get_secret_value()}
        return (await access.call(method, f"{API}{path}", headers=headers, json_body=body, authorised=False)).body

    async def identify(self, access: Access) -> Account:
        """Whose key it is, with one number as part."""
        name = str(await self.ask(access, "GET", "/me"))
        return Account(id=name, name=f"Account {name}", parts=(AccountPart(id="line-1", name="Line 1"),))

    async def list_forms(self, access: Access) -> Sequence[SourceForm]:
        """The one form."""
        return (
            SourceForm(id="calls", name="Calls", questions=(Question(key="name", label="Name"),), part_id="line-1"),
        )

    async def fetch(self, access: Access, form: SourceForm, since: Cursor | None) -> AsyncIterator[Page]:
        """Everything, in one page."""
        listed = await self.ask(access, "GET", "/leads")
        leads = [Lead.model_validate(each) for each in listed] if isinstance(listed, list) else []
        mark = max((each.sent_at for each in leads), default=since.mark if since else None)
        yield Page(submissions=tuple(_raw(each) for each in leads), cursor=Cursor(mark=mark))

    def receive(self, request: InboundRequest, secret: SecretStr) -> Received:
        """One lead per delivery."""
        if not equal(request.headers.get("x-signature", ""), hmac_sha256_hex(secret, request.body)):
            raise UnverifiedRequestError("The signature is wrong.")
        return Received(submissions=(_raw(Lead.model_validate_json(request.body)),))

    def normalise(self, raw: RawSubmission) -> Submission:
        """The name is the only answer."""
        lead = Lead.model_validate(raw.body)
        answers = (Answer(key="name", label="Name", values=(lead.name,)),)
        return Submission(source_id=lead.id, form_id=lead.form, submitted_at=lead.sent_at, answers=answers)

    async def subscribe(self, access: Access, callback_url: str) -> None:
        """Ask for deliveries."""
        await self.ask(access, "PUT", "/callback", callback_url)

    async def is_subscribed(self, access: Access, callback_url: str) -> bool:
        """Whether they go to this address."""
        return await self.ask(access, "GET", "/callback") == callback_url

    async def unsubscribe(self, access: Access) -> None:
        """No more deliveries."""
        await self.ask(access, "PUT", "/callback", "")


def _raw(lead: Lead) -> RawSubmission:
    return RawSubmission(source_id=lead.id, form_id=lead.form, part_id="line-1", body=lead.model_dump(mode="json"))


class KeyedSimulator(Simulator):
    """The source. ``keys`` tell whose each key is; ``called_back_at`` is where deliveries go."""

    origins: ClassVar[tuple[str, ...]] = (API,)
    signature_headers: ClassVar[tuple[str, ...]] = ("x-signature",)

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {"key-of-ada": "ada", "newer-key-of-ada": "ada", "key-of-bob": "bob"}
        self.called_back_at = ""

    def settings(self) -> Settings:
        return Settings(api_key=SecretStr("key-of-ada"), webhook_secret=self.webhook_secret)

    def build_app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/me", self._me),
                web.get("/leads", self._leads),
                web.get("/callback", self._callback),
                web.put("/callback", self._callback),
            ]
        )
        return app

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        bodies = [json.dumps(self._lead(each)).encode() for each in source_ids]
        return [self.signed(self.inbound(body), self.webhook_secret) for body in bodies]

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        headers = {**request.headers, "x-signature": hmac_sha256_hex(secret, request.body)}
        return request.model_copy(update={"headers": headers})

    def _owner(self, request: web.Request) -> str:
        owner = self.keys.get(request.headers.get("x-api-key", ""))
        if owner is None:
            raise web.HTTPUnauthorized(text="{}", content_type="application/json")
        return owner

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response(self._owner(request))

    async def _leads(self, request: web.Request) -> web.Response:
        self._owner(request)
        return web.json_response([self._lead(each) for each in self.submissions])

    async def _callback(self, request: web.Request) -> web.Response:
        self._owner(request)
        if request.method == "PUT":
            self.called_back_at = await request.json()
        return web.json_response(self.called_back_at)

    def _lead(self, source_id: str) -> dict[str, str]:
        lead = self.submissions[source_id]
        sent_at, name = lead.submitted_at.isoformat(), lead.answers["name"][0]
        return {"id": lead.source_id, "form": lead.form_id, "sent_at": sent_at, "name": name}
