"""Bodies that somebody may send, and what the hub does with each: one written rule per class.

Most bodies are two things at once, a notification of the platform and a post to a form, so that the same bytes can
be sent to all three kinds of address:

- ``hook``: the signed address of an app, signed over exactly these bytes. The connector decides; what is signed is
  never lost: a body that cannot be read becomes one quarantined receipt, a change that cannot be read becomes one
  quarantined receipt beside the others. The declared type plays no part, the signature does.
- ``json``: the JSON address of a form, with the declared type of the case.
- ``page``: the hosted page of the form. What is JSON elsewhere is the value of a field of a plain form post here,
  percent-encoded; everything else is posted as it is.

A form post that cannot be read is refused with the place and counted; nothing of it is kept.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = 'multipart/form-data; boundary="edge"'
LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What is answered, and how the receipts end (None: there is none). ``reason`` without a receipt is counted."""

    status: int
    receipts: tuple[tuple[str, str | None], ...] = ()
    refused: str | None = None


@dataclass(frozen=True)
class Case:
    """One body. ``unpacked`` is what a signature covers, where it is not the body itself."""

    name: str
    raw: bytes
    hook: Outcome
    json: Outcome
    page: Outcome
    content_type: str | None = JSON
    encoding: str | None = None
    unpacked: bytes | None = None
    is_whole_post: bool = False
    """Whether the page is sent exactly these bytes too, as a plain form."""

    def sent_to(self, address: str) -> tuple[bytes, str | None]:
        """Body and declared type at one of the addresses."""
        if address != "page" or self.content_type != JSON:
            return self.raw, self.content_type
        is_value = not self.is_whole_post and self.encoding is None
        return (b"full_name=Ada&odd=" + quote_from_bytes(self.raw).encode() if is_value else self.raw), FORM


LEAD: tuple[tuple[str, str | None], ...] = (("lead_created", None),)
HELD: tuple[tuple[str, str | None], ...] = (("quarantined", "unknown_account"),)
READ = Outcome(200, HELD)
"""The notification is read, and waits for its account to be connected: no connection of the test holds it."""
UNREADABLE = Outcome(200, (("quarantined", "bad_payload"),))
NOTHING = Outcome(200, (("rejected", "nothing_inside"),))
TAKEN = Outcome(202, LEAD)
SHOWN = Outcome(200, LEAD)
"""As TAKEN, told to a person on a page."""
BAD = Outcome(400, refused="bad_payload")
BROKEN = Outcome(400, refused="unreadable-body")
WRONG_TYPE = Outcome(415, refused="unsupported_type")
TOO_LARGE = Outcome(413, refused="too-large")
UNKNOWN_PACKING = Outcome(415, refused="unsupported-media-type")


def both(odd: str = "1", *, lead: str = '"7"', more: str = "") -> bytes:
    """A notification and a form post in one, with ``odd`` (JSON text) as a value inside each."""
    return (
        '{"object":"page","entry":[{"id":"1","changes":[{"field":"leadgen","value":{"leadgen_id":'
        + lead
        + ',"form_id":"8","odd":'
        + odd
        + '}}]}],"fields":{"full_name":["Ada"],"odd":'
        + odd
        + "}"
        + more
        + "}"
    ).encode()


def _objects(names: int) -> str:
    return json.dumps({f"k{number}": number for number in range(names)})


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def _padded(size: int) -> bytes:
    """A body of exactly this size."""
    return both('"' + "x" * 500_000 + '"') + b" " * (size - len(both('"' + "x" * 500_000 + '"')))


def depth() -> Iterator[Case]:
    """Depth. A notification may be as deep as its reader can follow, deeper it cannot be read. A value of a form is
    text or a list of texts, at whatever depth it would go on."""
    for levels in (2, 30, 100, 500):
        yield Case(f"{levels} levels", both(_nested(levels)), READ, BAD, SHOWN)
    for levels in (5_000, 40_000):
        yield Case(f"{levels} levels", both(_nested(levels)), UNREADABLE, BAD, SHOWN)
    yield Case("100,000 brackets never closed", both("[" * 100_000), UNREADABLE, BAD, SHOWN)
    yield Case("an object as a value", both('{"a":{"b":{}}}'), READ, BAD, SHOWN)
    deep = both(lead=_nested(500))
    yield Case("an id of 500 levels", deep, Outcome(200, HELD), TAKEN, SHOWN)


