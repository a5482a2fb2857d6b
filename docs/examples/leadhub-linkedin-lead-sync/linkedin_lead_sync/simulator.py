"""LinkedIn, imitated from its documentation (README, "Sources"): strict about headers, encoding, versions and rights.

Two ad accounts belong to one member. A lost account is one whose company page role was taken away: it is still listed,
but its forms, leads and subscriptions answer 403.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import parse_qs, urlencode

from aiohttp import web
from hub.connector.clock import Clock
from hub.connector.models import InboundRequest, SourceForm
from hub.connector.signatures import hmac_sha256_hex
from hub.testing.faults import PlatformAnswer
from hub.testing.journal import Challenge, StoredSubmission
from hub.testing.simulator import Simulator
from pydantic import SecretStr

from linkedin_lead_sync.settings import Settings

MEMBER = "Xk4dR2vQ9a"
EAST, WEST = "501000001", "501000002"
CLIENT_ID = "77simulated0client"
VERSION = "202606"
ACCESS_LIFE, REFRESH_LIFE, CODE_LIFE = timedelta(days=60), timedelta(days=365), timedelta(minutes=30)
PREDEFINED = frozenset({"FIRST_NAME", "LAST_NAME", "EMAIL", "PHONE_NUMBER", "COMPANY_NAME", "JOB_TITLE"})
OWNER = re.compile(r"\(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A(\d+)\)")
RANGE = re.compile(r"\(start:(\d+)(?:,end:(\d+))?\)")
CHALLENGE_CODE = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
LARGEST_COUNT = 100


class LinkedInSimulator(Simulator):
    """OAuth without PKCE, Rest.li 2.0.0 finders, signed thin notifications."""

    origins: ClassVar[tuple[str, ...]] = ("https://api.linkedin.com", "https://www.linkedin.com")
    token_paths: ClassVar[tuple[str, ...]] = ("/oauth/v2/accessToken",)
    people_paths: ClassVar[tuple[str, ...]] = ("/oauth/v2/authorization",)
    signature_headers: ClassVar[tuple[str, ...]] = ("x-li-signature",)
    tells_wait: ClassVar[bool] = False
    supports_pkce: ClassVar[bool] = False
    has_test_leads: ClassVar[bool] = True
    default_part_id: ClassVar[str | None] = EAST

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.lost: set[str] = set()
        self.subscriptions: dict[str, dict[str, object]] = {}

    def settings(self) -> Settings:
        return Settings(
            client_id=CLIENT_ID,
            client_secret=self.webhook_secret,
            previous_client_secret=self.previous_webhook_secret,
            api_version=VERSION,
        )

    def account_id(self) -> str:
        return MEMBER

    def part_ids(self) -> tuple[str, ...]:
        return (EAST, WEST)

    def lose_part(self, part_id: str) -> None:
        self.lost.add(part_id)

    def regain_part(self, part_id: str) -> None:
        self.lost.discard(part_id)

    def end_subscriptions(self) -> None:
        self.subscriptions.clear()

    def sample_answers(self, number: int = 1) -> dict[str, tuple[str, ...]]:
        return {"FIRST_NAME": (f"Ada {number}",), "EMAIL": (f"ada.{number}@example.com",), "Which roof?": ("Flat",)}

    def build_app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/oauth/v2/authorization", self._consent),
                web.post("/oauth/v2/authorization", self._decide),
                web.post("/oauth/v2/accessToken", self._token),
                web.get("/rest/adAccountUsers", self._roles),
                web.get("/rest/adAccounts/{account}", self._account),
                web.get("/rest/leadForms", self._forms),
                web.get("/rest/leadFormResponses", self._leads),
                web.get("/rest/leadFormResponses/{lead}", self._lead),
                web.get("/rest/leadNotifications", self._subscriptions),
                web.post("/rest/leadNotifications", self._subscribe),
                web.delete("/rest/leadNotifications/{id}", self._unsubscribe),
            ]
        )
        return app

    # --- signing in ---------------------------------------------------------------------------------------

    async def _consent(self, request: web.Request) -> web.Response:
        page = '<form method="post"><button name="decision" value="allow">Allow</button></form>'
        return web.Response(text=page, content_type="text/html")

    async def _decide(self, request: web.Request) -> web.Response:
        asked, form = request.query, await request.post()
        if asked["response_type"] != "code" or asked["client_id"] != CLIENT_ID or "code_challenge" in asked:
            return web.Response(status=400, text="Bummer, something went wrong.")
        scopes, facts = tuple(asked["scope"].split()), {"redirect_uri": asked["redirect_uri"]}
        code = self.tokens.issue("code", lifetime=CODE_LIFE, scopes=scopes, facts=facts)
        found = {"code": code} if form["decision"] == "allow" else {"error": "user_cancelled_authorize"}
        location = f"{asked['redirect_uri']}?{urlencode({**found, 'state': asked['state']})}"
        return web.Response(status=302, headers={"Location": location})

    async def _token(self, request: web.Request) -> web.Response:
        sent = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        secrets = {each.get_secret_value() for each in (self.webhook_secret, self.previous_webhook_secret) if each}
        if sent.get("client_id") != CLIENT_ID or sent.get("client_secret") not in secrets:
            return web.json_response({"error": "invalid_client", "error_description": "No."}, status=401)
        if sent.get("grant_type") == "refresh_token":
            return self._refreshed(sent.get("refresh_token", ""))
        code = self.tokens.take(sent.get("code", ""), "code")
        if code is None or code.facts["redirect_uri"] != sent.get("redirect_uri"):
            said = "appid/redirect uri/code verifier does not match authorization code. Or authorization code expired."
            return web.json_response({"error": "invalid_request", "error_description": said}, status=401)
        refresh = self.tokens.issue("refresh", lifetime=REFRESH_LIFE, scopes=code.scopes)
        return self._granted(refresh, code.scopes)

    def _refreshed(self, value: str) -> web.Response:
        """The same refresh token comes back, with what is left of its year."""
        found = self.tokens.find(value, "refresh")
        if found is None or not self.tokens.is_live(value):
            said = "The provided authorization grant or refresh token is invalid, expired or revoked"
            return web.json_response({"error": "invalid_grant", "error_description": said}, status=400)
        return self._granted(value, found.scopes)

    def _granted(self, refresh: str, scopes: tuple[str, ...]) -> web.Response:
        found = self.tokens.find(refresh)
        left = found.expires_at - self.clock.now() if found and found.expires_at else timedelta()
        answer = {
            "access_token": self.tokens.issue("access", lifetime=min(ACCESS_LIFE, left), scopes=scopes),
            "expires_in": round(min(ACCESS_LIFE, left).total_seconds()),
            "refresh_token": refresh,
            "refresh_token_expires_in": round(left.total_seconds()),
            "scope": ",".join(scopes),
            "token_type": "Bearer",
        }
        return web.json_response(answer)

    # --- the API ------------------------------------------------------------------------------------------

    async def _roles(self, request: web.Request) -> web.Response:
        self._enter(request)
        _require(request.query.get("q") == "authenticatedUser", "q")
        roles = [
            {"account": f"urn:li:sponsoredAccount:{each}", "user": f"urn:li:person:{MEMBER}", "role": "VIEWER"}
            for each in self.part_ids()
        ]
        return self._page(roles, request)

    async def _account(self, request: web.Request) -> web.Response:
        self._enter(request)
        account = request.match_info["account"]
        _require(account in self.part_ids(), "account")
        return web.json_response(
            {"id": int(account), "name": f"Account {account[-1]}", "status": "ACTIVE", "test": False}
        )

    async def _forms(self, request: web.Request) -> web.Response:
        account = self._owner(request)
        return self._page([_form(form) for form in self.forms.values() if form.part_id == account], request)

    async def _leads(self, request: web.Request) -> web.Response:
        account = self._owner(request)
        _require(request.query.get("leadType") == "(leadType:SPONSORED)", "leadType")
        since = RANGE.fullmatch(request.query.get("submittedAtTimeRange", "(start:0)"))
        _require(since is not None, "submittedAtTimeRange")
        start = int(since[1]) if since else 0
        found = [each for each in self.submissions.values() if self.forms[each.form_id].part_id == account]
        found.sort(key=lambda each: (each.submitted_at, each.source_id), reverse=True)
        return self._page(
            [self._lead_body(each) for each in found if _milliseconds(each.submitted_at) >= start], request
        )

    async def _lead(self, request: web.Request) -> web.Response:
        self._enter(request)
        found = self.submissions.get(request.match_info["lead"])
        if found is None:
            return _problem(404, 0, "NOT_FOUND", "Lead form response not found")
        self._require_role(str(self.forms[found.form_id].part_id))
        return web.json_response(self._lead_body(found))

    async def _subscriptions(self, request: web.Request) -> web.Response:
        self._enter(request)
        raw = _raw_query(request)
        found = re.fullmatch(rf"\(value:{OWNER.pattern}\)", raw.get("owner", ""))
        _require(raw.get("q") == "criteria" and raw.get("leadType") == "(leadType:SPONSORED)" and bool(found), "owner")
        account = found[1] if found else ""
        self._require_role(account)
        owner = {"sponsoredAccount": f"urn:li:sponsoredAccount:{account}"}
        return self._page([each for each in self.subscriptions.values() if each["owner"] == owner], request)

    async def _subscribe(self, request: web.Request) -> web.Response:
        self._enter(request)
        body = await request.json()
        _require(set(body) == {"webhook", "owner", "leadType"}, "body")
        self._require_role(body["owner"]["sponsoredAccount"].rpartition(":")[2])
        chosen = self.next_id()
        self.subscriptions[chosen] = {"id": int(chosen), **body}
        return web.Response(status=201, headers={"x-restli-id": chosen})

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        self._enter(request)
        if self.subscriptions.pop(request.match_info["id"], None) is None:
            return _problem(404, 0, "NOT_FOUND", "Subscription not found")
        return web.Response(status=204)

    def _enter(self, request: web.Request) -> None:
        value = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = self.tokens.find(value, "access")
        if token is None or not self.tokens.is_live(value):
            code, name = (
                (65602, "EXPIRED_ACCESS_TOKEN") if token and not token.is_revoked else (65601, "REVOKED_ACCESS_TOKEN")
            )
            raise _refusal(401, code, name, "The token used in the request is no longer valid")
        if request.headers.get("LinkedIn-Version") != VERSION:
            raise _refusal(426, 0, "NONEXISTENT_VERSION", "Requested version is not active")
        _require(request.headers.get("X-Restli-Protocol-Version") == "2.0.0", "X-Restli-Protocol-Version")

    def _owner(self, request: web.Request) -> str:
        """The ad account of a finder. Its URN must be percent-encoded inside bare parentheses."""
        self._enter(request)
        found = OWNER.fullmatch(_raw_query(request).get("owner", ""))
        _require(request.query.get("q") == "owner" and found is not None, "owner")
        account = found[1] if found else ""
        self._require_role(account)
        return account

    def _require_role(self, account: str) -> None:
        if account in self.lost or account not in self.part_ids():
            raise _refusal(403, 100, "ACCESS_DENIED", "Not enough permissions to access the resource")

    def _page(self, elements: Sequence[object], request: web.Request) -> web.Response:
        count, start = int(request.query.get("count", "10")), int(request.query.get("start", "0"))
        _require(1 <= count <= LARGEST_COUNT, "count")
        shown = list(elements)[start : start + min(count, self.largest_page)]
        paging = {"start": start, "count": count, "links": [], "total": len(elements)}
        return web.json_response({"paging": paging, "elements": shown})

    def _lead_body(self, lead: StoredSubmission) -> dict[str, object]:
        form = self.forms[lead.form_id]
        content = _content(form, lead)
        ids = {question.get("predefinedField", question["name"]): question for question in content["questions"]}
        body: dict[str, object] = {
            "id": lead.source_id,
            "owner": {"sponsoredAccount": f"urn:li:sponsoredAccount:{form.part_id}"},
            "leadType": "SPONSORED",
            "submittedAt": _milliseconds(lead.submitted_at),
            "testLead": lead.is_test,
            "versionedLeadGenFormUrn": f"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{form.id},1)",
            "formResponse": {
                "answers": [_answer(ids[key], values) for key, values in lead.answers.items() if values],
                "consentResponses": [],
            },
            "form": {**_form(form), "content": content},
        }
        if campaign := lead.facts.get("campaign"):
            body["leadMetadata"] = {"sponsoredLeadMetadata": {"campaign": f"urn:li:sponsoredCampaign:{campaign}"}}
        return body

    # --- deliveries ---------------------------------------------------------------------------------------

    def delivery(self, source_ids: Sequence[str]) -> list[InboundRequest]:
        return [self._event(self._notification(self.submissions[each])) for each in source_ids]

    def unknown_event(self) -> InboundRequest:
        return self._event({"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": []})

    def challenge(self) -> Challenge:
        answer = hmac_sha256_hex(self.webhook_secret, CHALLENGE_CODE.encode())
        request = self.inbound(b"", method="GET", query=urlencode({"challengeCode": CHALLENGE_CODE}))
        return Challenge(request, json.dumps({"challengeCode": CHALLENGE_CODE, "challengeResponse": answer}).encode())

    def signed(self, request: InboundRequest, secret: SecretStr) -> InboundRequest:
        signature = hmac_sha256_hex(secret, b"hmacsha256=" + request.body)
        return request.model_copy(update={"headers": {**request.headers, "x-li-signature": signature}})

    def _event(self, body: Mapping[str, object]) -> InboundRequest:
        return self.signed(self.inbound(json.dumps(body).encode()), self.webhook_secret)

    def _notification(self, lead: StoredSubmission) -> dict[str, object]:
        form = self.forms[lead.form_id]
        return {
            "type": "LEAD_ACTION",
            "leadGenFormResponse": f"urn:li:leadGenFormResponse:{lead.source_id}",
            "leadGenForm": f"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{form.id},1)",
            "owner": {"sponsoredAccount": f"urn:li:sponsoredAccount:{form.part_id}"},
            "leadType": "SPONSORED",
            "leadAction": "CREATED",
            "occurredAt": _milliseconds(lead.submitted_at),
        }

    # --- LinkedIn's own errors ----------------------------------------------------------------------------

    def rate_limit_answer(self, wait: timedelta) -> PlatformAnswer:
        said = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
        return PlatformAnswer(429, _error(429, 101, "TOO_MANY_REQUESTS", said))

    def error_answers(self) -> Mapping[str, PlatformAnswer]:
        gone = _error(426, 0, "NONEXISTENT_VERSION", "Requested version 20230101 is not active")
        dead = _error(401, 65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user")
        return {"version_gone": PlatformAnswer(426, gone), "token_dead": PlatformAnswer(401, dead)}


def _error(status: int, service_code: int, code: str, message: str) -> bytes:
    return json.dumps({"status": status, "serviceErrorCode": service_code, "code": code, "message": message}).encode()


def _problem(status: int, service_code: int, code: str, message: str) -> web.Response:
    body = _error(status, service_code, code, message)
    return web.Response(status=status, body=body, content_type="application/json")


def _refusal(status: int, service_code: int, code: str, message: str) -> web.HTTPException:
    kinds = {400: web.HTTPBadRequest, 401: web.HTTPUnauthorized, 403: web.HTTPForbidden, 426: web.HTTPUpgradeRequired}
    text = _error(status, service_code, code, message).decode()
    return kinds[status](text=text, content_type="application/json")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise _refusal(400, 100, "ILLEGAL_ARGUMENT", f"Invalid query parameters passed to request: {what}")


def _raw_query(request: web.Request) -> dict[str, str]:
    """The parameters as they were written: what is encoded in a value stays so."""
    pairs = request.raw_path.partition("?")[2].split("&")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _form(form: SourceForm) -> dict[str, object]:
    language = form.language or "en"
    return {
        "id": int(form.id),
        "versionId": 1,
        "name": form.name,
        "state": "PUBLISHED" if form.is_live else "ARCHIVED",
        "owner": {"sponsoredAccount": f"urn:li:sponsoredAccount:{form.part_id}"},
        "creationLocale": {"language": language, "country": language.upper()},
        "hiddenFields": [],
        "content": _content(form),
    }


def _content(form: SourceForm, lead: StoredSubmission | None = None) -> dict[str, list[dict[str, object]]]:
    """The questions of a form; for a lead with the options that were chosen, and those that nobody listed."""
    answers = lead.answers if lead else {}
    asked = {each.key: each for each in form.questions}
    labels = {key: (each.label, [choice.label for choice in each.choices]) for key, each in asked.items()}
    for key, values in answers.items():
        label, options = labels.get(key, (key, []))
        labels[key] = (
            label,
            options + [each for each in values if each not in options] if len(values) > 1 or options else [],
        )
    questions = [_question(number, key, *found) for number, (key, found) in enumerate(labels.items(), start=1)]
    return {"questions": questions}


def _question(number: int, key: str, label: str, options: list[str]) -> dict[str, object]:
    question: dict[str, object] = {
        "questionId": 100_000 + number,
        "name": key,
        "question": {"localized": {"en_US": label}},
        "responseEditable": True,
        "responseRequired": False,
        "questionDetails": {"textQuestionDetails": {"maxResponseLength": 300}},
    }
    if key in PREDEFINED:
        question |= {"predefinedField": key, "name": key.replace("_", " ").capitalize()}
    if options:
        listed = [{"id": place, "text": {"localized": {"en_US": text}}} for place, text in enumerate(options, start=1)]
        question["questionDetails"] = {"multipleChoiceQuestionDetails": {"options": listed}}
    return question


def _answer(question: dict[str, object], values: Sequence[str]) -> dict[str, object]:
    details = question["questionDetails"]
    if isinstance(details, dict) and "multipleChoiceQuestionDetails" in details:
        options = details["multipleChoiceQuestionDetails"]["options"]
        ids = {each["text"]["localized"]["en_US"]: each["id"] for each in options}
        given: dict[str, object] = {"multipleChoiceAnswer": {"options": [ids[each] for each in values]}}
    else:
        given = {"textQuestionAnswer": {"answer": values[0]}}
    return {"questionId": question["questionId"], "answerDetails": given}
