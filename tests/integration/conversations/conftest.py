"""An office whose connector brings messages and calls."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from hub.connector.conversations import Message
from hub.connector.models import Campaign, Identity, RawSubmission, Submission
from hub.core.conversations.models import conversation_pieces, threads
from hub.core.intake.models import receipts
from hub.core.leads.models import journey_steps
from hub.core.opt_outs.models import opt_outs
from tests.factories import PlainConnector
from tests.integration.intake.conftest import Office, office

__all__ = ["OWN", "PHONE", "Office", "Talk", "office", "talk"]

PHONE = "+4915112345678"
OWN = "+4930123456"


class TalkingConnector(PlainConnector):
    """``PlainConnector`` whose bodies may hold a message, a campaign and identities beside the answers."""

    def normalise(self, raw: RawSubmission) -> Submission:
        """Read the body."""
        found = super().normalise(raw)
        body: Any = raw.body
        more = {
            "message": Message.model_validate(body["message"]) if "message" in body else None,
            "campaign": Campaign.model_validate(body["campaign"]) if "campaign" in body else None,
            "identities": tuple(Identity.model_validate(each) for each in body.get("identities", ())),
        }
        return found.model_copy(update=more)


class Talk:
    """Sends pieces of conversations to an office, and looks at what became of them."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.connectors = office.intake.connectors = {"reference": TalkingConnector()}
        self._sent = 0

    def body(self, text: str = "", *, phone: str | None = PHONE, **more: Any) -> dict[str, Any]:
        """The body of a piece; ``more`` are fields of the message, or ``campaign``, ``identities`` and ``answers``."""
        sender = more.pop("sender", phone or "unknown")
        channel = more.pop("channel", "sms")
        answers = {"full_name": [], "phone": [phone] if phone else [], **more.pop("answers", {})}
        beside = {name: more.pop(name) for name in ("campaign", "identities", "test") if name in more}
        message = {
            "channel": channel,
            "thread": f"{channel}:{sender}",
            "sender": sender,
            "recipient": OWN,
            "text": text,
        }
        at = more.pop("at", self.office.clock.now())
        return {"answers": answers, "message": {**message, **more}, "at": at.isoformat(), **beside}

    async def say(self, text: str = "", *, source_id: str | None = None, **more: Any) -> str:
        """Send one piece, have it worked off, and return its disposition (with a reason behind a colon)."""
        self._sent += 1
        self.office.clock.advance(timedelta(seconds=1))
        await self.office.send((source_id or f"piece-{self._sent}", self.body(text, **more)))
        return self.last()

    def last(self) -> str:
        """Disposition and reason of the newest receipt."""
        row = self.office.rows(receipts)[-1]
        return f"{row.disposition}:{row.reason}" if row.reason else str(row.disposition)

    def steps(self, lead_id: UUID | None = None) -> list[str]:
        """The kinds of journey steps, oldest first."""
        rows = self.office.rows(journey_steps)
        return [row.kind for row in rows if lead_id in (None, row.lead_id)]

    def threads(self) -> list[Any]:
        """Every thread."""
        return list(self.office.rows(threads))

    def pieces(self) -> list[Any]:
        """Every piece."""
        return list(self.office.rows(conversation_pieces))

    def opt_outs(self) -> list[Any]:
        """Every opt-out and opt-in."""
        return list(self.office.rows(opt_outs))


@pytest.fixture
def talk(office: Office) -> Talk:
    """The office, talking."""
    return Talk(office)
