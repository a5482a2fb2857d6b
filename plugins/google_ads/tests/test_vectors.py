"""The vectors of the protocol page, section 7, and what else may arrive at the address."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from hub.connector.errors import UnverifiedRequestError
from hub.connector.models import InboundRequest, Received
from plugins.google_ads.connector import GoogleAds
from plugins.google_ads.simulator import GoogleAdsSimulator
from plugins.google_ads.tests.conftest import ANSWERS, Google

KEY = "k-9f2b7c1d"
LEAD: dict[str, Any] = {"lead_id": "L1", "user_column_data": [], "form_id": 1, "google_key": KEY}
SIMULATOR = GoogleAdsSimulator()


def receive(
    body: Any, *, secret: str = KEY, headers: dict[str, str] | None = None, url: str | None = None, method: str = "POST"
) -> Received:
    """What the connector makes of a body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = SIMULATOR.inbound(content, headers, method=method)
    request = request.model_copy(update={"url": url or request.url})
    return GoogleAds().receive(request, SecretStr(secret))


def test_right_key_is_accepted_with_exactly_200() -> None:
    """Vector 1: 200 with an empty object, and the lead without the key."""
    found = receive(LEAD)
    assert found.reply is not None
    assert (found.reply.status, found.reply.body, found.reply.content_type) == (200, b"{}", "application/json")
    (raw,) = found.submissions
    assert (raw.source_id, raw.form_id) == ("L1", "1")
    assert raw.body == {"lead_id": "L1", "user_column_data": [], "form_id": 1}


def test_repeat_has_the_same_id() -> None:
    """Vector 2: the same request twice is the same submission twice, and the request is left as it was."""
    request: InboundRequest = SIMULATOR.inbound(json.dumps(LEAD).encode())
    first, second = (GoogleAds().receive(request, SecretStr(KEY)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "key",
    [
        "k-9f2b7c1D",
        "k-9f2b7c1d ",
        " k-9f2b7c1d",
        "k-9f2b7c1",
        "",
        ["k-9f2b7c1d"],
        None,
        9,
        True,
        {"k": KEY},
        "é",
        "\ud800",
    ],
)
def test_wrong_keys_are_refused(key: Any) -> None:
    """Vectors 3, 4 and 6: another case, a blank more, another type: refused, without any other exception."""
    with pytest.raises(UnverifiedRequestError):
        receive({**LEAD, "google_key": key})


def test_key_at_another_place_is_no_key() -> None:
    """Vector 5: absent from the body, though right in a header and in the query."""
    without = {name: value for name, value in LEAD.items() if name != "google_key"}
    url = f"{SIMULATOR.callback_url}?google_key={KEY}"
    with pytest.raises(UnverifiedRequestError):
        receive(without, headers={"google_key": KEY, "authorization": f"Bearer {KEY}"}, url=url)


@pytest.mark.parametrize("keys", [(KEY, "other"), ("other", KEY), (KEY, KEY)])
def test_key_twice_is_refused(keys: tuple[str, str]) -> None:
    """Vector 7: two members of this name, whichever is right: readers differ about which one counts."""
    first, second = keys
    body = f'{{"google_key":"{first}","lead_id":"L1","user_column_data":[],"google_key":"{second}"}}'
    with pytest.raises(UnverifiedRequestError):
        receive(body.encode())


def test_test_lead_is_marked() -> None:
    """Vector 8."""
    (raw,) = receive({**LEAD, "is_test": True, "lead_submit_time": "2026-01-01T00:00:00Z"}).submissions
    assert GoogleAds().normalise(raw).is_test


def test_overlong_id_and_unknown_fields_are_accepted() -> None:
    """Vector 9: ids of 300 characters that differ only at their end stay two; unknown members are kept."""
    found = [receive({**LEAD, "lead_id": "x" * 299 + end, "novelty": [1]}).submissions[0] for end in "ab"]
    assert found[0].source_id != found[1].source_id
    assert all(len(raw.source_id or "") <= 200 for raw in found)
    assert isinstance(found[0].body, dict)
    assert found[0].body["novelty"] == [1]


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"null", b'"k-9f2b7c1d"', b"{", b"\xff", b"[" * 100_000])
def test_body_without_an_object_is_refused(body: bytes) -> None:
    """Vector 11, first half: nothing shows that it comes from Google."""
    with pytest.raises(UnverifiedRequestError):
        receive(body)


