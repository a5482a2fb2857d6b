"""Fixture cases: pairs of files, what arrived and what must come of it.

::

    fixtures/valid/<what_happened>.http            a raw request            + <what_happened>.expected.json
    fixtures/valid/<what_happened>.json            a raw submission         + <what_happened>.expected.json
    fixtures/invalid/<why>.http  or  <why>.json    the same                 + <why>.expected.txt

**A raw request** is text up to the first empty line (request line, headers), then the body, byte for byte::

    # received-at: 2026-01-01T00:00:00Z
    POST /in/acme?team=7 HTTP/1.1
    content-type: application/json
    x-acme-signature: {{signature}}

    {"leads":[{"id":"1"}]}

Lines with ``#`` before the request line are comments; ``received-at`` (default: the start of the simulator's
clock) is read from them. One line break at the very end of the file belongs to the file and not to the body.
A header whose value is ``{{signature}}`` makes the simulator sign the request with its secret; a recorded
signature under that secret works as well. ``{{secret}}`` in the body stands for the secret itself.

**A raw submission** is a ``RawSubmission`` as JSON: ``{"source_id": ..., "form_id": ..., "body": ...}``.

**The expected result** of a raw submission is a ``Submission`` as JSON; of a raw request it is
``{"submissions": [...], "pointers": [...], "notices": [...], "reports": [...], "ignored": 0, "reply": null}``, each
key optional, where an element of ``submissions`` is a ``Submission`` or, for one that cannot be read,
``{"error": "BadPayloadError", "path": "..."}``. Fields with their default value may be left out.

**The expected error** is one line: the name of the error class and, after a blank, its path (for errors
without a path only the name).

Names, e-mail addresses, phone numbers and ids in fixtures are invented.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pydantic import JsonValue, ValidationError

from hub.connector import errors
from hub.connector.models import InboundRequest, RawSubmission
from hub.testing.simulator import Simulator

SIGNATURE = "{{signature}}"
SECRET = b"{{secret}}"
REQUEST_LINE = re.compile(r"(?P<method>[A-Z]+) (?P<target>/\S*) HTTP/1\.[01]")


class FixtureError(ValueError):
    """A fixture file that cannot be used; the text names the file and what to change."""


@dataclass(frozen=True)
class ExpectedError:
    """The error that an invalid case must raise. ``path`` is empty for errors that have none."""

    name: str
    path: str = ""


@dataclass(frozen=True)
class RawRequest:
    """A raw request as written in the file, with its placeholders."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime | None

    def filled(self, simulator: Simulator) -> InboundRequest:
        """The request as it would arrive, signed by the simulator where the file asks for it."""
        secret = simulator.webhook_secret
        signed_headers = [name for name, value in self.headers.items() if value == SIGNATURE]
        host = self.headers.get("host", urlsplit(simulator.callback_url).netloc)
        request = InboundRequest(
            method=self.method,
            url=f"https://{host}{self.target}",
            query=dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True)),
            headers={name: value for name, value in self.headers.items() if name not in signed_headers},
            body=self.body.replace(SECRET, secret.get_secret_value().encode()),
            received_at=self.received_at or simulator.clock.now(),
        )
        return simulator.signed(request, secret) if signed_headers else request


@dataclass(frozen=True)
class Case:
    """One pair. Exactly one of ``request`` and ``raw`` is there."""

    name: str
    request: RawRequest | None
    raw: RawSubmission | None
    expected: JsonValue | ExpectedError


@dataclass(frozen=True)
class Cases:
    """All pairs of one fixtures folder, by name."""

    valid: tuple[Case, ...]
    invalid: tuple[Case, ...]


