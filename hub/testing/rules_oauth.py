"""Rules on signing in and on making a grant last."""

from datetime import timedelta
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from hub.connector.base import Authorizes
from hub.connector.models import Grant
from hub.testing.connected import REDIRECT_URI, STATE, ConnectedSource, connect
from hub.testing.rules import (
    AUTHORIZES,
    PKCE,
    REFRESHES,
    RENEWS,
    REVOKES,
    RuleBrokenError,
    Rules,
    require,
    rule,
)
from hub.testing.tokens import IssuedToken

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The code challenge of RFC 7636 appendix B, for the kit's verifier."""
SAFETY = timedelta(minutes=10)


class OAuthRules(Rules):
    """Authorisation request, exchange, expiry, renewal, revocation (RFC 6749, 7636, 7009)."""

    @rule(AUTHORIZES)
    async def test_sign_in_carries_state(self) -> None:
        """The authorisation request asks for a code, with the hub's state and redirect URI, each exactly once."""
        async with connect(self, signed_in=False) as source:
            asked = parse_qsl(urlsplit(source.consent_url()).query)
            expected = {"response_type": "code", "state": STATE, "redirect_uri": REDIRECT_URI}
            for name, value in expected.items():
                found = [each for key, each in asked if key == name]
                require(found == [value], f"{name} in the authorisation request: {found}, expected once {value!r}")

    @rule(AUTHORIZES, PKCE)
    async def test_sign_in_carries_a_challenge(self) -> None:
        """Where the source understands PKCE, the authorisation request carries an S256 challenge."""
        async with connect(self, signed_in=False) as source:
            asked = dict(parse_qsl(urlsplit(source.consent_url()).query))
            require(asked.get("code_challenge") == CHALLENGE, "no PKCE challenge; set pkce=True in the profile")
            require(asked.get("code_challenge_method") == "S256", "the PKCE method is not S256")

    @rule(AUTHORIZES)
    async def test_code_becomes_a_grant(self) -> None:
        """The code of the redirect is exchanged for a living token, and the scopes granted are known."""
        async with connect(self) as source:
            token = _issued(source)
            require(source.simulator.tokens.is_live(token.value), "the access token does not live")
            if source.grant is not None:
                scopes = sorted(source.grant.scopes)
                require(scopes == sorted(token.scopes), f"scopes {scopes}, granted {sorted(token.scopes)}")

    @rule(AUTHORIZES)
    async def test_expiry_is_read(self) -> None:
        """A grant knows when its access token ends: not after the source says so, and not long before."""
        async with connect(self) as source:
            _check_expiry(source)

    @rule(RENEWS)
    async def test_renewal_gives_a_fresh_token(self) -> None:
        """Renewing gives another access token, which lives and ends later than the old one."""
        async with connect(self) as source:
            old, old_token = source.grant, _issued(source)
            if old_token.expires_at is not None:
                source.clock.advance((old_token.expires_at - source.clock.now()) / 2)
            fresh = await source.renew()
            require(old is not None and fresh.access_token != old.access_token, "the access token stayed the same")
            require(source.simulator.tokens.is_live(_issued(source).value), "the renewed token does not live")

    @rule(RENEWS)
    async def test_expiry_is_read_after_renewal(self) -> None:
        """A renewed grant knows its own end."""
        async with connect(self) as source:
            source.clock.advance(timedelta(minutes=5))
            await source.renew()
            _check_expiry(source)

    @rule(REFRESHES)
    async def test_refresh_token_is_kept_or_replaced(self) -> None:
        """Renewing three times in a row works: a new refresh token replaces the old one, none keeps it."""
        async with connect(self) as source:
            for _ in range(3):
                fresh = await source.renew()
                token = fresh.refresh_token
                require(
                    token is not None and source.simulator.tokens.is_live(token.get_secret_value()),
                    "after renewal the hub holds a refresh token that no longer works",
                )

    @rule(REVOKES)
    async def test_revocation_reaches_the_source(self) -> None:
        """When the hub gives a grant back, the source ends it."""
        async with connect(self) as source:
            token = _issued(source)
            if source.grant is not None:
                await cast(Authorizes, self.connector).revoke(source.grant, source.access)
            require(not source.simulator.tokens.is_live(token.value), "the token still lives after revoke()")


def _issued(source: ConnectedSource) -> IssuedToken:
    """What the source knows about the grant's access token."""
    grant: Grant | None = source.grant
    found = source.simulator.tokens.find(grant.access_token.get_secret_value()) if grant is not None else None
    if found is None:
        raise RuleBrokenError("the grant's access token was never issued by the source")
    return found


def _check_expiry(source: ConnectedSource) -> None:
    true_end = _issued(source).expires_at
    found = source.grant.expires_at if source.grant is not None else None
    if true_end is None:
        require(found is None, f"the token does not expire, but the grant says {found}")
        return
    latest = true_end + timedelta(seconds=1)
    require(
        found is not None and true_end - SAFETY <= found <= latest, f"the token ends at {true_end}, grant says {found}"
    )
