"""STOP through the whole hub: said by text message while messages wait, over a real webhook and the real job engine."""

import asyncio
from typing import Any

import pytest

from tests.integration.hub.test_sms_voice import ADA, BEN, ServedWithNumbers, twilio

__all__ = ["twilio"]

WAITING = 40
PATIENCE = 3


@pytest.mark.proves("DA-08")
async def test_stop_by_text_message_reaches_everything_that_waits(twilio: ServedWithNumbers) -> None:
    """Forty messages wait because the platform asked to slow down; the person says stop, another does not. Nothing is
    sent to the one, everything to the other, and a new message to the one is refused until they say start."""
    await twilio.connect()
    await twilio.ask("PUT", "/api/v1/quiet-hours", {"starts": None, "ends": None})
    await twilio.post(twilio.text("SM" + "a" * 32, ADA, "Quote please"))
    await twilio.post(twilio.text("SM" + "b" * 32, BEN, "Me too"))
    leads = {lead["phone"]: f"/api/v1/leads/{lead['id']}/messages" for lead in await twilio.until(2)}
    twilio.simulator.rate_limit(PATIENCE)
    for number in range(WAITING):
        await twilio.ask("POST", leads[ADA], {"text": f"{number}"}, expect=201)
    await twilio.ask("POST", leads[BEN], {"text": "for Ben"}, expect=201)
    await twilio.post(twilio.text("SM" + "c" * 32, ADA, "STOP"))
    await twilio.until_totals(3)
    refused = await twilio.ask("POST", leads[ADA], {"text": "one more"}, expect=409)
    assert refused["type"] == "urn:leadhub:problem:opted-out"
    assert await _states(twilio, leads[ADA]) == {"refused"}
    assert await _states(twilio, leads[BEN]) == {"sent"}
    assert [each.recipient for each in twilio.simulator.sent_messages] == [BEN]
    await twilio.post(twilio.text("SM" + "d" * 32, ADA, "START"))
    await twilio.until_totals(4)
    await twilio.ask("POST", leads[ADA], {"text": "welcome back"}, expect=201)


async def _states(twilio: ServedWithNumbers, path: str) -> set[str]:
    """The states of a lead's messages once none of them waits any more."""
    found: set[Any] = set()
    for _ in range(400):
        found = {each["state"] for each in (await twilio.ask("GET", f"{path}?limit=200"))["items"]}
        if not found & {"queued", "sending"}:
            break
        await asyncio.sleep(0.05)
    return found
