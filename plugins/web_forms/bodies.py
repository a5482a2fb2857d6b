"""Reading the three kinds of body a form post may have into names and values.

One written rule per oddity, the same everywhere (WH-05, WH-07, WH-09); the raw bytes are kept by the hub anyway:

- the declared content type decides the parser; a type that is not one of the three is refused
- text is UTF-8; a byte order mark is dropped; anything else (UTF-16 too) is refused
- NUL characters and lone surrogates in values become U+FFFD
- JSON: NaN, infinities, repeated keys and values nested deeper than a list are refused; numbers are kept as the
  text that was sent, so that a 64-bit id survives
- at most ``MAX_FIELDS`` values; files are refused
"""

import json
import re
from collections.abc import Iterable
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from hub.connector.errors import BadPayloadError

MAX_FIELDS = 1_000
MAX_NAME = 200
UNSUPPORTED_TYPE = "unsupported_type"

Entries = dict[str, list[str]]
"""Values by field name, in the order in which they were sent."""

_META = {
    "key": "_lh_key",
    "token": "_lh_token",
    "proof": "_lh_proof",
    "version": "_lh_version",
    "page": "_lh_page",
    "referrer": "_lh_referrer",
    "language": "_lh_language",
    "first_touch": "_lh_first",
    "last_touch": "_lh_last",
}


def read_entries(body: bytes, content_type: str) -> Entries:
    """The names and values of a body. Raises ``BadPayloadError`` with the place that could not be read."""
    header = Message()
    header["content-type"] = content_type
    kind = header.get_content_type() if content_type else ""
    if kind == "application/x-www-form-urlencoded":
        return _collected(_urlencoded(body))
    if kind == "multipart/form-data":
        return _collected(_multipart(body, str(header.get_param("boundary") or "")))
    if kind == "application/json":
        return _collected(_json(body))
    raise BadPayloadError(
        "Send the form as application/x-www-form-urlencoded, multipart/form-data or application/json.",
        path="content-type",
        code=UNSUPPORTED_TYPE,
    )


def clean(text: str) -> str:
    """Text without NUL characters and lone surrogates."""
    text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _collected(pairs: Iterable[tuple[str, str]]) -> Entries:
    entries: Entries = {}
    for count, (name, value) in enumerate(pairs):
        if count >= MAX_FIELDS:
            raise BadPayloadError(f"The form has more than {MAX_FIELDS} values.", path="body")
        if len(name) > MAX_NAME:
            raise BadPayloadError(f"A field name has more than {MAX_NAME} characters.", path=clean(name[:40]))
        entries.setdefault(clean(name) or "unnamed", []).append(clean(value))
    return entries


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise BadPayloadError("The body is not UTF-8 text.", path=f"body[{failure.start}]") from failure


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(_text(body), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except UnicodeDecodeError as failure:
        raise BadPayloadError("A value is not UTF-8 text.", path="body") from failure
    except ValueError as failure:
        raise BadPayloadError(f"The form has more than {MAX_FIELDS} values.", path="body") from failure


_PARAMETER = re.compile(r'; *([a-z*]+)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


def _multipart(body: bytes, boundary: str) -> list[tuple[str, str]]:
    """The parts of a multipart body (RFC 7578) that are not files; an empty file input counts as no answer."""
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise BadPayloadError("The multipart boundary is missing or too long.", path="content-type")
    delimiter = b"\r\n--" + boundary.encode()
    sections = (b"\r\n" + body).split(delimiter, MAX_FIELDS + 2)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise BadPayloadError("The multipart body has no closing boundary.", path="body")
    pairs = (_part(section, f"body[{number}]") for number, section in enumerate(sections[1:-1]))
    return [pair for pair in pairs if pair is not None]


def _part(section: bytes, path: str) -> tuple[str, str] | None:
    head, separator, content = section.partition(b"\r\n\r\n")
    if not separator:
        raise BadPayloadError("A part of the multipart body has no header.", path=path)
    disposition = next(
        (line for line in _text(head).split("\r\n") if line.lower().startswith("content-disposition:")), ""
    )
    parameters = {name.lower(): value for name, value in _PARAMETER.findall(disposition)}
    if "name" not in parameters:
        raise BadPayloadError("A part of the multipart body has no name.", path=path)
    if "filename" in parameters or "filename*" in parameters:
        if content or parameters.get("filename"):
            raise BadPayloadError("Files are not accepted by this form; send it without.", path=path)
        return None
    name = parameters["name"].replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
    return name, _text(content)


def _json(body: bytes) -> Iterable[tuple[str, str]]:
    try:
        content = json.loads(
            _text(body),
            parse_constant=_refuse_constant,
            parse_int=str,
            parse_float=str,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as failure:
        raise BadPayloadError("The body is not valid JSON.", path="body", detail=type(failure).__name__) from failure
    if not isinstance(content, dict):
        raise BadPayloadError("The body must be a JSON object of field names and values.", path="body")
    if isinstance(fields := content.get("fields"), dict):
        return [*_meta_pairs(content), *_field_pairs(fields, "fields")]
    return _field_pairs(content, "body")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise BadPayloadError("The same key stands twice in a JSON object.", path=clean(twice[:40]))
    return found


def _meta_pairs(content: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """What a JSON post says beside its fields, under the names that a form post has for it."""
    for name, value in content.items():
        if name == "fields" or value is None:
            continue
        if name in _META:
            yield _META[name], _touch(value, name) if isinstance(value, dict) else _scalar(value, name)
        elif name in ("utm", "click_ids") and isinstance(value, dict):
            prefix = "utm_" if name == "utm" else ""
            for key, text in value.items():
                yield prefix + key.removeprefix(prefix), _scalar(text, f"{name}.{key}")
        elif name.startswith(("utm_", "_lh_")):
            yield name, _scalar(value, name)


def _touch(value: dict[str, Any], path: str) -> str:
    return json.dumps({key: _scalar(text, f"{path}.{clean(key[:40])}") for key, text in value.items()})


def _field_pairs(fields: dict[str, Any], place: str) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        path = f"{place}.{clean(name[:40])}"
        if isinstance(value, list):
            for number, each in enumerate(value):
                yield name, _scalar(each, f"{path}[{number}]")
        else:
            yield name, _scalar(value, path)


def _scalar(value: Any, path: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise BadPayloadError("A value must be text, a number, true, false, null or a list of these.", path=path)
