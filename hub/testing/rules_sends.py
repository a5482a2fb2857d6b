"""Rules on sending: a message leaves once, as it was written, and what came of it is named rightly."""

import traceback
from datetime import timedelta
from typing import cast

from hub.connector.base import Sends
from hub.connector.delivery import DeliveryStatus
from hub.connector.errors import (
    ConnectorError,
    RateLimitedError,
    RecipientRefusedError,
    RetryableError,
    UnverifiedRequestError,
)
from hub.connector.models import InboundRequest
from hub.testing.connected import ConnectedSource, connect, raised_by
from hub.testing.listening import listening
from hub.testing.rules import (
    KNOWS_MESSAGE_IDS,
    KNOWS_OPT_OUTS,
    SENDS,
    SIGNS_HEADERS,
    TELLS_DELIVERY,
    Rules,
    require,
    rule,
)
from hub.testing.transport import LoopbackTransport

TEXT = "Good morning Ada, shall we say 10:30? \u2615 ~kit~"
SHORT_PATIENCE = timedelta(milliseconds=50)
SLOWNESS = 0.5


class SendRules(Rules):
    """``send`` and ``channels``."""

    @rule(SENDS)
    async def test_channels_are_those_of_the_source(self) -> None:
        """channels() names exactly the channels on which the source, as it is set up, sends."""
        async with connect(self) as source:
            settings = source.simulator.settings()
            if settings is not None:
                found = set(cast(Sends, self.connector).channels(settings))
                require(found == set(source.simulator.channels), f"channels() names {sorted(found)}")

    @rule(SENDS)
    async def test_message_is_taken_as_it_was_written(self) -> None:
        """On every channel the source takes one message, with text and addresses as given, and its id comes back."""
        async with connect(self) as source:
            for channel in source.simulator.channels:
                message, before = source.message(TEXT, channel), len(source.simulator.sent_messages)
                sent = await source.sending.send(source.access, message)
                taken = source.simulator.sent_messages[before:]
                require(len(taken) == 1, f"one message by {channel} became {len(taken)}")
                found = (taken[0].channel, taken[0].text, taken[0].sender, taken[0].recipient)
                wanted = (channel, TEXT, message.sender, message.recipient)
                require(found == wanted, f"the source took {found}, expected {wanted}")
                require(
                    sent.provider_id == taken[0].provider_id,
                    f"the source calls the message {taken[0].provider_id!r}, send() gave {sent.provider_id!r}",
                )

    @rule(SENDS)
    async def test_message_leaves_in_one_request(self) -> None:
        """An answer that is lost or unreadable is not asked for again: that could send the message twice."""
        async with connect(self) as source:
            for name in ("fail", "garbage"):
                source.simulator.heal()
                _trouble(source, name)
                before = len(source.simulator.requests)
                await raised_by(lambda: source.sending.send(source.access, source.message(TEXT)))
                made = len(source.simulator.requests) - before
                require(made == 1, f"send() made {made} requests for one message")

    @rule(SENDS)
    async def test_lost_answer_is_no_refusal(self) -> None:
        """5xx, garbage and silence are RetryableErrors and no RateLimitedErrors: the message may have been taken."""
        async with connect(self) as source:
            for name in ("fail", "garbage", "slow"):
                source.simulator.heal()
                _trouble(source, name)
                async with LoopbackTransport(source.simulator.origin_overrides(), timeout=SHORT_PATIENCE) as impatient:
                    access = source.access_through(impatient)
                    error = await raised_by(lambda: source.sending.send(access, source.message(TEXT)))  # noqa: B023
                is_open = isinstance(error, RetryableError) and not isinstance(error, RateLimitedError)
                require(is_open, f"send() with a lost answer ({name}) raised {error!r}")

    @rule(SENDS)
    async def test_refused_recipient_is_named(self) -> None:
        """Who cannot be written to is a RecipientRefusedError without an opt-out, and the next person is reached."""
        async with connect(self) as source:
            error = await source.refusal(opted_out=False)
            require(isinstance(error, RecipientRefusedError), f"send() to nobody raised {error!r}")
            require(not cast(RecipientRefusedError, error).opted_out, "a wrong address was called an opt-out")
            other = source.message(TEXT, number=2)
            await source.sending.send(source.access, other)
            taken = [each.recipient for each in source.simulator.sent_messages]
            require(taken == [other.recipient], f"the source took messages to {taken}, expected {other.recipient}")

    @rule(SENDS, KNOWS_OPT_OUTS)
    async def test_opt_out_at_the_source_is_told(self) -> None:
        """Where the source says that the person opted out, the RecipientRefusedError says so too."""
        async with connect(self) as source:
            error = await source.refusal(opted_out=True)
            is_told = isinstance(error, RecipientRefusedError) and error.opted_out
            require(is_told, f"send() to somebody who opted out raised {error!r} without opted_out")

    @rule(SENDS, KNOWS_MESSAGE_IDS)
    async def test_message_id_goes_along(self) -> None:
        """A message that is handed over twice is taken once: the source gets the hub's own id of it."""
        async with connect(self) as source:
            message = source.message(TEXT)
            sent = [await source.sending.send(source.access, message) for _ in range(2)]
            taken = source.simulator.sent_messages
            require(len(taken) == 1, f"one message, handed over twice, was taken {len(taken)} times")
            require(sent[0] == sent[1], "the same message got two ids of the source")

    @rule(SENDS)
    async def test_message_stays_private(self) -> None:
        """Neither the text nor the person's address stands in a log line, in what is printed, or in an error."""
        async with connect(self) as source:
            message = source.message(TEXT)
            with listening() as heard:
                await source.sending.send(source.access, message)
                for name in ("fail", "garbage", "refuse"):
                    source.simulator.heal()
                    _trouble(source, name)
                    error = await raised_by(lambda: source.sending.send(source.access, message))
                    heard.write(_told(error))
            for private in (TEXT, message.recipient, message.recipient.lstrip("+")):
                require(private not in heard.getvalue(), f"{private!r} stands in a log line or an error of send()")


