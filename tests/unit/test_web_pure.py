"""The parts of the web layer that do no I/O: addresses, redirects, limits, reading, cursors."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.testing.clock import VirtualClock
from hub.web.api.paging import Position, decode, encode
from hub.web.limits import Claim, Limit, RateLimiter, admit_intake
from hub.web.problems import Problem
from hub.web.proxies import TrustedProxies, network_of
from hub.web.reading import parse_json
from hub.web.redirects import local_path


def outcome(reading: Callable[[Any], object], given_value: object) -> str:
    """``read``, or the status and name of the problem; any other exception is the test's failure."""
    try:
        reading(given_value)
    except Problem as refused:
        return f"{refused.status} {refused.slug}"
    return "read"


LOCAL = ["/", "/leads", "/leads?stage=new&x=1", "/a/b/c#top", "/leads/%20x", "/a?next=//evil.example", "/~me", "/a:b"]
ELSEWHERE = [
    "",
    "leads",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n//evil.example",
    "\t//evil.example",
    " //evil.example",
    " /leads",
    "/leads ",
    "/le ads",
    "/\x00/evil.example",
    "/\x7f",
    "https://evil.example",
    "http:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "user@evil.example",
    "//user@evil.example",
    "//user:pass@leads.example.com@evil.example",
    "/%2f/evil.example",
    "/%2F%2Fevil.example",
    "/%5cevil.example",
    "/%09/evil.example",
    "/%0d%0aSet-Cookie:x=1",
    "/%252f%252fevil.example",
    "/..//evil.example",
    "/../evil",
    "/a/..",
    "/./evil",
    "/%2e%2e/evil",
    "/evil\u2025example",
    "/\u3000evil",
    "//evil\u3002example",
    "/a//b",
    "http://leads.example.com/leads",
    "/" + "a" * 2_001,
]


@pytest.mark.proves("AD-08")
@pytest.mark.parametrize("path", LOCAL)
def test_a_local_path_is_kept(path: str) -> None:
    """Pages of the hub, with query and fragment."""
    assert local_path(path) == path


@pytest.mark.proves("AD-08")
@pytest.mark.parametrize("path", [*ELSEWHERE, None])
def test_anything_else_becomes_the_start_page(path: str | None) -> None:
    """Hosts, schemes, control characters, userinfo, back-slashes, also when percent-encoded."""
    assert local_path(path) == "/"


BODIES: list[tuple[str, bytes, object]] = [
    ("plain", b'{"a":1}', {"a": 1}),
    ("byte order mark", b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    ("escaped NUL", b'{"a":"\\u0000"}', {"a": "\x00"}),
    ("escaped lone surrogate", b'{"a":"\\ud800"}', {"a": "\ud800"}),
    ("pair", b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    ("same key in two objects", b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    ("32 deep", b"[" * 32 + b"]" * 32, None),
    ("brackets in text", b'{"a":"' + b"[{" * 100 + b'"}', {"a": "[{" * 100}),
    ("commas in text", b'{"a":"' + b"," * 50_000 + b'"}', {"a": "," * 50_000}),
    ("100 digits", b"1" * 100, int("1" * 100)),
    ("1000 keys", json.dumps({str(n): n for n in range(1000)}).encode(), None),
    ("10000 values", json.dumps(list(range(10_000))).encode(), None),
    ("empty object", b"{}", {}),
    ("text", b'"a"', "a"),
    ("null", b"null", None),
    ("small float", b"1e-400", 0.0),
]
REFUSED: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("blanks", b"   "),
    ("raw NUL", b'{"a":"\x00"}'),
    ("raw NUL outside", b'{"a":1}\x00'),
    ("raw line break in text", b'{"a":"\n"}'),
    ("33 deep", b"[" * 33 + b"]" * 33),
    ("33 deep objects", b'{"a":' * 33 + b"1" + b"}" * 33),
    ("mixed deep", b'[{"a":' * 17 + b"1" + b"}]" * 17),
    ("a million deep", b"[" * 1_000_000),
    ("1001 keys", json.dumps({str(n): n for n in range(1001)}).encode()),
    ("1001 keys in many objects", json.dumps([{"a": n} for n in range(1001)]).encode()),
    ("too many values", json.dumps(list(range(10_002))).encode()),
    ("too many texts", json.dumps([""] * 100_000).encode()),
    ("duplicate key", b'{"a":1,"a":2}'),
    ("duplicate by escape", b'{"a":1,"\\u0061":2}'),
    ("duplicate inside", b'{"x":[{"a":1,"a":1}]}'),
    ("NaN", b"NaN"),
    ("Infinity", b'{"a":Infinity}'),
    ("-Infinity", b"[-Infinity]"),
    ("1e999", b'{"a":1e999}'),
    ("101 digits", b"1" * 101),
    ("5000 digits", b"1" * 5000),
    ("UTF-16", '{"a":1}'.encode("utf-16")),
    ("UTF-16 LE without mark", '{"a":1}'.encode("utf-16-le")),
    ("UTF-16 BE without mark", '{"a":1}'.encode("utf-16-be")),
    ("UTF-32", '{"a":1}'.encode("utf-32")),
    ("latin-1", '{"a":"é"}'.encode("latin-1")),
    ("encoded surrogate", b'{"a":"\xed\xa0\x80"}'),
    ("overlong", b'{"a":"\xc0\xaf"}'),
    ("cut", b'{"a":'),
    ("cut text", b'{"a":"b'),
    ("trailing", b"{} {}"),
    ("trailing comma", b'{"a":1,}'),
    ("single quotes", b"{'a':1}"),
    ("comment", b'{"a":1} // x'),
    ("form", b"a=1&b=2"),
    ("xml", b"<a/>"),
    ("leading zero", b"01"),
    ("plus", b"+1"),
    ("hex", b"0x10"),
    ("bad escape", b'{"a":"\\x41"}'),
    ("unquoted key", b"{a:1}"),
    ("two marks", b"\xef\xbb\xbf\xef\xbb\xbf{}"),
    ("backslashes", b'"' + b'\\"' * 400_000),
]


@pytest.mark.proves("WH-07")
@pytest.mark.parametrize(("raw", "expected"), [(raw, value) for _, raw, value in BODIES], ids=[n for n, _, _ in BODIES])
def test_readable_bodies(raw: bytes, expected: object) -> None:
    """Accepted, and the value is what was sent."""
    value = parse_json(raw)
    assert expected is None or value == expected


@pytest.mark.proves("WH-07")
@pytest.mark.parametrize("raw", [raw for _, raw in REFUSED], ids=[name for name, _ in REFUSED])
def test_unreadable_bodies(raw: bytes) -> None:
    """Refused with 400 and a text that says what to do; never another exception."""
    with pytest.raises(Problem) as refused:
        parse_json(raw)
    assert refused.value.status == 400
    assert refused.value.detail.endswith(".")


PIECES = [
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b",",
    b":",
    b"\\",
    b"u0",
    b"1",
    b"e9",
    b" ",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"NaN",
]


@pytest.mark.proves("WH-07")
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=80).map(b"".join))
def test_no_body_breaks_the_reader(raw: bytes) -> None:
    """Any bytes give a value or a 400."""
    assert outcome(parse_json, raw) in ("read", "400 unreadable-body")


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)


