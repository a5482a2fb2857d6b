"""Mutants that go wrong while they send messages and read what became of them."""

import json
import logging
from collections.abc import Collection

from pydantic import BaseModel, JsonValue, SecretStr

from hub.connector.access import Access
from hub.connector.conversations import Channel
from hub.connector.delivery import DeliveryReport, DeliveryStatus
from hub.connector.errors import (
    PermanentError,
    RateLimitedError,
    RecipientRefusedError,
    RetryableError,
    UnverifiedRequestError,
)
from hub.connector.models import InboundRequest, Pointer, Received
from hub.connector.sending import OutgoingMessage, Sent
from tests.conformance.mutants import Mutant
from tests.conformance.reference.connector import Reference


class ClaimsEveryChannel(Reference):
    def channels(self, settings: BaseModel) -> Collection[Channel]:
        return tuple(Channel)


class LeavesOutWhatIsNotAscii(Reference):
    def body(self, message: OutgoingMessage) -> dict[str, JsonValue]:
        return {**super().body(message), "text": message.text.encode("ascii", "ignore").decode()}


class AsksAgainByItself(Reference):
    """The answer got lost, so the message goes out once more."""

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        try:
            return await super().send(access, message)
        except RateLimitedError:
            raise
        except RetryableError:
            return await super().send(access, message)


class TakesAnOutageForALimit(Reference):
    """The hub would send again what may have been sent."""

    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        try:
            return await super().send(access, message)
        except RateLimitedError:
            raise
        except RetryableError as error:
            raise RateLimitedError(error.user_message, detail=error.detail) from None


class TakesOnePersonForAll(Reference):
    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        try:
            return await super().send(access, message)
        except RecipientRefusedError as error:
            if error.opted_out:
                raise
            raise PermanentError(error.user_message, detail=error.detail) from None


class ForgetsTheOptOut(Reference):
    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        try:
            return await super().send(access, message)
        except RecipientRefusedError as error:
            raise RecipientRefusedError(error.user_message, detail=error.detail) from None


class MakesAKeyForEachAttempt(Reference):
    def __init__(self) -> None:
        self.attempts = 0

    def body(self, message: OutgoingMessage) -> dict[str, JsonValue]:
        self.attempts += 1
        return {**super().body(message), "key": f"{message.id}-{self.attempts}"}


class LogsTheMessage(Reference):
    async def send(self, access: Access, message: OutgoingMessage) -> Sent:
        logging.getLogger(__name__).debug("sending %s", message.text)
        return await super().send(access, message)


class TakesReadForDelivered(Reference):
    def report(self, event: object) -> DeliveryReport:
        found = super().report(event)
        if found.status is not DeliveryStatus.READ:
            return found
        return found.model_copy(update={"status": DeliveryStatus.DELIVERED})


class TakesAReportForALead(Reference):
    def unpack(self, events: list[object]) -> Received:
        received = super().unpack(events)
        pointers = tuple(Pointer(source_id=each.provider_id) for each in received.reports)
        return received.model_copy(update={"pointers": (*received.pointers, *pointers)})


class BelievesAnyReport(Reference):
    """Anybody could tell that a message was read."""

    def verify(self, request: InboundRequest, secret: SecretStr) -> None:
        try:
            super().verify(request, secret)
        except UnverifiedRequestError:
            if not _is_report(request.body):
                raise


def _is_report(body: bytes) -> bool:
    try:
        events = json.loads(body)["events"]
        return bool(events) and all(event["type"] == "delivery" for event in events)
    except (ValueError, RecursionError, KeyError, TypeError):
        return False


MUTANTS = (
    Mutant("channels_are_those_of_the_source", ClaimsEveryChannel),
    Mutant("message_is_taken_as_it_was_written", LeavesOutWhatIsNotAscii),
    Mutant("message_leaves_in_one_request", AsksAgainByItself, rows=("DG-11",)),
    Mutant("lost_answer_is_no_refusal", TakesAnOutageForALimit, rows=("DG-11",)),
    Mutant("refused_recipient_is_named", TakesOnePersonForAll),
    Mutant("opt_out_at_the_source_is_told", ForgetsTheOptOut, rows=("DA-08",)),
    Mutant("message_id_goes_along", MakesAKeyForEachAttempt, rows=("DG-11",)),
    Mutant("message_stays_private", LogsTheMessage),
    Mutant("every_delivery_report_is_read", TakesReadForDelivered),
    Mutant("delivery_report_is_no_lead", TakesAReportForALead),
    Mutant("unsigned_delivery_report_is_refused", BelievesAnyReport),
)