class DeliveryRules(Rules):
    """Delivery reports."""

    @rule(SENDS, TELLS_DELIVERY)
    async def test_every_delivery_report_is_read(self) -> None:
        """Each status that the source tells, told twice, comes as one report with the message's id each time."""
        async with connect(self) as source:
            for status, request in await _reports(source):
                for _ in range(2):
                    found = [(each.provider_id, each.status) for each in source.receive(request).reports]
                    wanted = [(source.simulator.sent_messages[-1].provider_id, status)]
                    require(found == wanted, f"a report of {status} became {found}, expected {wanted}")

    @rule(SENDS, TELLS_DELIVERY)
    async def test_delivery_report_is_no_lead(self) -> None:
        """A report makes neither a submission nor a pointer."""
        async with connect(self) as source:
            for status, request in await _reports(source):
                received = source.receive(request)
                require(not received.submissions and not received.pointers, f"a report of {status} became a lead")

    @rule(SENDS, TELLS_DELIVERY, SIGNS_HEADERS)
    async def test_unsigned_delivery_report_is_refused(self) -> None:
        """A report that nobody signed is an UnverifiedRequestError, like any other delivery."""
        async with connect(self) as source:
            for status, request in await _reports(source):
                error = await _refused(source, source.simulator.unsigned(request))
                require(isinstance(error, UnverifiedRequestError), f"an unsigned report of {status} raised {error!r}")


async def _reports(source: ConnectedSource) -> list[tuple[DeliveryStatus, InboundRequest]]:
    sent = await source.sending.send(source.access, source.message(TEXT))
    made = [(status, source.simulator.delivery_report(sent.provider_id, status)) for status in DeliveryStatus]
    return [(status, request) for status, request in made if request is not None]


async def _refused(source: ConnectedSource, request: InboundRequest) -> ConnectorError | None:
    async def receive() -> None:
        source.receive(request)

    return await raised_by(receive)


def _trouble(source: ConnectedSource, name: str) -> None:
    simulator = source.simulator
    if name == "fail":
        simulator.fail(503, times=1000)
    elif name == "garbage":
        simulator.garbage(times=1000)
    elif name == "slow":
        simulator.slow(SLOWNESS)
    else:
        simulator.refuse_recipient(source.message(TEXT).recipient)


def _told(error: ConnectorError | None) -> str:
    if error is None:
        return ""
    return "".join(traceback.format_exception(error)) + f"{error!r} {error.detail}"
