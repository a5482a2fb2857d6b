"""A platform, simulated, whose leads and sign-ins outlive the program.

Which platform it is nobody here says: any installed connector whose accounts are signed in to, that polls and is
delivered to, and whose conformance kit brings a simulator that announces by itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast, runtime_checkable

import aiohttp
from pydantic import SecretStr

from hub.connector.base import Authorizes, Connector, Polls, Subscribes
from hub.connector.clock import SystemClock
from hub.connector.models import FieldType, Question
from hub.connectors import Registry
from hub.demo.errors import DemoError
from hub.demo.journal import Journal
from hub.demo.people import Writer
from hub.demo.tokens import JournaledTokenBook
from hub.testing.check import find_kits
from hub.testing.journal import SentDelivery
from hub.testing.simulator import Simulator

QUESTIONS = (
    Question(key="full_name", label="Full name"),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
    Question(key="phone", label="Phone", kind=FieldType.PHONE),
    Question(key="message", label="What can we do for you?", kind=FieldType.LONG_TEXT),
)
ADS = ("Spring check-up", "Free consultation", "New in town")


@runtime_checkable
class Announces(Protocol):
    """A simulator that knows where its deliveries are wanted, and repeats what was not acknowledged."""

    async def announce(
        self, source_ids: Iterable[str], *, at_once: bool = True, session: aiohttp.ClientSession | None = None
    ) -> list[SentDelivery]:
        """Deliver these, where a subscription stands."""
        ...

    async def retry_due(self, session: aiohttp.ClientSession | None = None) -> list[SentDelivery]:
        """Repeat what is due."""
        ...


def find_platform(registry: Registry) -> Connector:
    """The connector to demonstrate. Raises ``DemoError`` where none can be."""
    for connector in registry:
        is_fit = (
            isinstance(connector, Authorizes) and isinstance(connector, Polls) and isinstance(connector, Subscribes)
        )
        if is_fit and issubclass(find_kits(connector)[0].simulator, Announces):
            return connector
    raise DemoError("No installed connector brings a platform that can be demonstrated. Install the built-in ones.")


class SimulatedPlatform:
    """The simulator of a connector with its journal: every lead is on the disk before the platform shows it."""

    def __init__(self, connector: Connector, folder: Path, simulator: type[Simulator] | None = None) -> None:
        self.connector = connector
        self.simulator: Simulator = (simulator or find_kits(connector)[0].simulator)(SystemClock())
        self.journal = Journal(folder / "platform.jsonl")
        self._token_journal = Journal(folder / "tokens.jsonl")
        self.simulator.tokens = JournaledTokenBook(self.simulator.clock, self._token_journal)
        self._restore()

    async def __aenter__(self) -> Self:
        """Begin to listen on loopback."""
        await self.simulator.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, and close the journals."""
        await self.simulator.stop()
        self.journal.close()
        self._token_journal.close()

    def settings(self) -> dict[str, object]:
        """What an admin enters about the app at this platform, secrets in the open."""
        found = self.simulator.settings()
        values = {} if found is None else dict(found)
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in values.items()
            if value is not None
        }

    # --- what exists there --------------------------------------------------------------------------------

    def form(self, name: str, *, part_id: str | None = None) -> str:
        """The id of the form of this name, published now if there is none yet."""
        known = [each["id"] for each in self.journal.of("form") if each["name"] == name]
        if known:
            return str(known[0])
        entry = self.journal.note("form", id=str(9_100_000_001 + len(self.journal.of("form"))), name=name, part=part_id)
        self._show_form(entry["id"], name, part_id)
        return str(entry["id"])

    def lead(self, tag: str, form_id: str, writer: Writer, *, is_test: bool = False) -> str:
        """The id of the lead with this tag, which comes in now if there is none yet."""
        known = self._by_tag.get(tag)
        if known is not None:
            return known
        entry = self.journal.note(
            "lead",
            id=str(self.simulator.first_id + len(self._by_tag)),
            tag=tag,
            form=form_id,
            answers=writer.answers(),
            at=self.simulator.clock.now().isoformat(),
            test=is_test,
            ad=ADS[writer.number % len(ADS)],
        )
        self._show_lead(entry)
        return str(entry["id"])

    @property
    def leads(self) -> Mapping[str, bool]:
        """Every lead that the platform holds, and whether it is a test."""
        return {each["id"]: each["test"] for each in self.journal.of("lead")}

    @property
    def acknowledged(self) -> frozenset[str]:
        """Leads in deliveries that were answered with success."""
        return frozenset(each for entry in self.journal.of("acknowledged") for each in entry["ids"])

    # --- what leaves for the hub --------------------------------------------------------------------------

    async def announce(self, ids: Sequence[str], session: aiohttp.ClientSession, *, at_once: bool = False) -> int:
        """Deliver leads for the first time, under the faults set; says how many requests left.

        That they may have left is noted before, what was acknowledged after; what was lost on the way is known too.
        """
        fresh = [each for each in ids if each not in self._announced()]
        if not fresh:
            return 0
        self.journal.note("announced", ids=fresh)
        sent = await self._announcing.announce(fresh, at_once=at_once, session=session)
        self._note_answers(sent)
        lost = sorted(set(fresh) - {each for one in sent for each in one.source_ids})
        if lost:
            self.journal.note("lost", ids=lost)
        return len(sent)

    async def announce_again(self, session: aiohttp.ClientSession) -> int:
        """Repeat what was announced and never answered, as platforms do; says how many leads are still unanswered."""
        self._note_answers(await self._announcing.retry_due(session))
        if open_ones := self._unanswered():
            self._note_answers(await self._announcing.announce(sorted(open_ones), at_once=False, session=session))
        return len(self._unanswered())

    async def is_delivering(self, source_id: str, session: aiohttp.ClientSession) -> bool:
        """Whether a delivery of this lead, made now, leaves at all: somebody must have subscribed."""
        self.journal.note("announced", ids=[source_id])
        sent = await self._announcing.announce([source_id], session=session)
        self._note_answers(sent)
        return any(each.is_acknowledged for each in sent)

    def _note_answers(self, sent: Sequence[SentDelivery]) -> None:
        taken = sorted({each for one in sent if one.is_acknowledged for each in one.source_ids})
        if taken:
            self.journal.note("acknowledged", ids=taken)

    def _announced(self) -> Collection[str]:
        return {each for entry in self.journal.of("announced") for each in entry["ids"]}

    def _unanswered(self) -> set[str]:
        lost = {each for entry in self.journal.of("lost") for each in entry["ids"]}
        return set(self._announced()) - lost - self.acknowledged

    @property
    def _announcing(self) -> Announces:
        return cast(Announces, self.simulator)

    @property
    def _by_tag(self) -> dict[str, str]:
        return {each["tag"]: each["id"] for each in self.journal.of("lead")}

    def _restore(self) -> None:
        """Bring back what stands in the journal."""
        for entry in self.journal.of("form"):
            self._show_form(entry["id"], entry["name"], entry["part"])
        for entry in self.journal.of("lead"):
            self._show_lead(entry)

    def _show_form(self, form_id: str, name: str, part_id: str | None) -> None:
        self.simulator.add_form(name, QUESTIONS, form_id=form_id, part_id=part_id)

    def _show_lead(self, entry: Mapping[str, object]) -> None:
        self.simulator.add_submission(
            str(entry["form"]),
            self._answers_in(entry),
            submitted_at=datetime.fromisoformat(str(entry["at"])),
            source_id=str(entry["id"]),
            is_test=bool(entry["test"]),
            facts=self._facts_in(entry),
        )

    def _answers_in(self, entry: Mapping[str, object]) -> Mapping[str, Sequence[str]]:
        return cast(Mapping[str, Sequence[str]], entry["answers"])

    def _facts_in(self, entry: Mapping[str, object]) -> Mapping[str, str] | None:
        return {"ad_id": "77001", "ad_name": str(entry["ad"]), "campaign_id": "66001", "campaign_name": "Demo"}
