"""A conversation in any order, in batches of any size, with repeats: the same lead and every piece once."""

import random
from collections import Counter
from typing import Any

import pytest

from hub.connector.conversations import MessageKind
from hub.core.conversations.pieces import STEP_KINDS
from hub.core.intake.balance import recount
from hub.core.leads.models import journey_steps, persons
from tests.integration.conversations.conftest import PHONE, Talk

CALL: dict[str, Any] = {"channel": "voice", "thread": "call-1", "sender": "anonymous", "phone": None}
SCRIPT: dict[str, dict[str, Any]] = {
    "sms-1": {"text": "Hello"},
    "sms-2": {"text": "Are you there?"},
    "sms-3": {"text": "STOP"},
    "sms-4": {"text": "START"},
    "edit-1": {"kind": "edit", "text": "Hello!", "amends": "sms-1"},
    "edit-2": {"kind": "edit", "text": "Hello!!", "amends": "sms-1"},
    "gone-2": {"kind": "revocation", "amends": "sms-2"},
    "wish": {"kind": "preference", "preference": "opt_in"},
    "call-1": {**CALL, "kind": "call", "phone": PHONE, "sender": PHONE},
    "recording-1": {**CALL, "kind": "recording", "phone": PHONE},
    "transcript-1": {**CALL, "kind": "transcript", "text": "A massage, please"},
}


@pytest.mark.parametrize("seed", range(5))
async def test_every_order_ends_with_the_same_conversation(talk: Talk, seed: int) -> None:
    """What may begin the lead does; whatever came before it is taken over."""
    chance = random.Random(seed)
    sent = [*SCRIPT, *chance.choices(list(SCRIPT), k=5)]
    chance.shuffle(sent)
    bodies = {name: talk.body(**fields) for name, fields in SCRIPT.items()}
    # The call's own pieces know no phone, so what says the phone must come before another lead can begin.
    sent.sort(key=lambda name: name == "transcript-1")
    while sent:
        size = chance.randint(1, 4)
        await talk.office.send(*((name, bodies[name]) for name in sent[:size]))
        del sent[:size]
    assert len(talk.office.leads()) == 1
    assert len(talk.office.rows(persons)) == 1
    lead = talk.office.leads()[0].id
    assert {piece.source_id for piece in talk.pieces()} == set(SCRIPT)
    assert [piece.lead_id for piece in talk.pieces()] == [lead] * len(SCRIPT)
    counted = Counter(row.detail["piece"] for row in talk.office.rows(journey_steps) if "piece" in row.detail)
    kinds = {str(piece.id): MessageKind(piece.kind) for piece in talk.pieces()}
    wishes = {str(piece.id) for piece in talk.pieces() if piece.preference}
    assert counted == {each: (kind in STEP_KINDS) + (each in wishes) for each, kind in kinds.items()}
    assert Counter(talk.office.dispositions())["duplicate"] == 5
    assert talk.office.database.read_now(recount, talk.office.organisation_id).agrees