def read_cases(folder: Path) -> Cases:
    """All pairs under ``folder``. Raises ``FixtureError`` for a file without its other half, or misspelt."""
    for part in ("valid", "invalid"):
        if not (folder / part).is_dir():
            raise FixtureError(f"{folder / part}: this folder is missing; put at least one fixture pair into it")
    return Cases(
        valid=tuple(_case(path, _expected_result(other)) for path, other in _pairs(folder / "valid", ".expected.json")),
        invalid=tuple(
            _case(path, _expected_error(other)) for path, other in _pairs(folder / "invalid", ".expected.txt")
        ),
    )


def _pairs(folder: Path, suffix: str) -> list[tuple[Path, Path]]:
    names = {each.name for each in folder.iterdir() if not each.name.startswith(".")}
    expected = {name for name in names if ".expected." in name}
    pairs = []
    for name in sorted(names - expected):
        path = folder / name
        if path.suffix not in (".http", ".json"):
            raise FixtureError(f"{path}: a fixture ends in .http (a raw request) or .json (a raw submission)")
        if f"{path.stem}{suffix}" not in expected:
            raise FixtureError(f"{path}: {path.stem}{suffix} is missing; it says what must come of this fixture")
        pairs.append((path, folder / f"{path.stem}{suffix}"))
    alone = expected - {other.name for _, other in pairs}
    if alone:
        raise FixtureError(f"{folder / min(alone)}: there is no fixture of this name, or its ending is not {suffix}")
    return pairs


def _case(path: Path, expected: JsonValue | ExpectedError) -> Case:
    if path.suffix == ".http":
        return Case(path.stem, _raw_request(path), None, expected)
    try:
        return Case(path.stem, None, RawSubmission.model_validate_json(path.read_bytes()), expected)
    except ValidationError as error:
        raise FixtureError(
            f"{path}: not a raw submission: {error.errors()[0]['loc']} {error.errors()[0]['msg']}"
        ) from None


def _expected_result(path: Path) -> JsonValue:
    try:
        found: JsonValue = json.loads(_text(path))
    except ValueError as error:
        raise FixtureError(f"{path}: not JSON: {error}") from None
    return found


def _expected_error(path: Path) -> ExpectedError:
    words = _text(path).strip().split(" ", 1)
    kind = getattr(errors, words[0], None)
    if not (isinstance(kind, type) and issubclass(kind, errors.ConnectorError)):
        raise FixtureError(f"{path}: {words[0]!r} is no error of hub.connector.errors")
    return ExpectedError(words[0], words[1].strip() if len(words) > 1 else "")


def _raw_request(path: Path) -> RawRequest:
    content = path.read_bytes()
    break_ = b"\r\n" if b"\r\n\r\n" in content else b"\n"
    head, blank, body = content.partition(break_ * 2)
    if not blank and not content.endswith(break_):
        raise FixtureError(f"{path}: an empty line must end the headers")
    lines = head.decode().split(break_.decode())
    comments = [line for line in lines if line.startswith("#")]
    lines = lines[len(comments) :]
    found = REQUEST_LINE.fullmatch(lines[0]) if lines else None
    if found is None:
        raise FixtureError(f"{path}: the first line must be a request line such as 'POST /in/acme HTTP/1.1'")
    return RawRequest(
        method=found["method"],
        target=found["target"],
        headers=dict(_header(path, line) for line in lines[1:] if line),
        body=body.removesuffix(b"\n").removesuffix(b"\r"),
        received_at=_received_at(path, comments),
    )


def _header(path: Path, line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise FixtureError(f"{path}: {line!r} is no header line")
    return name.lower(), value.strip()


def _received_at(path: Path, comments: list[str]) -> datetime | None:
    for line in comments:
        key, _, value = line.lstrip("# ").partition(":")
        if key.strip() == "received-at":
            try:
                moment = datetime.fromisoformat(value.strip())
            except ValueError:
                raise FixtureError(f"{path}: received-at must look like 2026-01-01T00:00:00Z") from None
            if moment.tzinfo is None:
                raise FixtureError(f"{path}: received-at needs a zone, for example a Z at its end")
            return moment
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FixtureError(f"{path}: not UTF-8") from None
