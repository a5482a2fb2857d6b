"""Rules on hostile input: whatever arrives, the connector reads it or names the failure; it never falls over."""

import json

from pydantic import JsonValue

from hub.connector.errors import BadPayloadError, ConnectorError, UnverifiedRequestError
from hub.connector.models import InboundRequest, RawSubmission
from hub.testing.connected import ConnectedSource, connect
from hub.testing.faults import PlatformAnswer
from hub.testing.json_variants import changed_everywhere, delete, parsed, put
from hub.testing.rules import CALLS, RECEIVES, RuleBrokenError, Rules, require, rule

STRANGE_NUMBERS: list[JsonValue] = [None, True, False, 0, -1, 2**70, 1.5, 1e308, float("nan"), float("-inf")]
STRANGE_TEXTS: list[JsonValue] = ["", " ", "\x00", "\ud800", "👍🏽", "x" * 5000, "9" * 5000, "2026-02-30T25:61:61Z"]
STRANGE_TIMES: list[JsonValue] = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
STRANGE_SHAPES: list[JsonValue] = [[], {}, [[]], [None], {"": ""}, [{}], {"a": {"b": []}}]
STRANGE_VALUES = (*STRANGE_NUMBERS, *STRANGE_TEXTS, *STRANGE_TIMES, *STRANGE_SHAPES)
HOSTILE_BODIES = (
    *(b"", b" ", b"null", b"true", b"17", b'"text"', b"[]", b"{}", b"[[[]]]", b"\xff\xfe{}", b"\x00", b"{"),
    *(b'{"a":' * 3000, b"[" * 100_000, b"9" * 10_000, b'{"a":1,"a":2}', b'"\\ud800"', b"NaN", b"<xml/>", b"a=b&c=%zz"),
)
STRANGE_ANSWERS = (b"null", b"[]", b"{}", b"17", b'"text"', b'{"data":null}', b'{"data":5}', b'{"data":[null]}')


class HostileInputRules(Rules):
    """Payloads cut, shortened and retyped."""

    @rule(RECEIVES)
    async def test_cut_deliveries_are_refused(self) -> None:
        """A rightly signed delivery that was cut off anywhere raises BadPayloadError, or is read."""
        async with connect(self) as source:
            request = _delivery(source)
            for end in range(0, len(request.body), max(1, len(request.body) // 60)):
                await self._deliver(source, request, request.body[:end], f"cut after {end} bytes")

    @rule(RECEIVES)
    async def test_hostile_bodies_are_refused(self) -> None:
        """Rightly signed bodies that are no JSON, no object, nested without end or not UTF-8 raise
        BadPayloadError, or are read."""
        async with connect(self) as source:
            request = _delivery(source)
            for body in HOSTILE_BODIES:
                await self._deliver(source, request, body, f"body {body[:20]!r}")

    @rule(RECEIVES)
    async def test_deliveries_without_a_key_are_refused(self) -> None:
        """A rightly signed delivery in which any one key is missing raises BadPayloadError, or is read."""
        async with connect(self) as source:
            request = _delivery(source)
            for body, what in changed_everywhere(parsed(request.body), delete):
                await self._deliver(source, request, json.dumps(body).encode(), what)

    @rule(RECEIVES)
    async def test_deliveries_of_other_types_are_refused(self) -> None:
        """A rightly signed delivery in which any one value has another type raises BadPayloadError, or is read."""
        async with connect(self) as source:
            request = _delivery(source)
            for value in STRANGE_VALUES:
                for body, what in changed_everywhere(parsed(request.body), put(value)):
                    await self._deliver(source, request, json.dumps(body).encode(), what)

    @rule()
    async def test_submissions_without_a_key_are_refused(self) -> None:
        """A raw submission in which any one key is missing raises BadPayloadError with a path, or is read."""
        async with connect(self) as source:
            for raw in await _raws(source):
                for body, what in changed_everywhere(raw.body, delete):
                    self._normalise(raw, body, what)

    @rule()
    async def test_submissions_of_other_types_are_refused(self) -> None:
        """A raw submission in which any one value has another type raises BadPayloadError, or is read."""
        async with connect(self) as source:
            for raw in await _raws(source):
                for value in STRANGE_VALUES:
                    self._normalise(raw, value, f"body {value!r}")
                    for body, what in changed_everywhere(raw.body, put(value)):
                        self._normalise(raw, body, what)

    @rule(CALLS)
    async def test_answers_of_another_shape_are_named(self) -> None:
        """A 200 of the API with JSON of an unexpected shape gives a named error, or an empty result."""
        async with connect(self) as source:
            for name, call in source.calls(source.access).items():
                for body in STRANGE_ANSWERS:
                    source.simulator.answer_next(PlatformAnswer(200, body))
                    try:
                        await call()
                    except ConnectorError:
                        pass
                    except Exception as error:
                        raise RuleBrokenError(f"{name}() raised {error!r} for the answer {body!r}") from error
                    source.simulator.heal()

    # --- how ----------------------------------------------------------------------------------------------

    async def _deliver(self, source: ConnectedSource, request: InboundRequest, body: bytes, what: str) -> None:
        try:
            received = source.deliver_signed(request, body)
        except (BadPayloadError, UnverifiedRequestError):
            return
        except Exception as error:
            raise RuleBrokenError(f"receive() raised {type(error).__name__} for a delivery with {what}") from error
        for raw in received.submissions:
            self._normalise(source.stored(raw), raw.body, f"what was delivered with {what}")

    def _normalise(self, raw: RawSubmission, body: JsonValue, what: str) -> None:
        try:
            self.connector.normalise(raw.model_copy(update={"body": body}))
        except BadPayloadError as error:
            require(isinstance(error.path, str), f"BadPayloadError without a path for {what}")
        except Exception as error:
            raise RuleBrokenError(f"normalise() raised {type(error).__name__} for {what}") from error


def _delivery(source: ConnectedSource) -> InboundRequest:
    return source.simulator.delivery(source.add(source.form(), 2))[0]


async def _raws(source: ConnectedSource) -> list[RawSubmission]:
    form = source.form()
    return await source.readings(source.add(form, 1)[0])
