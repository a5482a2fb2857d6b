"""Rules on deliveries: only what is proved to come from the source, and all of it."""

import json
from datetime import timedelta

from pydantic import SecretStr

from hub.connector.base import Receives
from hub.connector.errors import ConnectorError, UnverifiedRequestError
from hub.connector.models import InboundRequest, NoticeKind, Received
from hub.testing.connected import ConnectedSource, connect, references_in
from hub.testing.json_variants import parsed, with_novelty
from hub.testing.rules import (
    BATCHES,
    CHALLENGES,
    RECEIVES,
    ROTATES,
    SETTINGS,
    SIGNED,
    SIGNS_BODY,
    SIGNS_HEADERS,
    SIGNS_TIME,
    TELLS_ERASURE,
    TELLS_REVOCATION,
    UNKNOWN_EVENTS,
    UNREADABLE_ELEMENTS,
    RuleBrokenError,
    Rules,
    require,
    rule,
)

WRONG_SECRET = SecretStr("somebody-elses-secret-0042")
FORGED_VALUES = (
    "",
    "é",
    "sha256=",
    "sha256=é",
    "\udcff",
    "🗝",
    "v1,",
    "t=,v1=",
    "=",
    "0" * 10_000,
    "sha256=" + "g" * 64,
)
STALE = (timedelta(minutes=11), timedelta(minutes=-11))
SMALL_SKEW = (timedelta(minutes=4), timedelta(minutes=-4))


