"""Invented people: each of them writes once, and under an address of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

FIRST = ("Ada", "Bruno", "Carla", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Inês", "Jan", "Kaja", "Luca", "Maya")
LAST = ("Almeida", "Berg", "Costa", "Dahl", "Esposito", "Fischer", "Grant", "Hansen", "Ito", "Jensen", "Kowalski")
WISHES = ("A first appointment, please.", "What does a check-up cost?", "Do you have time on Saturday?")


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who fills in a form. ``number`` makes them somebody else than everybody before."""

    number: int

    @property
    def name(self) -> str:
        """As they would write it."""
        return f"{FIRST[self.number % len(FIRST)]} {LAST[self.number % len(LAST)]}"

    @property
    def email(self) -> str:
        """Unique; the domain is reserved for examples (RFC 2606)."""
        return f"writer.{self.number}@people.example.com"

    @property
    def phone(self) -> str:
        """Unique; a mobile number of Portugal."""
        return f"+3519{1 + self.number // 10_000_000 % 3}{self.number % 10_000_000:07d}"

    @property
    def wish(self) -> str:
        """What they ask for."""
        return WISHES[self.number % len(WISHES)]

    def answers(self) -> dict[str, Sequence[str]]:
        """Their answers by question key, as the demonstration's forms ask."""
        return {"full_name": (self.name,), "email": (self.email,), "phone": (self.phone,), "message": (self.wish,)}
