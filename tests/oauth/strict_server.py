"""An authorisation server that refuses what the standards let it refuse.

Written from RFC 6749, RFC 7636, RFC 9207 and RFC 9700, section 4.14.2: codes are good for one use, PKCE S256 is
required, refresh tokens rotate, and using an old one revokes the whole family. In grace mode the previous refresh
token is answered with the tokens already given out for it.
"""

import asyncio
import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer

CLIENT_ID = "client-1"
CLIENT_SECRET = "client-secret-canary"
REDIRECT_URI = "https://hub.example.com/oauth/strict"
ISSUER = "https://login.strict.example"


@dataclass
class Family:
    """Everything that came from one authorisation."""

    scope: str
    refresh: str = ""
    previous: str = ""
    access: str = ""
    is_revoked: bool = False


@dataclass
class Code:
    """An authorisation code and what it is bound to."""

    redirect_uri: str
    challenge: str
    family: Family
    is_used: bool = False


@dataclass
class StrictServer:
    """One server; ``async with`` it. Attributes may be changed while it runs."""

    is_graceful: bool = False
    latency: float = 0.0
    lifetime: object = 3600
    granted: str | None = None
    """The scope that the user grants in place of the one asked for."""
    account: str = "account-1"
    parts: tuple[str, ...] = ("part-1",)
    denies: bool = False
    fails_with: int | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Each token request as (grant type, outcome)."""
    revoked: list[str] = field(default_factory=list)
    unsubscribed: int = 0
    families: list[Family] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/authorize", self._authorize),
                web.post("/token", self._token),
                web.post("/revoke", self._revoke),
                web.get("/me", self._me),
                web.post("/unsubscribe", self._unsubscribe),
            ]
        )
        self._server = TestServer(app, host="127.0.0.1")
        await self._server.start_server()
        self.url = str(self._server.make_url("/")).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def refreshes(self) -> int:
        """How many refresh requests arrived."""
        return sum(kind == "refresh_token" for kind, _ in self.requests)

    def give(self, scope: str = "leads forms") -> Family:
        """A family as if somebody had signed in."""
        family = Family(scope)
        self._rotate(family)
        self.families.append(family)
        return family

    def _rotate(self, family: Family) -> None:
        family.previous, family.refresh = family.refresh, f"refresh-canary-{secrets.token_hex(8)}"
        family.access = f"access-canary-{secrets.token_hex(8)}"

    async def _authorize(self, request: web.Request) -> web.Response:
        query = request.query
        if query["client_id"] != CLIENT_ID or query["redirect_uri"] != REDIRECT_URI:
            raise web.HTTPBadRequest(text="unknown client or redirect address")
        answer = {"state": query["state"], "iss": ISSUER}
        if query["response_type"] != "code" or query.get("code_challenge_method") != "S256":
            answer["error"] = "invalid_request"
        elif self.denies:
            answer["error"] = "access_denied"
        else:
            family = self.give(self.granted or query["scope"])
            answer["code"] = secrets.token_urlsafe(16)
            self.codes[answer["code"]] = Code(query["redirect_uri"], query["code_challenge"], family)
        raise web.HTTPFound(f"{REDIRECT_URI}?{urlencode(answer)}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        kind = str(form.get("grant_type"))
        self.requests.append((kind, "arrived"))
        place = len(self.requests) - 1
        family, error = self._decide(kind, {name: str(value) for name, value in form.items()})
        answer = None if family is None else self._grant(family)
        await asyncio.sleep(self.latency)
        self.requests[place] = (kind, error or "granted")
        if self.fails_with:
            return web.json_response({}, status=self.fails_with)
        if answer is None:
            return web.json_response({"error": error}, status=401 if error == "invalid_client" else 400)
        return web.json_response(answer)

    def _grant(self, family: Family) -> dict[str, object]:
        return {
            "access_token": family.access,
            "refresh_token": family.refresh,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": family.scope,
        }

    def _decide(self, kind: str, form: dict[str, str]) -> tuple[Family | None, str]:
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return None, "invalid_client"
        if self.fails_with:
            return None, "server_error"
        if kind == "authorization_code":
            return self._redeem(form)
        if kind == "refresh_token":
            return self._refresh(form.get("refresh_token", ""))
        return None, "unsupported_grant_type"

    def _redeem(self, form: dict[str, str]) -> tuple[Family | None, str]:
        code = self.codes.get(form.get("code", ""))
        if code is None:
            return None, "invalid_grant"
        if code.is_used:
            code.family.is_revoked = True
            return None, "invalid_grant"
        code.is_used = True
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != code.challenge or form.get("redirect_uri") != code.redirect_uri:
            return None, "invalid_grant"
        return code.family, ""

    def _refresh(self, token: str) -> tuple[Family | None, str]:
        for family in self.families:
            if token == family.refresh and not family.is_revoked:
                self._rotate(family)
                return family, ""
            if token == family.previous and not family.is_revoked:
                if self.is_graceful:
                    return family, ""
                family.is_revoked = True
        return None, "invalid_grant"

    async def _revoke(self, request: web.Request) -> web.Response:
        token = str((await request.post()).get("token"))
        self.revoked.append(token)
        for family in self.families:
            family.is_revoked |= token in (family.refresh, family.access)
        return web.Response(status=self.fails_with or 200)

    def _bearer(self, request: web.Request) -> Family:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        for family in self.families:
            if token == family.access and not family.is_revoked:
                return family
        raise web.HTTPUnauthorized(text='{"error": "invalid_token"}', content_type="application/json")

    async def _me(self, request: web.Request) -> web.Response:
        self._bearer(request)
        return web.json_response({"id": self.account, "name": "Example Account", "parts": list(self.parts)})

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        self._bearer(request)
        self.unsubscribed += 1
        return web.Response(status=self.fails_with or 200)