@pytest.mark.parametrize("lead_id", [None, [], {}, True, 1.5, ""])
def test_lead_without_a_readable_id_is_kept_and_answered_with_400(lead_id: Any) -> None:
    """Vector 11, second half: repeating would not help, so 400 ends it; the lead stands in quarantine."""
    found = receive({**LEAD, "lead_id": lead_id})
    assert found.reply is not None
    assert found.reply.status == 400
    assert "message" in json.loads(found.reply.body)
    (raw,) = found.submissions
    assert raw.source_id is None
    assert isinstance(raw.body, dict)
    assert "google_key" not in raw.body


def test_no_secret_opens_nothing() -> None:
    """Without a key in the settings nothing is accepted, not even an empty one."""
    with pytest.raises(UnverifiedRequestError):
        receive({**LEAD, "google_key": ""}, secret="")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_post_is_taken(method: str) -> None:
    """Google posts."""
    with pytest.raises(UnverifiedRequestError):
        receive(LEAD, method=method)


def test_too_large_a_body_is_not_read() -> None:
    """A body beyond reason is refused before it is parsed."""
    with pytest.raises(UnverifiedRequestError):
        receive({**LEAD, "padding": "x" * 1_000_001})


def test_members_nested_beyond_reason_spare_the_lead() -> None:
    """A member that no store takes is left out; the lead is kept."""
    deep = b'{"lead_id":"L1","user_column_data":[],"google_key":"%s","deep":%s%s}' % (
        KEY.encode(),
        b"[" * 200,
        b"]" * 200,
    )
    (raw,) = receive(deep).submissions
    assert raw.body == {"lead_id": "L1", "user_column_data": []}


@pytest.mark.parametrize(
    ("path", "account"),
    [
        ("/hooks/google_ads/abc/123-456-7890", "1234567890"),
        ("/hooks/google_ads/abc/1234567890", "1234567890"),
        ("/hooks/google_ads/abc", None),
        ("/hooks/google_ads/abc/north", None),
        ("/hooks/google_ads/abc/12345678901", None),
        ("/hooks/google_ads/abc/１２３４５６７８９０", None),
    ],
)
def test_account_may_stand_at_the_end_of_the_address(path: str, account: str | None) -> None:
    """The body names no account; the admin may add its number to the address."""
    (raw,) = receive(LEAD, url=f"https://hub.example.com{path}").submissions
    assert raw.part_id == account


async def test_delivered_and_listed_lead_are_one(connected: Google) -> None:
    """Both ways give the same id, form, time, answers, click id and numbers; names come only by reading."""
    form = connected.publish()
    lead = connected.simulator.add_submission(form.id, ANSWERS | {"PRODUCT": ("Roof", "Gutter, long")})
    listed, delivered = await connected.normalised(lead)
    for field in ("source_id", "form_id", "submitted_at", "is_test"):
        assert getattr(listed, field) == getattr(delivered, field)
    said = [{each.key: each.values for each in found.answers} for found in (listed, delivered)]
    assert said[0] == said[1]
    assert said[0]["PRODUCT"] == ("Roof", "Gutter, long")
    ours, theirs = listed.campaign, delivered.campaign
    assert ours is not None
    assert theirs is not None
    assert ours.click_ids == theirs.click_ids == {"gclid": f"Cj0K{lead}"}
    assert theirs.ids == {name: value for name, value in ours.ids.items() if name != "account"}
    assert ours.names == {"campaign": "Spring offer", "ad_group": "Near you"}
