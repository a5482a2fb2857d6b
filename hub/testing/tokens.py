"""Codes and tokens that a simulated authorisation server has handed out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hub.connector.clock import Clock

CODE_LIFE = timedelta(minutes=10)
"""The longest life that RFC 6749 section 4.1.2 recommends for an authorisation code."""


@dataclass
class IssuedToken:
    """One code or token. ``kind`` is the simulator's own word (``code``, ``access``, ``refresh``, ``page`` ...).

    ``facts`` keep what it is bound to: the redirect URI, the PKCE challenge, the person.
    """

    value: str
    kind: str
    expires_at: datetime | None
    scopes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    is_revoked: bool = False


class TokenBook:
    """Hands out tokens, the same in each run, and remembers their state."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._issued: dict[str, IssuedToken] = {}

    def issue(
        self,
        kind: str,
        *,
        lifetime: timedelta | None = None,
        scopes: tuple[str, ...] = (),
        facts: Mapping[str, str] | None = None,
    ) -> str:
        """A new token of this kind; without ``lifetime`` it does not expire."""
        number = len(self._issued) + 1
        value = f"{kind}-{number}-{hashlib.sha256(f'{kind} {number}'.encode()).hexdigest()[:32]}"
        expires_at = self._clock.now() + lifetime if lifetime is not None else None
        self._issued[value] = IssuedToken(value, kind, expires_at, scopes, facts or {})
        return value

    def find(self, value: str, kind: str | None = None) -> IssuedToken | None:
        """The token, living or dead; None where it was never issued (or is of another kind)."""
        found = self._issued.get(value)
        return found if found is not None and kind in (None, found.kind) else None

    def is_expired(self, token: IssuedToken) -> bool:
        """Whether its time is over."""
        return token.expires_at is not None and token.expires_at <= self._clock.now()

    def is_live(self, value: str, kind: str | None = None) -> bool:
        """Whether the token was issued, has time left and was not revoked."""
        found = self.find(value, kind)
        return found is not None and not found.is_revoked and not self.is_expired(found)

    def take(self, value: str, kind: str) -> IssuedToken | None:
        """A living token that works once, such as an authorisation code or a rotated refresh token."""
        if not self.is_live(value, kind):
            return None
        self._issued[value].is_revoked = True
        return self._issued[value]

    def expire(self, kinds: tuple[str, ...]) -> None:
        """End the time of all living tokens of these kinds."""
        for token in self._issued.values():
            if token.kind in kinds:
                token.expires_at = self._clock.now()

    def revoke_all(self) -> None:
        """No token of any kind works any longer; those issued afterwards do."""
        for token in self._issued.values():
            token.is_revoked = True

    def values(self) -> frozenset[str]:
        """Everything that was ever handed out."""
        return frozenset(self._issued)
