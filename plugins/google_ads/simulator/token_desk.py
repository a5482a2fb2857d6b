"""Codes to tokens, renewal, revocation, and who somebody is (protocol page section 3)."""

import base64
import hashlib
from datetime import timedelta
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from hub.testing.faults import PlatformAnswer
from hub.testing.tokens import IssuedToken
from plugins.google_ads.simulator.ads import living_token
from plugins.google_ads.simulator.answers import AdsError, oauth_refusal
from plugins.google_ads.simulator.world import GoogleWorld

ACCESS_LIFE = timedelta(seconds=3599)
TESTING_LIFE = timedelta(days=7)
EMAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"
PROFILE_SCOPE = "https://www.googleapis.com/auth/userinfo.profile"
DEAD = "Token has been expired or revoked."


class RefusedError(Exception):
    """The token endpoint says no."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.answer = oauth_refusal(status, error, description)


class TokenDesk:
    """``/token``, ``/revoke`` and ``/v1/userinfo``."""

    def __init__(self, world: GoogleWorld) -> None:
        self._world = world

    async def hand_out(self, request: web.Request) -> web.Response:
        """POST ``/token`` in its two forms; only as a form (RFC 6749 section 4.1.3)."""
        try:
            form = await self._form(request)
            self._check_client(form)
            if form.get("grant_type") == "authorization_code":
                return web.json_response(self._first(form))
            if form.get("grant_type") == "refresh_token":
                return web.json_response(self._renewed(form))
            raise RefusedError(400, "unsupported_grant_type", "Invalid grant_type.")
        except RefusedError as refusal:
            return _web(refusal.answer)

    async def revoke(self, request: web.Request) -> web.Response:
        """POST ``/revoke``: ends everything that the person allowed to this client."""
        form = await request.post()
        token = self._world.tokens.find(str(form.get("token", "")))
        if token is None or token.is_revoked or token.kind == "code":
            return _web(oauth_refusal(400, "invalid_token", DEAD))
        self._world.remove_app(token.facts["person"])
        return web.json_response({})

    async def userinfo(self, request: web.Request) -> web.Response:
        """Who signed in: as much as the scopes allow (OpenID Connect Core section 5.3)."""
        try:
            token = living_token(self._world, request)
        except AdsError:
            return _web(oauth_refusal(401, "invalid_request", "Invalid Credentials"))
        person = self._world.people[token.facts["person"]]
        found: dict[str, Any] = {"sub": person.id}
        if PROFILE_SCOPE in token.scopes:
            found |= {"name": person.name, "given_name": person.name.partition(" ")[0]}
        if EMAIL_SCOPE in token.scopes:
            found |= {"email": person.email, "email_verified": True}
        return web.json_response(found)

    async def _form(self, request: web.Request) -> MultiDictProxy[Any]:
        if request.content_type != "application/x-www-form-urlencoded":
            raise RefusedError(400, "invalid_request", "The request must be a form.")
        return await request.post()

    def _check_client(self, form: MultiDictProxy[Any]) -> None:
        if form.get("client_id") != self._world.client_id:
            raise RefusedError(401, "invalid_client", "The OAuth client was not found.")
        if form.get("client_secret") != self._world.client_secret.get_secret_value():
            raise RefusedError(401, "invalid_client", "Unauthorized")

    def _first(self, form: MultiDictProxy[Any]) -> dict[str, Any]:
        code = self._world.tokens.take(str(form.get("code", "")), "code")
        if code is None:
            raise RefusedError(400, "invalid_grant", "Malformed auth code.")
        if code.facts["redirect_uri"] != form.get("redirect_uri"):
            raise RefusedError(400, "redirect_uri_mismatch", "Bad Request")
        if code.facts["challenge"] and code.facts["challenge"] != challenge_of(str(form.get("code_verifier", ""))):
            raise RefusedError(400, "invalid_grant", "Invalid code verifier.")
        answer = self._issue(code)
        if code.facts["gives_refresh"]:
            life = TESTING_LIFE if self._world.is_in_testing else None
            facts = {"person": code.facts["person"]}
            answer["refresh_token"] = self._world.tokens.issue(
                "refresh", lifetime=life, scopes=code.scopes, facts=facts
            )
            if life is not None:
                answer["refresh_token_expires_in"] = int(life.total_seconds())
        return answer

    def _renewed(self, form: MultiDictProxy[Any]) -> dict[str, Any]:
        """The answer holds no new refresh token: the old one stays good."""
        value = str(form.get("refresh_token", ""))
        token = self._world.tokens.find(value, "refresh")
        if token is None or not self._world.tokens.is_live(value, "refresh"):
            raise RefusedError(400, "invalid_grant", DEAD)
        return self._issue(token)

    def _issue(self, of: IssuedToken) -> dict[str, Any]:
        facts = {"person": of.facts["person"]}
        value = self._world.tokens.issue("access", lifetime=ACCESS_LIFE, scopes=of.scopes, facts=facts)
        return {
            "access_token": value,
            "expires_in": int(ACCESS_LIFE.total_seconds()),
            "scope": " ".join(of.scopes),
            "token_type": "Bearer",
        }


def challenge_of(verifier: str) -> str:
    """S256 (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _web(answer: PlatformAnswer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)