def counts() -> Iterator[Case]:
    """Number of keys and values. A form takes 1,000 values, a notification as many as fit into 1 MiB."""
    yield Case("999 values in a list", both(json.dumps(["x"] * 999)), READ, TAKEN, SHOWN)
    yield Case("1,000 values in a list", both(json.dumps(["x"] * 1_000)), READ, BAD, SHOWN)
    yield Case("10,000 keys in an object", both(_objects(10_000)), READ, BAD, SHOWN)
    fields = _objects(1_001).encode()
    yield Case("1,001 fields", b'{"fields":' + fields + b"}", NOTHING, BAD, SHOWN)
    for number, outcome in ((1_000, SHOWN), (1_001, BAD), (50_000, BAD)):
        raw = "&".join(f"f{each}=1" for each in range(number)).encode()
        taken = TAKEN if outcome is SHOWN else BAD
        yield Case(f"{number} form fields", raw, UNREADABLE, taken, outcome, FORM)
    events = json.dumps([{"field": "leadgen", "value": {"leadgen_id": str(each)}} for each in range(1_000)])
    batch = f'{{"object":"page","entry":[{{"id":"1","changes":{events}}}],"fields":{{"full_name":"Ada"}}}}'.encode()
    yield Case("1,000 changes", batch, Outcome(200, HELD * 1_000), TAKEN, SHOWN)
    name = "n" * 201
    yield Case("a field name of 201 characters", both("1", more=f',"x":1,"{name}":1'), READ, TAKEN, SHOWN)
    yield Case("the same as a form", f"{name}=1".encode(), UNREADABLE, BAD, BAD, FORM)


def numbers() -> Iterator[Case]:
    """Big numbers. A form keeps the digits that were sent, as text. A notification is read as far as Python reads
    whole numbers (4,300 digits); an id is text or a whole number and never passes through a float."""
    for name, text in (
        ("2 ** 64", str(2**64)),
        ("100 digits", "9" * 100),
        ("4,000 digits", "9" * 4_000),
        ("a number beyond a double", "1e999"),
        ("a number below a double", "-1e-999"),
        ("many decimals", "0." + "1" * 500),
        ("minus zero", "-0"),
    ):
        yield Case(name, both(text), READ, TAKEN, SHOWN)
    yield Case("5,000 digits", both("9" * 5_000), UNREADABLE, TAKEN, SHOWN)
    for name, text in (
        ("an id of 2 ** 64", str(2**64)),
        ("an id of 300 digits", "9" * 300),
        ("an id with decimals", "7.5"),
        ("an id beyond a double", "1e999"),
        ("a negative id", "-7"),
        ("an id that is true", "true"),
        ("an id that is null", "null"),
        ("an empty id", '""'),
        ("an id that is a list", '["7"]'),
        ("an id that is an object", '{"a":"7"}'),
        ("an id of 201 characters", '"' + "7" * 201 + '"'),
        ("an id with NUL", r'"7\u0000"'),
        ("an id that is half a pair", r'"\ud800"'),
        ("an id of blanks", '"   "'),
    ):
        yield Case(name, both(lead=text), READ, TAKEN, SHOWN)


