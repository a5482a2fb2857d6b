"""Reading bodies: one strict reader, the same answer on every database (WH-05, WH-07).

The rules, one each:

- **size**: at most 1 MiB after decompression; one that unpacks to more than 100 times its sent size (and more than
  64 KiB) is refused as well. 413.
- **media type**: the declared type decides the parser; anything but JSON is 415, as is a charset other than UTF-8
  and an unknown content encoding.
- **encoding**: UTF-8. A byte order mark in front is accepted and dropped. UTF-16, UTF-32 and broken UTF-8 are 400.
- **depth**: at most 32 objects and arrays inside each other. 400.
- **value count**: at most 10,000 values in all arrays and objects together. 400.
- **key count**: at most 1,000 keys in all objects together. 400.
- **duplicate keys**: refused, because two readers would take different values. 400.
- **NaN and Infinity**: refused, written out or as a number too large for a double (1e999). 400.
- **big numbers**: whole numbers are kept exactly up to 100 digits; longer ones are refused. 400.
- **lone surrogates and NUL**, written as escapes: accepted and kept as they are; each field decides for itself. A
  raw control character inside a string is not JSON. 400.
"""

import codecs
import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

from aiohttp import web
from pydantic import JsonValue

from hub.web.problems import FieldProblem, Problem
from hub.web.unpacking import KNOWN, BrokenPackingError, unpacker_of

BODY_LIMIT = 1024 * 1024
RATIO_LIMIT = 100
RATIO_FREE = 64 * 1024
DEPTH_LIMIT = 32
KEY_LIMIT = 1_000
VALUE_LIMIT = 10_000
DIGIT_LIMIT = 100
_ALIKE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def refuse(detail: str, *, status: int = 400, slug: str = "unreadable-body") -> NoReturn:
    """Raise the problem of a body that cannot be read."""
    raise Problem(status, slug, detail, errors=[FieldProblem(pointer="", detail=detail)])


async def read_body(request: web.Request, *, limit: int = BODY_LIMIT) -> bytes:
    """The whole body, unpacked. Raises ``Problem``: 413 above the limit, 415 for an unknown content encoding, 400 for
    a body that breaks off or cannot be unpacked."""
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    unpacker = unpacker_of(encoding)
    if unpacker is None:
        _unknown_encoding()
    declared = request.content_length
    if declared is not None and declared > limit:
        _too_large(limit)
    body, received = bytearray(), 0
    try:
        async for piece in request.content.iter_any():
            received += len(piece)
            body += unpacker.feed(piece, limit + 1 - len(body))
            if len(body) > limit or (declared is not None and _is_bomb(len(body), declared)):
                _too_large(limit)
        unpacker.end()
    except (BrokenPackingError, web.RequestPayloadError):
        refuse("The body breaks off, or cannot be unpacked; send all of it, with the Content-Encoding it has.")
    if _is_bomb(len(body), received):
        _too_large(limit)
    return bytes(body)


def _is_bomb(unpacked: int, sent: int) -> bool:
    return unpacked > max(RATIO_FREE, sent * RATIO_LIMIT)


def require_json(request: web.Request) -> None:
    """Raise ``Problem`` 415 unless the declared type is JSON in UTF-8."""
    declared = request.content_type.lower()
    if "Content-Type" not in request.headers or not (declared == "application/json" or declared.endswith("+json")):
        refuse("Send JSON and say so: Content-Type: application/json.", status=415, slug="unsupported-media-type")
    charset = (request.charset or "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        refuse("Send JSON in UTF-8; other charsets are not read.", status=415, slug="unsupported-media-type")


def parse_json(raw: bytes) -> JsonValue:
    """The value of a JSON text under the rules above. Raises ``Problem`` 400."""
    _check_shape(raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(f"The body is not UTF-8 (byte {error.start}); send it in UTF-8.")
    if "\x00" in text:
        refuse("The body has NUL bytes; send JSON in UTF-8 (not UTF-16), and NUL only as the escape \\u0000.")
    try:
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=_counting_objects(),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_short_enough,
        )
    except json.JSONDecodeError as error:
        refuse(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.")
    return value


async def read_json_text(request: web.Request) -> bytes:
    """The body after media type, size and all rules of JSON were checked, without byte order mark."""
    require_json(request)
    raw = await read_body(request)
    parse_json(raw)
    return raw.removeprefix(codecs.BOM_UTF8)


def _unknown_encoding() -> NoReturn:
    detail = f"This content encoding is not known; send the body plain, or with {' or '.join(KNOWN)}."
    errors = [FieldProblem(pointer="", detail=detail)]
    raise Problem(415, "unsupported-media-type", detail, errors=errors, headers={"Accept-Encoding": ", ".join(KNOWN)})


def _too_large(limit: int) -> NoReturn:
    refuse(f"The body is larger than {limit // 1024} KiB (unpacked); send less at once.", status=413, slug="too-large")


def _check_shape(raw: bytes) -> None:
    """Refuse what is too deep or has too many values, before the parser builds anything.

    Works on whole buffers (drop escapes, drop strings, peel off the innermost brackets) and so takes milliseconds
    for a body of any shape; a parser with a counter would take its time from every other request.
    """
    if raw.count(b"{") + raw.count(b"[") <= DEPTH_LIMIT and raw.count(b",") <= VALUE_LIMIT:
        return
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    if plain.count(b'"') > 2 * (VALUE_LIMIT + KEY_LIMIT):
        refuse(f"The JSON has more than {VALUE_LIMIT} values; send less at once.")
    bare = b"".join(plain.split(b'"')[::2])
    if bare.count(b",") > VALUE_LIMIT or bare.count(b"{") + bare.count(b"[") > VALUE_LIMIT:
        refuse(f"The JSON has more than {VALUE_LIMIT} values; send less at once.")
    left = bare.translate(_ALIKE, _NOT_BRACKETS)
    for _ in range(DEPTH_LIMIT):
        left = left.replace(b"[]", b"")
    if b"[" in left:
        refuse(f"The JSON is nested more than {DEPTH_LIMIT} levels deep, or a bracket is not closed.")


def _counting_objects() -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    seen = 0

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal seen
        seen += len(pairs)
        if seen > KEY_LIMIT:
            refuse(f"The JSON has more than {KEY_LIMIT} keys; send less at once.")
        built = dict(pairs)
        if len(built) != len(pairs):
            refuse("A key stands twice in one object of the JSON; send it once.")
        return built

    return build


def _refuse_constant(_name: str) -> NoReturn:
    refuse("NaN and Infinity are not JSON numbers; leave the field out or send null.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        refuse("A number is too large to be kept; send it as text.")
    return number


def _short_enough(text: str) -> int:
    if len(text) > DIGIT_LIMIT:
        refuse(f"A whole number has more than {DIGIT_LIMIT} digits; send it as text.")
    return int(text)
