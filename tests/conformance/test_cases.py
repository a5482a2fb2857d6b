"""Fixture pairs: what is read from the files, and how a wrong file is named."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.testing.cases import ExpectedError, FixtureError, read_cases
from tests.conformance.reference.simulator import ReferenceSimulator

REQUEST = "POST /in/reference?team=7&team=8 HTTP/1.1\nHost: leads.example.com\nX-Word: a: b\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two empty fixture folders."""
    (tmp_path / "valid").mkdir()
    (tmp_path / "invalid").mkdir()
    return tmp_path


def _put(folder: Path, name: str, text: str, expected: str = "{}") -> None:
    path = folder / name
    path.write_bytes(text.encode())
    suffix = ".expected.json" if path.parent.name == "valid" else ".expected.txt"
    path.with_name(path.stem + suffix).write_text(expected)


def test_request_is_read_byte_for_byte(folder: Path) -> None:
    """Query, headers and body arrive as written; one line break at the end belongs to the file."""
    _put(folder, "valid/a.http", REQUEST + '{"a": 1}\n\n')
    request = read_cases(folder).valid[0].request
    assert request is not None
    found = request.filled(ReferenceSimulator())
    assert found.url == "https://leads.example.com/in/reference?team=7&team=8"
    assert found.query == {"team": "8"}
    assert found.headers["x-word"] == "a: b"
    assert found.body == b'{"a": 1}\n'


def test_carriage_returns_are_read(folder: Path) -> None:
    """A captured request with CRLF lines is the same request."""
    _put(folder, "valid/a.http", REQUEST.replace("\n", "\r\n") + "{}")
    request = read_cases(folder).valid[0].request
    assert request is not None
    assert request.filled(ReferenceSimulator()).body == b"{}"
    assert request.headers["x-word"] == "a: b"


def test_placeholders_are_filled_by_the_simulator(folder: Path) -> None:
    """{{signature}} asks for a signature, {{secret}} stands for the secret, received-at sets the time."""
    text = "# received-at: 2026-02-03T04:05:06Z\nPOST /x HTTP/1.1\nX-Reference-Signature: {{signature}}\n\n{{secret}}"
    _put(folder, "valid/a.http", text)
    simulator = ReferenceSimulator()
    request = read_cases(folder).valid[0].request
    assert request is not None
    found = request.filled(simulator)
    assert found.body.decode() == simulator.webhook_secret.get_secret_value()
    assert found.received_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert found == simulator.signed(simulator.unsigned(found), simulator.webhook_secret)


def test_expected_error_has_name_and_path(folder: Path) -> None:
    """An invalid case names an error of the contract, and its path."""
    _put(folder, "invalid/a.json", '{"source_id":null,"form_id":null,"body":1}', "BadPayloadError a[0].b\n")
    _put(folder, "invalid/b.http", REQUEST, "UnverifiedRequestError\n")
    found = [case.expected for case in read_cases(folder).invalid]
    assert found == [ExpectedError("BadPayloadError", "a[0].b"), ExpectedError("UnverifiedRequestError")]


@pytest.mark.parametrize(
    ("name", "text", "expected", "problem"),
    [
        ("valid/a.http", "POST  /x\n\n", "{}", "the first line must be a request line"),
        ("valid/a.http", "POST /x HTTP/1.1\nno colon\n\n", "{}", "is no header line"),
        ("valid/a.http", "POST /x HTTP/1.1\na: b", "{}", "an empty line must end the headers"),
        ("valid/a.http", "# received-at: today\nPOST /x HTTP/1.1\n\n", "{}", "received-at must look like"),
        ("valid/a.http", "# received-at: 2026-01-01T00:00:00\nPOST /x HTTP/1.1\n\n", "{}", "needs a zone"),
        ("valid/a.json", '{"body": 1}', "{}", "not a raw submission"),
        ("valid/a.json", "{", "{}", "not a raw submission"),
        ("valid/a.http", REQUEST, "{", "not JSON"),
        ("valid/a.txt", REQUEST, "{}", "ends in .http"),
        ("invalid/a.http", REQUEST, "SomeError", "is no error of hub.connector.errors"),
    ],
)
def test_malformed_fixture_is_named(folder: Path, name: str, text: str, expected: str, problem: str) -> None:
    """The error says which file is wrong and what about it."""
    _put(folder, name, text, expected)
    with pytest.raises(FixtureError, match=problem) as caught:
        read_cases(folder)
    assert "/a." in str(caught.value)


def test_fixture_without_its_half_is_named(folder: Path) -> None:
    """A payload without expectation, and an expectation without payload, are both refused."""
    (folder / "valid" / "a.http").write_text(REQUEST)
    with pytest.raises(FixtureError, match=r"a\.expected\.json is missing"):
        read_cases(folder)
    (folder / "valid" / "a.expected.json").write_text("{}")
    (folder / "valid" / "b.expected.json").write_text("{}")
    with pytest.raises(FixtureError, match=r"b\.expected\.json: there is no fixture"):
        read_cases(folder)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    """A kit without fixtures says where to put them."""
    with pytest.raises(FixtureError, match="valid: this folder is missing"):
        read_cases(tmp_path)
