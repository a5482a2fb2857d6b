"""What the connector asks and sends by the Cloud API, judged by the simulator."""

import json

import pytest

from hub.connector.conversations import Channel
from hub.connector.errors import PermanentError, ReauthorizationNeededError, RecipientRefusedError
from plugins.sms_voice.simulator.whatsapp import WhatsAppSimulator
from plugins.sms_voice.tests.reaching import CONNECTOR, reached, text_to

BSUID = "US.13491208655302741918"


@pytest.fixture
def simulator() -> WhatsAppSimulator:
    """An account with two numbers of one name."""
    made = WhatsAppSimulator()
    for _ in range(2):
        made.add_form("Example Roofs")
    return made


async def test_account_and_its_numbers_are_named(simulator: WhatsAppSimulator) -> None:
    """Numbers are parts; those of one verified name are told apart by the number."""
    async with reached(simulator) as access:
        found = await CONNECTOR.identify(access)
        forms = await CONNECTOR.list_forms(access)
    assert (found.id, found.name, found.missing_rights) == (simulator.business_account_id, "Example Roofs", ())
    assert {each.id for each in found.parts} == set(simulator.numbers)
    assert len({each.name for each in forms}) == 2
    assert {each.part_id for each in forms} == set(simulator.numbers)


@pytest.mark.parametrize("scope", ["whatsapp_business_messaging", "whatsapp_business_management"])
async def test_missing_permission_is_named(simulator: WhatsAppSimulator, scope: str) -> None:
    """What the token was not made for stands among the missing rights."""
    simulator.token_scopes = tuple(each for each in simulator.token_scopes if each != scope)
    async with reached(simulator) as access:
        (missing,) = (await CONNECTOR.identify(access)).missing_rights
    assert scope in missing


async def test_account_that_is_not_linked_is_noticed(simulator: WhatsAppSimulator) -> None:
    """An app that gets nothing of the account is said to be unlinked: no error would ever show it."""
    simulator.is_linked = False
    async with reached(simulator) as access:
        (missing,) = (await CONNECTOR.identify(access)).missing_rights
    assert "link" in missing


async def test_withdrawn_token_asks_for_a_new_one(simulator: WhatsAppSimulator) -> None:
    """A dead token is an error that only the admin can mend."""
    simulator.revoke()
    async with reached(simulator) as access:
        with pytest.raises(ReauthorizationNeededError):
            await CONNECTOR.identify(access)


async def test_wrong_account_id_is_named(simulator: WhatsAppSimulator) -> None:
    """An account that the token does not see is an error of the settings."""
    async with reached(simulator) as access:
        simulator.business_account_id = "999999999999999"
        with pytest.raises(PermanentError, match="WhatsApp Business Account ID"):
            await CONNECTOR.identify(access)


@pytest.mark.parametrize(
    ("recipient", "member", "written"), [("+5215512345678", "to", "525512345678"), (BSUID, "recipient", BSUID)]
)
async def test_numbers_and_ids_are_addressed_each_in_its_way(
    simulator: WhatsAppSimulator, recipient: str, member: str, written: str
) -> None:
    """A number goes into ``to`` in its present spelling, a business-scoped id into ``recipient``."""
    sender = simulator.own_address(Channel.WHATSAPP)
    async with reached(simulator) as access:
        sent = await CONNECTOR.send(access, text_to(recipient, sender=sender, channel=Channel.WHATSAPP))
    body = json.loads(simulator.requests[-1].body)
    assert body[member] == written
    assert ("to" in body) != ("recipient" in body)
    assert sent.provider_id == simulator.sent_messages[-1].provider_id


async def test_closed_window_is_no_fault_of_the_person(simulator: WhatsAppSimulator) -> None:
    """Outside the 24 hours the message is refused, and the person is not said to be out of reach."""
    sender = simulator.own_address(Channel.WHATSAPP)
    simulator.window_closed.add("+15005550006")
    async with reached(simulator) as access:
        with pytest.raises(PermanentError) as found:
            await CONNECTOR.send(access, text_to("+15005550006", sender=sender, channel=Channel.WHATSAPP))
    assert found.value.code == "window_closed"
    assert not isinstance(found.value, RecipientRefusedError)


@pytest.mark.parametrize(("channel", "length"), [(Channel.SMS, 5), (Channel.WHATSAPP, 4097)])
async def test_what_cannot_be_sent_is_not_asked(simulator: WhatsAppSimulator, channel: Channel, length: int) -> None:
    """Another channel and a text that is too long are refused without a request."""
    sender = simulator.own_address(Channel.WHATSAPP)
    async with reached(simulator) as access:
        with pytest.raises(PermanentError):
            await CONNECTOR.send(access, text_to("+15005550006", sender=sender, channel=channel, text="x" * length))
    assert not simulator.requests
