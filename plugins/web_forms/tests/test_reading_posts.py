"""Reading posts: tokens, proofs, campaigns, and bodies of every kind."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hub.connector.errors import BadPayloadError
from hub.connector.models import InboundRequest
from plugins.web_forms.bodies import clean, read_entries
from plugins.web_forms.connector import WebForms
from plugins.web_forms.render_token import solve, solves
from plugins.web_forms.simulator import proof_for

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = SecretStr("a secret")
FORMS = WebForms()


def token(form_key: str = "form-7", *, age: timedelta = timedelta(minutes=1), bits: int = 8) -> str:
    """A genuine token of that age."""
    return FORMS.issue_token(form_key, 3, bits=bits, nonce="n-1", now=NOW - age, secret=SECRET)


def post(pairs: dict[str, str], *, at: datetime = NOW, content_type: str = "") -> InboundRequest:
    """A form post."""
    return InboundRequest(
        method="POST",
        url="https://hub.example.com/f/form-7",
        headers={"content-type": content_type or "application/x-www-form-urlencoded"},
        body=urlencode(pairs).encode(),
        received_at=at,
    )


def suspicions(pairs: dict[str, str]) -> tuple[str, ...]:
    """What is held against a post."""
    return FORMS.receive(post({"email": "ada@example.com", **pairs}), SECRET).submissions[0].suspicions


@pytest.mark.proves("PF-04")
def test_a_genuine_post_with_proof_has_nothing_against_it() -> None:
    """Token and proof of the right form and time; the nonce is told so that it can be spent."""
    text = token()
    found = FORMS.read_post(post({"_lh_token": text, "_lh_proof": solve(text, 8)}), SECRET)
    assert (found.raw.suspicions, found.nonce) == ((), "n-1")


@pytest.mark.proves("PF-04")
def test_every_changed_character_of_a_token_is_noticed() -> None:
    """No part of the token can be forged."""
    text = token()
    for position in range(len(text)):
        other = "0" if text[position] != "0" else "1"
        assert suspicions({"_lh_token": text[:position] + other + text[position + 1 :]}) == ("token_forged",)


@pytest.mark.proves("PF-04")
@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(seconds=2), ("too_fast",)),
        (timedelta(seconds=3), ()),
        (timedelta(minutes=10), ()),
        (timedelta(minutes=10, seconds=1), ("proof_expired",)),
        (timedelta(hours=24), ("proof_expired",)),
        (timedelta(hours=24, seconds=1), ("token_expired", "proof_expired")),
        (timedelta(minutes=-6), ("token_early", "too_fast")),
    ],
)
def test_the_limits_in_time(age: timedelta, expected: tuple[str, ...]) -> None:
    """Each limit holds to the second."""
    text = token(age=age)
    assert suspicions({"_lh_token": text, "_lh_proof": solve(text, 8)}) == expected


@pytest.mark.proves("PF-04")
def test_a_proof_is_bound_to_its_token() -> None:
    """The proof of one token is none for another, nor is anything that is no plain number."""
    text, other = token(bits=12), token(age=timedelta(minutes=2), bits=12)
    proof = solve(text, 12)
    assert suspicions({"_lh_token": text, "_lh_proof": proof}) == ()
    assert suspicions({"_lh_token": other, "_lh_proof": proof}) == ("proof_wrong",)
    for wrong in ("-1", "1e3", "٣", "9" * 13, " 1"):
        assert not solves(text, wrong, 0)


def test_two_independent_solvers_agree() -> None:
    """The simulator's search, written from the description, finds what the connector accepts."""
    text = token(bits=10)
    assert proof_for(text) == solve(text, 10)


def test_a_token_of_another_form_is_foreign() -> None:
    """It is bound to the form that it was rendered for."""
    assert suspicions({"_lh_token": token("form-8")}) == ("token_foreign",)


@pytest.mark.proves("P-06")
def test_a_post_without_token_has_nothing_against_it() -> None:
    """A site's own form needs neither token nor proof."""
    assert suspicions({}) == ()


@pytest.mark.proves("PF-03")
def test_the_kept_body_is_the_same_whatever_token_came_along() -> None:
    """A repeat with a renewed token and another proof is the same content."""
    bodies = []
    for age in (timedelta(minutes=1), timedelta(minutes=7)):
        text = token(age=age)
        sent = {"_lh_key": "k", "email": "a@b.c", "_lh_token": text, "_lh_proof": solve(text, 8)}
        bodies.append(FORMS.receive(post(sent, at=NOW + age), SECRET).submissions[0].body)
    assert bodies[0] == bodies[1]


@pytest.mark.proves("P-03")
def test_a_page_without_campaign_keeps_the_last_touch() -> None:
    """The campaign of an earlier page counts until a newer one comes."""
    last = json.dumps({"page": "https://s.example/?utm_source=mail&gbraid=b", "referrer": "", "msclkid": "m"})
    sent = {"_lh_page": "https://s.example/contact", "_lh_last": last, "_lh_first": "not json"}
    raw = FORMS.receive(post(sent), SECRET).submissions[0]
    found = FORMS.normalise(raw)
    assert found.campaign is not None
    assert (found.campaign.source, dict(found.campaign.click_ids)) == ("mail", {"gbraid": "b", "msclkid": "m"})
    assert found.first_touch is None
    newer = FORMS.normalise(
        FORMS.receive(post({**sent, "_lh_page": "https://s.example/?wbraid=w"}), SECRET).submissions[0]
    )
    assert newer.campaign is not None
    assert dict(newer.campaign.click_ids) == {"wbraid": "w"}


NAMES = st.text(min_size=1, max_size=20).filter(lambda name: not name.startswith(("_lh_", "utm_", "_charset_")))


@pytest.mark.proves("WH-07")
@given(st.dictionaries(NAMES, st.lists(st.text(max_size=30), min_size=1, max_size=3), max_size=8))
def test_json_and_form_bodies_give_the_same_values(fields: dict[str, list[str]]) -> None:
    """No value is lost or changed by either encoding; NUL and lone surrogates become one visible sign."""
    expected: dict[str, list[str]] = {}
    for name, values in fields.items():
        expected.setdefault(clean(name), []).extend(clean(value) for value in values)
    assert read_entries(json.dumps({"fields": fields}).encode(), "application/json") == expected
    pairs = [(name, value) for name, values in expected.items() for value in values]
    assert read_entries(urlencode(pairs).encode(), "application/x-www-form-urlencoded") == expected


@pytest.mark.proves("WH-07")
@given(
    st.binary(max_size=300),
    st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ";"]
    ),
)
def test_any_bytes_are_read_or_named(body: bytes, content_type: str) -> None:
    """Whatever arrives, it is read or refused as unreadable; nothing else is raised."""
    request = post({}, content_type=content_type).model_copy(update={"body": body})
    with contextlib.suppress(BadPayloadError):
        assert FORMS.normalise(FORMS.receive(request, SECRET).submissions[0]).submitted_at == NOW