def not_json() -> Iterator[Case]:
    """What is not JSON after RFC 8259, truncated or otherwise: refused at a form, one receipt at a signed address."""
    whole = both()
    for name, raw in (
        ("NaN", both("NaN")),
        ("Infinity", both("Infinity")),
        ("-Infinity", both("-Infinity")),
        ("nothing at all", b""),
        ("blanks", b" \t\r\n "),
        ("cut short", whole[:-1]),
        ("cut in a text", whole[:60]),
        ("cut in an escape", both(r'"\u00')[:-70]),
        ("a comma too many", both("[1,]")),
        ("a comment", both("1 /* one */")),
        ("single quotes", b"{'object':'page','entry':[]}"),
        ("two values", whole + whole),
        ("a guard in front", b")]}',\n" + whole),
        ("a line break in a text", both('"a\nb"')),
        ("a number with a plus", both("+1")),
        ("a number with a zero in front", both("01")),
        ("NUL after the end", whole + b"\0"),
        ("NUL in a text", both('"a\0b"')),
        ("an unknown escape", both(r'"\x41"')),
        ("no quotes", b"{object:page}"),
        ("True", both("True")),
    ):
        yield Case(name, raw, UNREADABLE, BAD, SHOWN)


def other_values() -> Iterator[Case]:
    """JSON that is not an object, or an object of another kind."""
    for text in ("null", "true", "42", '"text"', "[]", "[[]]", '[{"object":"page"}]'):
        yield Case(f"only {text}", text.encode(), UNREADABLE, BAD, SHOWN, is_whole_post=True)
    yield Case("an empty object", b"{}", NOTHING, TAKEN, SHOWN)
    yield Case("another object", b'{"object":"user","entry":[]}', NOTHING, TAKEN, SHOWN)
    yield Case("no entries", b'{"object":"page"}', UNREADABLE, TAKEN, SHOWN)
    yield Case("an empty list of entries", b'{"object":"page","entry":[]}', NOTHING, TAKEN, SHOWN)
    for name, entry in (
        ("an entry that is null", b"null"),
        ("an entry that is a text", b'"x"'),
        ("changes that are an object", b'{"id":"1","changes":{}}'),
        ("a change that is a number", b'{"id":"1","changes":[5]}'),
        ("a change without value", b'{"id":"1","changes":[{"field":"leadgen"}]}'),
        ("a value that is a list", b'{"id":"1","changes":[{"field":"leadgen","value":[]}]}'),
        ("a page id that is an object", b'{"id":{},"changes":[{"field":"leadgen","value":{"leadgen_id":"7"}}]}'),
    ):
        raw = b'{"object":"page","entry":[' + entry + b'],"fields":{"full_name":"Ada"}}'
        yield Case(name, raw, READ, TAKEN, SHOWN)
    events = b'{"id":"1","changes":[{"field":"leadgen","value":{"leadgen_id":"7"}},5,{"field":"feed"}]}'
    raw = b'{"object":"page","entry":[' + events + b',7],"fields":{"full_name":"Ada"}}'
    yield Case("good and bad changes together", raw, Outcome(200, HELD * 3), TAKEN, SHOWN)
    yield Case("unknown members everywhere", both(more=',"new":{"a":[1]},"x":null'), READ, TAKEN, SHOWN)
    yield Case("fields that are a list", b'{"fields":[["full_name","Ada"]]}', NOTHING, BAD, SHOWN)


def duplicates() -> Iterator[Case]:
    """The same key twice in one object. A form refuses it, because two readers would take different values; in a
    notification the last one counts, and the raw bytes keep both."""
    yield Case("a value's key twice", both('{"a":1,"a":2}'), READ, BAD, SHOWN)
    yield Case("fields twice", both(more=',"fields":{"full_name":"Bob"}'), READ, BAD, SHOWN)
    yield Case("the id twice", both(lead='"7","leadgen_id":"8"'), READ, BAD, SHOWN)
    yield Case("the same name twice in a form", b"full_name=Ada&full_name=Bob", UNREADABLE, TAKEN, SHOWN, FORM)


