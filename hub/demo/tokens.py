"""Tokens of a simulated platform that outlive the program: a real platform would not forget them either."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hub.connector.clock import Clock
from hub.demo.journal import Entry, Journal
from hub.testing.tokens import IssuedToken, TokenBook


class JournaledTokenBook(TokenBook):
    """Writes down what it hands out and what becomes of it, and knows it again at the next start."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        super().__init__(clock)
        self._journal = journal
        for entry in journal:
            self._recall(entry)

    def issue(
        self,
        kind: str,
        *,
        lifetime: timedelta | None = None,
        scopes: tuple[str, ...] = (),
        facts: Mapping[str, str] | None = None,
    ) -> str:
        """A new token, noted before anybody has it."""
        value = super().issue(kind, lifetime=lifetime, scopes=scopes, facts=facts)
        token = self._issued[value]
        until = token.expires_at.isoformat() if token.expires_at else None
        self._journal.note("issued", value=value, token=kind, until=until, scopes=list(scopes), facts=dict(token.facts))
        return value

    def take(self, value: str, kind: str) -> IssuedToken | None:
        """A token that works once; that it was used is noted."""
        taken = super().take(value, kind)
        if taken is not None:
            self._journal.note("taken", value=value)
        return taken

    def expire(self, kinds: tuple[str, ...]) -> None:
        """End the time of all living tokens of these kinds."""
        super().expire(kinds)
        self._journal.note("expired", kinds=list(kinds), at=self._clock.now().isoformat())

    def revoke_all(self) -> None:
        """No token works any longer."""
        super().revoke_all()
        self._journal.note("revoked")

    def _recall(self, entry: Entry) -> None:
        match entry["kind"]:
            case "issued":
                until = datetime.fromisoformat(entry["until"]) if entry["until"] else None
                scopes = tuple(entry["scopes"])
                self._issued[entry["value"]] = IssuedToken(
                    entry["value"], entry["token"], until, scopes, entry["facts"]
                )
            case "taken":
                self._issued[entry["value"]].is_revoked = True
            case "expired":
                for token in self._issued.values():
                    if token.kind in entry["kinds"]:
                        token.expires_at = datetime.fromisoformat(entry["at"])
            case "revoked":
                for token in self._issued.values():
                    token.is_revoked = True
