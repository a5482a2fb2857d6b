"""When a grant is due for renewal."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hub.connector.models import Grant
from hub.connector.oauth import read_token_answer
from hub.core.connections.grants import StoredGrant, merged
from hub.core.connections.renewal import is_due

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stored(life: timedelta | None, stored_at: datetime = NOW) -> StoredGrant:
    """A grant stored at a moment with so long to live."""
    grant = Grant(access_token=SecretStr("t"), expires_at=None if life is None else stored_at + life)
    return StoredGrant(grant, 1, stored_at, None, None, 0, None)


@pytest.mark.proves("TK-06")
@pytest.mark.parametrize(
    ("life", "early"),
    [
        (timedelta(hours=2), timedelta(minutes=15)),
        (timedelta(hours=1), timedelta(minutes=12)),
        (timedelta(minutes=10), timedelta(minutes=2)),
        (timedelta(seconds=10), timedelta(seconds=2)),
        (timedelta(days=60), timedelta(minutes=15)),
    ],
)
def test_a_grant_is_due_fifteen_minutes_or_a_fifth_of_its_life_early(life: timedelta, early: timedelta) -> None:
    """The smaller of the two counts; a second before, it is not due."""
    moment = NOW + life - early
    assert is_due(stored(life), moment)
    assert not is_due(stored(life), moment - timedelta(seconds=1))


@pytest.mark.proves("TK-06")
def test_clocks_may_differ_by_five_minutes_and_jump_by_two_hours() -> None:
    """A grant from a host five minutes ahead is used; one from two hours ahead is renewed: its age is unknown."""
    assert not is_due(stored(timedelta(hours=1)), NOW - timedelta(minutes=5))
    assert is_due(stored(timedelta(hours=1)), NOW - timedelta(hours=2))
    assert is_due(stored(timedelta(hours=1)), NOW + timedelta(hours=2))


@pytest.mark.proves("TK-06")
@pytest.mark.parametrize("odd", [None, 0, -5, "", "soon", True, [], {}, "nan", "inf", 1e400])
def test_an_odd_expires_in_means_that_no_date_is_known(odd: object) -> None:
    """Such a grant is never due; the platform's refusal tells."""
    grant = read_token_answer({"access_token": "t", "expires_in": odd}, NOW)
    assert grant.expires_at is None
    assert not is_due(StoredGrant(grant, 1, NOW, None, None, 0, None), NOW + timedelta(days=400))


@pytest.mark.proves("TK-06")
@pytest.mark.parametrize(("text", "seconds"), [("3600", 3600), (3600.9, 3600.9), ("1e3", 1000), (10**20, 315360000)])
def test_an_expires_in_as_text_or_beyond_reason_is_read(text: object, seconds: float) -> None:
    """Digits in a text count; a life of centuries ends after ten years."""
    grant = read_token_answer({"access_token": "t", "expires_in": text}, NOW)
    assert grant.expires_at == NOW + timedelta(seconds=seconds)


@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=3650)))
def test_a_grant_is_due_before_it_expires_and_not_when_it_is_new(life: timedelta) -> None:
    """For every life."""
    assert not is_due(stored(life), NOW)
    assert is_due(stored(life), NOW + life)


def test_what_an_answer_leaves_out_stays() -> None:
    """Refresh token, scopes, part tokens and the admin's clock are taken from the old grant."""
    old = Grant(
        access_token=SecretStr("old"),
        refresh_token=SecretStr("refresh"),
        authorised_until=NOW,
        scopes=("leads",),
        part_tokens={"page": SecretStr("page-token")},
    )
    both = merged(old, Grant(access_token=SecretStr("new")))
    assert both == old.model_copy(update={"access_token": SecretStr("new")})
    assert merged(old, both.model_copy(update={"scopes": ("a",)})).scopes == ("a",)
