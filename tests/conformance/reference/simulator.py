"""The reference platform, imitated."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar
from urllib.parse import parse_qs, urlencode

from aiohttp import web
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from pydantic import SecretStr

from hub.connector.clock import Clock
from hub.connector.conversations import Channel
from hub.connector.conversions import ConversionTarget
from hub.connector.delivery import DeliveryStatus
from hub.connector.models import InboundRequest, NoticeKind, SourceForm
from hub.connector.signatures import hmac_sha256_hex
from hub.testing.faults import PlatformAnswer
from hub.testing.journal import Challenge, StoredSubmission
from hub.testing.simulator import Simulator
from tests.conformance.reference.connector import Settings
from tests.conformance.reference_taking import Taking
from tests.conformance.reference_targets import TARGETS, Targets

ACCOUNT = "acc-1"
CLIENT_SECRET = "reference-client-secret-77"
EAST, WEST = "east", "west"
TOKEN_LIFE = timedelta(hours=1)


class ReferenceSimulator(Simulator):
    """Sign-in with rotating refresh tokens, forms, leads newest first, signed thin deliveries."""

    origins: ClassVar[tuple[str, ...]] = ("https://api.reference.example", "https://login.reference.example")
    token_paths: ClassVar[tuple[str, ...]] = ("/token",)
    people_paths: ClassVar[tuple[str, ...]] = ("/authorize",)
    signature_headers: ClassVar[tuple[str, ...]] = ("x-reference-signature", "x-reference-time")
    signs_time: ClassVar[bool] = True
    withholds_scopes: ClassVar[bool] = True
    has_test_leads: ClassVar[bool] = True
    default_part_id: ClassVar[str | None] = EAST
    channels: ClassVar[tuple[Channel, ...]] = (Channel.SMS,)
    knows_message_ids: ClassVar[bool] = True
    knows_opt_outs: ClassVar[bool] = True

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.subscribed_url: str | None = None
        self.closed_parts: set[str] = set()

    def part_ids(self) -> tuple[str, ...]:
        return (EAST, WEST)

    def lose_part(self, part_id: str) -> None:
        self.closed_parts.add(part_id)

    def regain_part(self, part_id: str) -> None:
        self.closed_parts.discard(part_id)

    def settings(self) -> Settings:
        return Settings(
            client_id="reference-app",
            client_secret=SecretStr(CLIENT_SECRET),
            webhook_secret=self.webhook_secret,
            previous_webhook_secret=self.previous_webhook_secret,
        )

    def conversion_target(self) -> ConversionTarget:
        return ConversionTarget(id="list-1", name=TARGETS["list-1"])

    def account_id(self) -> str:
        return ACCOUNT

    def build_app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/authorize", self._consent),
                web.post("/authorize", self._decide),
                web.post("/token", self._token),
                web.post("/revoke", self._revoke),
                web.get("/me", self._me),
                web.get("/parts", self._parts),
                web.get("/forms", self._forms),
                web.get("/forms/{form}/leads", self._leads),
                web.get("/leads/{lead}", self._lead),
                web.route("*", "/subscription", self._subscription),
                *Targets(self, self._scopes).routes(),
                *Taking(self, self._scopes).routes(),
            ]
        )
        return app

    # --- sign-in ------------------------------------------------------------------------------------------

    async def _consent(self, request: web.Request) -> web.Response:
        page = '<form method="post"><button name="decision" value="allow">Allow</button></form>'
        return web.Response(text=page, content_type="text/html")

    async def _decide(self, request: web.Request) -> web.Response:
        asked, form = request.query, await request.post()
        scopes = tuple(s for s in asked["scope"].split() if s not in form.getall("withhold", []))
        facts = {"challenge": asked.get("code_challenge", ""), "redirect_uri": asked["redirect_uri"]}
        code = self.tokens.issue("code", lifetime=timedelta(minutes=10), scopes=scopes, facts=facts)
        found = {"code": code} if form["decision"] == "allow" else {"error": "access_denied"}
        location = f"{asked['redirect_uri']}?{urlencode({**found, 'state': asked['state']})}"
        return web.Response(status=302, headers={"Location": location})

    async def _token(self, request: web.Request) -> web.Response:
        sent = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        if sent.get("client_secret") != CLIENT_SECRET:
            return web.json_response({"error": "invalid_client"}, status=401)
        kind = {"authorization_code": "code", "refresh_token": "refresh"}.get(sent.get("grant_type", ""), "")
        found = self.tokens.take(sent.get("code") or sent.get("refresh_token") or "", kind)
        challenge = found.facts.get("challenge") if found else None
        if found is None or (challenge and create_s256_code_challenge(sent.get("code_verifier", "")) != challenge):
            return web.json_response({"error": "invalid_grant"}, status=400)
        access = self.tokens.issue("access", lifetime=TOKEN_LIFE, scopes=found.scopes)
        refresh = self.tokens.issue("refresh", scopes=found.scopes)
        life = int(TOKEN_LIFE.total_seconds())
        answer = {"access_token": access, "refresh_token": refresh, "expires_in": life, "token_type": "Bearer"}
        return web.json_response({**answer, "scope": " ".join(found.scopes)})

    async def _revoke(self, request: web.Request) -> web.Response:
        self.revoke()
        return web.Response()

    def _scopes(self, request: web.Request) -> tuple[str, ...]:
        value = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = self.tokens.find(value, "access")
        if token is None or not self.tokens.is_live(value):
            raise web.HTTPUnauthorized(text='{"error":{"code":"dead_token"}}', content_type="application/json")
        return token.scopes

    # --- the API ------------------------------------------------------------------------------------------

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response({"id": ACCOUNT, "name": "Kit account", "scopes": list(self._scopes(request))})

    async def _parts(self, request: web.Request) -> web.Response:
        self._scopes(request)
        parts = [{"id": each, "name": each, "is_open": each not in self.closed_parts} for each in self.part_ids()]
        return web.json_response({"parts": parts})

    def _enter(self, form_id: str) -> None:
        if form_id in self.forms and self.forms[form_id].part_id in self.closed_parts:
            raise web.HTTPForbidden(text='{"error":{"code":"part_closed"}}', content_type="application/json")

    async def _forms(self, request: web.Request) -> web.Response:
        self._scopes(request)
        open_forms = [form for form in self.forms.values() if form.part_id not in self.closed_parts]
        return self._page("forms", [(form.id, _form(form)) for form in open_forms], request)

    async def _leads(self, request: web.Request) -> web.Response:
        self._scopes(request)
        self._enter(request.match_info["form"])
        since = int(request.query.get("since", "0"))
        leads = [(each.source_id, _lead(each)) for each in self.submissions_of(request.match_info["form"])]
        return self._page("leads", [(key, lead) for key, lead in leads if int(str(lead["sent_at"])) >= since], request)

    async def _lead(self, request: web.Request) -> web.Response:
        self._scopes(request)
        found = self.submissions.get(request.match_info["lead"])
        if found is not None:
            self._enter(found.form_id)
        return web.json_response(_lead(found)) if found else web.json_response({"error": {}}, status=404)

    async def _subscription(self, request: web.Request) -> web.Response:
        self._scopes(request)
        if request.method == "POST":
            self.subscribed_url = (await request.json())["url"]
        if request.method == "DELETE":
            self.subscribed_url = None
        return web.json_response({"url": self.subscribed_url})

    def _page(self, name: str, items: list[tuple[str, dict[str, object]]], request: web.Request) -> web.Response:
        """The items behind the one named by ``after``; new ones at the top do not shift the rest."""
        keys, after = [key for key, _ in items], request.query.get("after", "")
        start = keys.index(after) + 1 if after in keys else 0
        part = items[start : start + self.largest_page]
        has_more = start + len(part) < len(items)
        return web.json_response({name: [item for _, item in part], "next": part[-1][0] if has_more else None})

    # --- deliveries ---------------------------------------------------------------------------------------

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        return [self._events(*(self._lead_event(each) for each in source_ids))]

    def unreadable_delivery(self, source_ids: Sequence[str]) -> InboundRequest:
        events = [self._lead_event(each) for each in source_ids]
        return self._events(*events[:1], {"type": "lead", "lead": {"no": "id"}, "form": "81"}, *events[1:])

    def unknown_event(self) -> InboundRequest:
        return self._events({"type": "ping"})

    def notice_request(self, kind: NoticeKind) -> InboundRequest:
        word = {NoticeKind.GRANT_REVOKED: "revoked", NoticeKind.ERASURE_REQUESTED: "erase"}[kind]
        return self._events({"type": word, "id": ACCOUNT})

    def delivery_report(self, provider_id: str, status: DeliveryStatus) -> InboundRequest:
        at = int(self.clock.now().timestamp())
        return self._events({"type": "delivery", "id": provider_id, "status": status, "at": at})

    def challenge(self) -> Challenge:
        word = hmac_sha256_hex(self.webhook_secret, b"word")
        return Challenge(self.inbound(b"", method="GET", query=urlencode({"challenge": "abc", "word": word})), b"abc")

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        sent_at = str(int(request.received_at.timestamp()))
        signature = f"v1={hmac_sha256_hex(secret, sent_at.encode() + b'.' + request.body)}"
        headers = {**request.headers, "x-reference-time": sent_at, "x-reference-signature": signature}
        return request.model_copy(update={"headers": headers})

    def end_subscriptions(self) -> None:
        self.subscribed_url = None

    def _events(self, *events: Mapping[str, object]) -> InboundRequest:
        return self.signed(self.inbound(json.dumps({"events": events}).encode()), self.webhook_secret)

    def _lead_event(self, source_id: str) -> dict[str, object]:
        form_id = self.submissions[source_id].form_id
        return {"type": "lead", "lead": source_id, "form": form_id, "part": self.forms[form_id].part_id}

    # --- the platform's own errors ------------------------------------------------------------------------

    def rate_limit_answer(self, wait: timedelta) -> PlatformAnswer:
        body = {"error": {"code": "slow_down"}, "wait_seconds": int(wait.total_seconds())}
        return PlatformAnswer(403, json.dumps(body).encode())

    def error_answers(self) -> Mapping[str, PlatformAnswer]:
        return {
            "slow_down": self.rate_limit_answer(timedelta(seconds=5)),
            "version_gone": PlatformAnswer(410, b'{"error":{"code":"version_gone"}}'),
            "part_closed": PlatformAnswer(403, b'{"error":{"code":"part_closed"}}'),
            "no_such_person": PlatformAnswer(422, b'{"error":{"code":"no_such_person"}}'),
            "unsubscribed": PlatformAnswer(422, b'{"error":{"code":"unsubscribed"}}'),
        }


def _form(form: SourceForm) -> dict[str, object]:
    fields = [
        {"key": each.key, "label": each.label, "options": [choice.model_dump() for choice in each.choices]}
        for each in form.questions
    ]
    return {"id": form.id, "name": form.name, "part": form.part_id, "fields": fields}


def _lead(lead: StoredSubmission) -> dict[str, object]:
    answers = [{"key": key, "label": key, "values": list(values)} for key, values in lead.answers.items()]
    sent_at = int(lead.submitted_at.timestamp())
    return {"id": lead.source_id, "form": lead.form_id, "sent_at": sent_at, "test": lead.is_test, "answers": answers}