def characters() -> Iterator[Case]:
    """Odd characters. Half a surrogate pair and NUL become U+FFFD, the raw bytes keep them; a byte order mark is
    dropped. A form is UTF-8 and nothing else; a notification may be in any encoding of Unicode that JSON was ever
    sent in (RFC 4627)."""
    for name, text in (
        ("half a pair", r'"\ud800"'),
        ("the other half", r'"\udc00 x"'),
        ("a pair the wrong way round", r'"\udc00\ud83d"'),
        ("a whole pair", r'"\ud83d\ude00"'),
        ("NUL", r'"a\u0000b"'),
        ("all controls", json.dumps("".join(map(chr, range(32))))),
        ("not a character", '"\uffff\ufffe"'),
        ("right to left", '"\u202eabc\u2066"'),
        ("markup", json.dumps("<script>alert(1)</script>'\"--")),
        ("a formula", '"=1+1"'),
    ):
        yield Case(name, both(text), READ, TAKEN, SHOWN)
    yield Case("NUL in a key", both().replace(b'"odd"', rb'"o\u0000d"'), READ, TAKEN, SHOWN)
    yield Case("half a pair in a key", both().replace(b'"odd"', rb'"o\ud800d"'), READ, TAKEN, SHOWN)
    yield Case("an empty key", both().replace(b'"odd"', b'""'), READ, TAKEN, SHOWN)
    yield Case("a byte order mark", b"\xef\xbb\xbf" + both(), READ, TAKEN, SHOWN)
    yield Case("two byte order marks", b"\xef\xbb\xbf" * 2 + both(), UNREADABLE, BAD, SHOWN)
    whole = both('"é"').decode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        yield Case(encoding, whole.encode(encoding), READ, BAD, BAD)
    for name, odd in (
        ("Latin-1", b'"\xe9"'),
        ("an overlong slash", b'"\xc0\xaf"'),
        ("a sequence cut short", b'"\xe2\x82"'),
        ("byte 255", b'"\xff"'),
    ):
        yield Case(name, both("@").replace(b"@", odd), UNREADABLE, BAD, BAD)
    yield Case("a surrogate in three bytes", both("@").replace(b"@", b'"\xed\xa0\x80"'), READ, BAD, BAD)
    for name, raw, good in (
        ("percent and no digits", b"full_name=100%&odd=%zz", True),
        ("percent of NUL", b"full_name=Ada&odd=%00", True),
        ("percent of a broken sequence", b"full_name=%ff%fe", False),
        ("percent of half a pair", b"full_name=%ed%a0%80", False),
        ("only separators", b"&&==&;", True),
        ("a name alone", b"full_name", True),
    ):
        outcome = (TAKEN, SHOWN) if good else (BAD, BAD)
        yield Case(name, raw, UNREADABLE, *outcome, FORM)


def sizes() -> Iterator[Case]:
    """Size: 1 MiB, counted after unpacking. To the page these are one field with an endless name."""
    yield Case("1 MiB less 1", _padded(LIMIT - 1), READ, TAKEN, BAD, is_whole_post=True)
    yield Case("1 MiB", _padded(LIMIT), READ, TAKEN, BAD, is_whole_post=True)
    yield Case("1 MiB and 1", _padded(LIMIT + 1), TOO_LARGE, TOO_LARGE, TOO_LARGE, is_whole_post=True)
    yield Case("2 MiB", _padded(2 * LIMIT), TOO_LARGE, TOO_LARGE, TOO_LARGE, is_whole_post=True)


def packed() -> Iterator[Case]:
    """Content encodings. What unpacks to a body is that body; what cannot be unpacked, unpacks to more than 1 MiB or
    to more than 100 times what was sent is refused before anything looks inside."""
    whole = both()
    yield Case("gzip", gzip.compress(whole), READ, TAKEN, SHOWN, encoding="gzip", unpacked=whole)
    yield Case("deflate", zlib.compress(whole), READ, TAKEN, SHOWN, encoding="deflate", unpacked=whole)
    yield Case("identity", whole, READ, TAKEN, SHOWN, encoding="identity")
    bomb = gzip.compress(b'{"a":"' + b"x" * 20 * LIMIT + b'"}')
    yield Case("20 MiB in 20 KiB", bomb, TOO_LARGE, TOO_LARGE, TOO_LARGE, encoding="gzip")
    small = gzip.compress(b" " * 900_000)
    yield Case("900 kB in 1 kB", small, TOO_LARGE, TOO_LARGE, TOO_LARGE, encoding="gzip")
    twice = gzip.compress(gzip.compress(b"x" * 50 * LIMIT))
    yield Case(
        "gzip in gzip, declared once", twice, UNREADABLE, BAD, BAD, encoding="gzip", unpacked=gzip.decompress(twice)
    )
    for name, raw, encoding in (
        ("gzip cut short", gzip.compress(whole)[:-12], "gzip"),
        ("gzip that is none", whole, "gzip"),
        ("deflate that is none", b"\xff" * 50, "deflate"),
        ("gzip with a broken sum", gzip.compress(whole)[:-8] + b"\0" * 8, "gzip"),
    ):
        yield Case(name, raw, BROKEN, BROKEN, BROKEN, encoding=encoding)
    for encoding in ("rot13", "gzip, gzip", "x-gzip", "compress", "GZIP;q=1"):
        yield Case(encoding, whole, UNKNOWN_PACKING, UNKNOWN_PACKING, UNKNOWN_PACKING, encoding=encoding)