@given(
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_json_writes_is_read_back(value: object) -> None:
    """The strict reader agrees with the plain one on everything within the limits."""
    assert parse_json(json.dumps(value).encode()) == json.loads(json.dumps(value))


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2999, 1, 1), timezones=st.just(UTC)), st.uuids())  # noqa: DTZ001
def test_a_cursor_comes_back(moment: datetime, row: UUID) -> None:
    """Exactly, to the microsecond."""
    assert decode(encode(Position(moment, row))) == Position(moment, row)


@given(st.text(max_size=64) | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_any_other_cursor_is_a_400(text: str) -> None:
    """Never a server error."""
    assert outcome(decode, text) == "400 bad-cursor" or encode(decode(text)) == text


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["evil"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, evil, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["198.51.100.1"], "198.51.100.1"),
        (None, ["198.51.100.1"], "unknown"),
    ],
)
@pytest.mark.proves("WH-11")
def test_only_listed_proxies_are_believed(peer: str | None, forwarded: list[str], expected: str) -> None:
    """From the nearest hop backwards, up to the first that is not a proxy of ours."""
    assert TrustedProxies(["10.0.0.0/8", "fd00::1"]).client_address(peer, forwarded) == expected


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "unknown"),
    ],
)
def test_ipv6_is_counted_by_64(address: str, network: str) -> None:
    """One customer has at least a /64."""
    assert network_of(address) == network


MINUTE = timedelta(minutes=1)


@pytest.mark.proves("PF-08")
def test_limits_at_n_and_n_plus_1(clock: VirtualClock) -> None:
    """n are admitted, the next is told how long to wait, and after that time it is admitted."""
    limiter, claim = RateLimiter(clock), Claim(Limit("address", 5, MINUTE), "a")
    assert [limiter.admit([claim]) for _ in range(5)] == [None] * 5
    wait = limiter.admit([claim])
    assert wait is not None
    clock.advance(wait + MINUTE)
    assert limiter.admit([claim]) is None


@pytest.mark.proves("PF-08")
def test_the_window_slides(clock: VirtualClock) -> None:
    """Twice the limit cannot pass around the end of a window."""
    limiter, claim = RateLimiter(clock), Claim(Limit("address", 10, MINUTE), "a")
    clock.advance(timedelta(seconds=59))
    assert sum(limiter.admit([claim]) is None for _ in range(20)) == 10
    clock.advance(timedelta(seconds=2))
    assert sum(limiter.admit([claim]) is None for _ in range(20)) == 0


@pytest.mark.proves("PF-08")
def test_one_flooded_form_does_not_harm_others(clock: VirtualClock) -> None:
    """What is refused by one limit uses up no other."""
    limiter = RateLimiter(clock)
    per_form, total = Limit("form", 3, MINUTE), Limit("total", 10, MINUTE)
    flooded = [limiter.admit([Claim(per_form, "f1"), Claim(total, "")]) for _ in range(100)]
    assert flooded.count(None) == 3
    other = [limiter.admit([Claim(per_form, f"f{n}"), Claim(total, "")]) for n in range(2, 9)]
    assert other.count(None) == 7


@pytest.mark.proves("PF-08")
def test_a_hundred_thousand_addresses_in_bounded_memory(clock: VirtualClock) -> None:
    """Counters stay within the bound, and the total still holds."""
    limiter = RateLimiter(clock, max_counters=1_000)
    address, total = Limit("address", 5, MINUTE), Limit("total", 20_000, MINUTE)
    admitted = sum(limiter.admit([Claim(address, str(n)), Claim(total, "")]) is None for n in range(100_000))
    assert len(limiter) <= 1_000
    assert admitted == 20_000


@pytest.mark.proves("WH-10")
def test_a_broken_limiter_admits_intake(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lead is worth more than a limit."""
    limiter = RateLimiter(clock)
    monkeypatch.setattr(limiter, "_counters", None)
    claim = Claim(Limit("address", 1, MINUTE), str(uuid4()))
    with pytest.raises(AttributeError):
        limiter.admit([claim])
    assert admit_intake(limiter, [claim]) is None