class ReceiveRules(Rules):
    """Verification and unpacking of deliveries."""

    @rule(SIGNED)
    async def test_wrong_signature_is_refused(self) -> None:
        """A delivery signed with another secret raises UnverifiedRequestError."""
        async with connect(self, signed_in=False) as source:
            for request in _deliveries(source):
                _require_refused(source, source.simulator.signed(request, WRONG_SECRET), "signed with a wrong secret")

    @rule(SIGNED)
    async def test_missing_signature_is_refused(self) -> None:
        """A delivery without a signature raises UnverifiedRequestError."""
        async with connect(self, signed_in=False) as source:
            for request in _deliveries(source):
                _require_refused(source, source.simulator.unsigned(request), "without a signature")

    @rule(SIGNED, SIGNS_BODY)
    async def test_changed_body_is_refused(self) -> None:
        """A delivery whose body was changed after signing, were it by one blank, raises
        UnverifiedRequestError."""
        async with connect(self, signed_in=False) as source:
            for request in _deliveries(source):
                inside = request.body.replace(b":", b": ", 1) if b":" in request.body else request.body[1:]
                for body in (request.body + b" ", b" " + request.body, inside, b""):
                    _require_refused(source, request.model_copy(update={"body": body}), "changed after signing")

    @rule(SIGNED, SIGNS_HEADERS)
    async def test_forged_headers_are_refused(self) -> None:
        """Any text in a signature header, not only ASCII, raises UnverifiedRequestError and nothing else."""
        async with connect(self, signed_in=False) as source:
            request = _deliveries(source)[0]
            for name in source.simulator.signature_headers:
                for value in FORGED_VALUES:
                    forged = request.model_copy(update={"headers": {**request.headers, name: value}})
                    _require_refused(source, forged, f"with {name}: {value[:20]!r}")

    @rule(SIGNED, SIGNS_TIME)
    async def test_stale_delivery_is_refused(self) -> None:
        """A rightly signed delivery of another time, earlier or later, raises UnverifiedRequestError."""
        async with connect(self, signed_in=False) as source:
            for request in _deliveries(source):
                for shift in STALE:
                    moved = request.model_copy(update={"received_at": request.received_at + shift})
                    _require_refused(source, moved, f"received {shift} after it was signed")

    @rule(SIGNED, SIGNS_TIME)
    async def test_small_clock_skew_is_accepted(self) -> None:
        """A delivery is read although our clock is four minutes off, either way."""
        async with connect(self, signed_in=False) as source:
            for request in _deliveries(source):
                for shift in SMALL_SKEW:
                    moved = request.model_copy(update={"received_at": request.received_at + shift})
                    try:
                        source.receive(moved)
                    except UnverifiedRequestError as error:
                        raise RuleBrokenError(f"refused a delivery received {shift} after it was signed") from error

    @rule(SIGNED, ROTATES, SETTINGS)
    async def test_previous_secret_is_accepted(self) -> None:
        """While a secret is being changed, deliveries under the new and the previous one are both read."""
        async with connect(self, signed_in=False) as source:
            simulator, settings = source.simulator, source.simulator.settings()
            known = source.receiving.webhook_secrets(settings) if settings is not None else ()
            request = _deliveries(source)[0]
            for secret in (simulator.webhook_secret, simulator.previous_webhook_secret):
                if secret is None:
                    continue
                signed = simulator.signed(request, secret)
                require(
                    any(_is_accepted(source.receiving, signed, each) for each in known),
                    "webhook_secrets() gives no secret that verifies a delivery signed with the "
                    + ("new one" if secret == simulator.webhook_secret else "previous one"),
                )

    @rule(RECEIVES)
    async def test_repeated_delivery_gives_the_same_ids(self) -> None:
        """The same submissions delivered again an hour and a bit later have the ids that they had before."""
        async with connect(self, signed_in=False) as source:
            ids = source.add(source.form(), 2)
            first = [references_in(each) for each in source.deliver(ids)]
            source.clock.advance(timedelta(minutes=77))
            again = [references_in(each) for each in source.deliver(ids)]
            require(first == again, f"first {first}, then {again}")

    @rule(RECEIVES, BATCHES)
    async def test_whole_batch_is_read(self) -> None:
        """Every element of a batched delivery is read."""
        async with connect(self, signed_in=False) as source:
            ids = source.add(source.form(), 25)
            found = sorted(each for received in source.deliver(ids) for each in references_in(received))
            require(found == sorted(ids), f"of {len(ids)} delivered together, {len(set(found) & set(ids))} were read")

    @rule(RECEIVES, BATCHES)
    async def test_order_of_a_batch_is_free(self) -> None:
        """A batch is read in full whatever the order of its elements: sources promise none."""
        async with connect(self, signed_in=False) as source:
            ids = source.add(source.form(), 9)
            counts = {}
            for order, arranged in (("oldest first", ids), ("newest first", ids[::-1])):
                counts[order] = sum(len(references_in(each)) for each in source.deliver(arranged))
            require(len(set(counts.values())) == 1, f"read of {len(ids)}: {counts}")

    @rule(RECEIVES, UNREADABLE_ELEMENTS)
    async def test_unreadable_element_spares_the_others(self) -> None:
        """One element that nobody can read takes none of its neighbours with it."""
        async with connect(self, signed_in=False) as source:
            ids = source.add(source.form(), 3)
            request = source.simulator.unreadable_delivery(ids)
            if request is not None:
                alone = {each for received in source.deliver(ids) for each in references_in(received)}
                lost = alone - set(references_in(_received(source, request)))
                require(not lost, f"beside an unreadable element, {len(lost)} of {len(ids)} submissions were lost")

    @rule(RECEIVES, UNREADABLE_ELEMENTS)
    async def test_unreadable_element_is_kept(self) -> None:
        """An element that nobody can read is handed over as a raw submission without id, for the quarantine."""
        async with connect(self, signed_in=False) as source:
            request = source.simulator.unreadable_delivery(())
            if request is not None:
                found = _received(source, request).submissions
                require([each.source_id for each in found] == [None], f"one unreadable element became {found!r}")

    @rule(RECEIVES)
    async def test_unknown_fields_in_a_delivery_do_no_harm(self) -> None:
        """A field that the source adds tomorrow, at any place of a delivery, loses no submission."""
        async with connect(self, signed_in=False) as source:
            ids = source.add(source.form(), 1)
            for request in source.simulator.delivery(ids):
                for body in with_novelty(parsed(request.body)):
                    longer = request.model_copy(update={"body": json.dumps(body).encode()})
                    changed = source.simulator.signed(longer, source.simulator.webhook_secret)
                    found = references_in(_received(source, changed))
                    require(found == ids, f"with an unknown field, {ids} was read as {found}")

    @rule(RECEIVES, UNKNOWN_EVENTS)
    async def test_unknown_event_is_counted(self) -> None:
        """An event that is no submission is ignored and counted, and is no error."""
        async with connect(self, signed_in=False) as source:
            request = source.simulator.unknown_event()
            if request is not None:
                found = _received(source, request)
                require(not references_in(found), f"an unknown event was read as {references_in(found)}")
                require(found.ignored >= 1, "an unknown event was not counted in ignored")

    @rule(RECEIVES, CHALLENGES)
    async def test_challenge_is_answered(self) -> None:
        """The source's handshake gets the reply that the source insists on."""
        async with connect(self, signed_in=False) as source:
            challenge = source.simulator.challenge()
            if challenge is not None:
                reply = _received(source, challenge.request).reply
                require(reply is not None and reply.body == challenge.reply, f"expected {challenge.reply!r}")

    @rule(RECEIVES, CHALLENGES)
    async def test_challenge_of_a_stranger_is_refused(self) -> None:
        """A handshake under another secret raises UnverifiedRequestError."""
        async with connect(self, signed_in=False) as source:
            challenge = source.simulator.challenge()
            if challenge is not None:
                require(not _is_accepted(source.receiving, challenge.request, WRONG_SECRET), "a stranger got a reply")

    @rule(RECEIVES, TELLS_REVOCATION)
    async def test_withdrawn_grant_is_told(self) -> None:
        """The source's word that a person withdrew the grant becomes a notice about that account."""
        await self._check_notice(NoticeKind.GRANT_REVOKED)

    @rule(RECEIVES, TELLS_ERASURE)
    async def test_erasure_request_is_told(self) -> None:
        """The source's request to erase a person's data becomes a notice about that account."""
        await self._check_notice(NoticeKind.ERASURE_REQUESTED)

    # --- how ----------------------------------------------------------------------------------------------

    async def _check_notice(self, kind: NoticeKind) -> None:
        async with connect(self, signed_in=False) as source:
            request = source.simulator.notice_request(kind)
            if request is not None:
                found = [(each.kind, each.account_id) for each in _received(source, request).notices]
                expected = [(kind, source.simulator.account_id())]
                require(found == expected, f"notices {found}, expected {expected}")


def _deliveries(source: ConnectedSource) -> list[InboundRequest]:
    return source.simulator.delivery(source.add(source.form(), 1))


def _received(source: ConnectedSource, request: InboundRequest) -> Received:
    try:
        return source.receive(request)
    except ConnectorError as error:
        raise RuleBrokenError(f"receive() raised {error}") from error


def _is_accepted(connector: Receives, request: InboundRequest, secret: SecretStr) -> bool:
    try:
        connector.receive(request, secret)
    except UnverifiedRequestError:
        return False
    return True


def _require_refused(source: ConnectedSource, request: InboundRequest, what: str) -> None:
    try:
        source.receive(request)
    except UnverifiedRequestError:
        return
    except Exception as error:
        raise RuleBrokenError(f"receive() raised {type(error).__name__} for a delivery {what}") from error
    raise RuleBrokenError(f"receive() accepted a delivery {what}")