def types() -> Iterator[Case]:
    """Declared types. The declared type decides the parser of a form: JSON that says it is a plain form is one odd
    field, a form that says it is JSON is no JSON, anything else is 415. A signed address does not ask."""
    whole = both()
    for declared in (
        None,
        "",
        "text/plain",
        "application/xml",
        "image/png",
        "application/jsonp",
        "text/json",
        "garbage",
        "application/json, text/plain",
        "application/octet-stream",
        "multipart/mixed; boundary=edge",
        "application/cloudevents+json",
    ):
        yield Case(f"JSON as {declared}", whole, READ, WRONG_TYPE, WRONG_TYPE, declared)
    yield Case("JSON in capitals", whole, READ, TAKEN, SHOWN, "Application/JSON; Charset=UTF-8")
    yield Case("a form as JSON", b"full_name=Ada", UNREADABLE, BAD, SHOWN)
    yield Case("a form", b"full_name=Ada&odd=1", UNREADABLE, TAKEN, SHOWN, FORM)
    yield Case("a form in UTF-8", b"full_name=Ada", UNREADABLE, TAKEN, SHOWN, FORM + "; charset=UTF-8")


def multipart() -> Iterator[Case]:
    """Multipart: names and values only. A file is refused, its name is never used; an empty file box is no answer."""

    def parts(*texts: str, end: str = "--edge--\r\n") -> bytes:
        return ("".join(f"--edge\r\n{text}\r\n" for text in texts) + end).encode()

    name = 'Content-Disposition: form-data; name="full_name"\r\n\r\nAda'
    file = 'Content-Disposition: form-data; name="f"; filename="{}"\r\nContent-Type: image/png\r\n\r\n{}'
    good = (UNREADABLE, TAKEN, SHOWN)
    bad = (UNREADABLE, BAD, BAD)
    for title, raw, outcome in (
        ("one part", parts(name), good),
        ("no part", b"--edge--\r\n", good),
        ("an empty file box", parts(name, file.format("", "")), good),
        ("a file", parts(name, file.format("../../etc/passwd", "x")), bad),
        ("a file without name", parts(name, file.format("", "x")), bad),
        ("JSON that says it is a file", parts(file.format("a.json", '{"full_name":"Ada"}')), bad),
        ("no end", parts(name, end=""), bad),
        ("another boundary", parts(name).replace(b"--edge", b"--egde"), bad),
        ("a part without header", parts("Ada"), bad),
        ("a part without name", parts("Content-Disposition: form-data\r\n\r\nAda"), bad),
        ("a part that is not UTF-8", parts(name).replace(b"Ada", b"\xff"), bad),
        ("1,001 parts", parts(*[name] * 1_001), bad),
        ("nothing", b"", bad),
    ):
        yield Case(f"multipart: {title}", raw, *outcome, MULTIPART)
    for declared in (
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
    ):
        yield Case(f"multipart as {declared[:40]}", parts(name), *bad, declared)


CLASSES = (
    depth,
    counts,
    numbers,
    not_json,
    other_values,
    duplicates,
    characters,
    sizes,
    packed,
    types,
    multipart,
)
