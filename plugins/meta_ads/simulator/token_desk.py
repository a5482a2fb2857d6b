"""Codes to tokens, tokens to longer tokens, and what a token is (protocol page section 2.3)."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hub.testing.tokens import IssuedToken
from plugins.meta_ads.simulator.answers import GraphError
from plugins.meta_ads.simulator.callers import Caller, check_living
from plugins.meta_ads.simulator.world import PAGE_PERMISSIONS, MetaWorld

SHORT = timedelta(hours=2)
LONG = timedelta(seconds=5_183_944)


class TokenDesk:
    """The token endpoint and ``debug_token``."""

    def __init__(self, world: MetaWorld) -> None:
        self._world = world

    def hand_out(self, params: Mapping[str, str]) -> dict[str, Any]:
        """GET ``oauth/access_token`` in its three forms."""
        if params.get("client_id") != self._world.app_id:
            raise GraphError(101, "Error validating application. Cannot get application info due to a system error.")
        if params.get("client_secret") != self._world.webhook_secret.get_secret_value():
            raise GraphError(1, "Error validating client secret.")
        kind = params.get("grant_type")
        if kind == "client_credentials":
            return {"access_token": self._world.app_token, "token_type": "bearer"}
        if kind == "fb_exchange_token":
            return self._lengthen(params.get("fb_exchange_token", ""))
        return self._first(params)

    def _first(self, params: Mapping[str, str]) -> dict[str, Any]:
        code = self._world.tokens.take(params.get("code", ""), "code")
        if code is None:
            raise GraphError(100, "This authorization code has been used or has expired.")
        if code.facts["redirect_uri"] != params.get("redirect_uri"):
            raise GraphError(
                100,
                "Error validating verification code. Please make sure your redirect_uri is identical to the one you "
                "used in the OAuth dialog request",
            )
        if code.facts["challenge"] and code.facts["challenge"] != _challenge(params.get("code_verifier", "")):
            raise GraphError(100, "Error validating the code verifier.")
        if code.facts["kind"] == "system":
            return self._issue("access", None, code)
        return self._issue("short", SHORT, code)

    def _lengthen(self, value: str) -> dict[str, Any]:
        """Only a living token of a person can be exchanged."""
        token = self._world.tokens.find(value)
        if token is None or token.kind not in ("short", "access"):
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        check_living(self._world, token)
        return self._issue("access", LONG, token)

    def _issue(self, kind: str, lifetime: timedelta | None, of: IssuedToken) -> dict[str, Any]:
        facts = {name: of.facts[name] for name in ("person", "pages")}
        facts["issued_at"] = str(int(self._world.clock.now().timestamp()))
        value = self._world.tokens.issue(kind, lifetime=lifetime, scopes=of.scopes, facts=facts)
        found: dict[str, Any] = {"access_token": value, "token_type": "bearer"}
        if lifetime is not None:
            found["expires_in"] = int(lifetime.total_seconds())
        return found

    def page_token(self, caller: Caller, page_id: str) -> str:
        """The token of one Page; the same each time, and without a date when the person's token is a long one."""
        key = (caller.value, page_id)
        if key not in self._world.page_tokens and caller.token is not None:
            facts = {**caller.token.facts, "page": page_id}
            lifetime = SHORT if caller.token.kind == "short" else None
            self._world.page_tokens[key] = self._world.tokens.issue(
                "page", lifetime=lifetime, scopes=caller.token.scopes, facts=facts
            )
        return self._world.page_tokens[key]

    def describe(self, value: str) -> dict[str, Any]:
        """``debug_token``: works for dead tokens too, and says why they are dead."""
        token = self._world.tokens.find(value)
        if token is None or token.kind == "code":
            return {"data": {"is_valid": False, "scopes": [], "error": _problem("Invalid OAuth access token.", None)}}
        person = self._world.people[token.facts["person"]]
        until = person.data_access_until
        found: dict[str, Any] = {
            "app_id": self._world.app_id,
            "type": "PAGE" if token.kind == "page" else "USER",
            "application": "Leadhub",
            "is_valid": True,
            "issued_at": int(token.facts["issued_at"]),
            "expires_at": int(token.expires_at.timestamp()) if token.expires_at else 0,
            "data_access_expires_at": int(until.timestamp()) if until else 0,
            "scopes": list(token.scopes),
            "granular_scopes": [self._granular(scope, token.facts["pages"]) for scope in token.scopes],
            "user_id": person.id,
        }
        try:
            check_living(self._world, token)
        except GraphError as error:
            found |= {"is_valid": False, "error": _problem(str(error), error.body.get("error_subcode"))}
        return {"data": found}

    def _granular(self, scope: str, pages: str) -> dict[str, Any]:
        shared = [each for each in pages.split(",") if each]
        targets = [each for each in shared if scope not in self._world.pages[each].taken]
        return {"scope": scope, "target_ids": targets} if scope in PAGE_PERMISSIONS and shared else {"scope": scope}


def _problem(message: str, subcode: Any) -> dict[str, Any]:
    return {"code": 190, "message": message, **({"subcode": subcode} if subcode else {})}


def _challenge(verifier: str) -> str:
    """S256 (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
