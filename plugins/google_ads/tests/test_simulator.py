"""The simulator refuses what Google refuses: headers, accounts, queries, tokens, and answers of the hub."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from plugins.google_ads.failures import codes_in
from plugins.google_ads.forms import FORMS
from plugins.google_ads.simulator.gaql import parse_query
from plugins.google_ads.simulator.world import ADA, CLOSED, HARBOUR, NORTH, OFFICE, SOUTH
from plugins.google_ads.tests.conftest import ANSWERS, Google

TIME = "lead_form_submission_data.submission_date_time"
LEADS = "SELECT lead_form_submission_data.id FROM lead_form_submission_data"


async def refusal(google: Google, path: str, body: Any, **more: Any) -> tuple[int, str]:
    """Status and first code of a call that is refused."""
    status, answer = await google.ask(path, body, **more)
    return status, codes_in(answer)[0][1]


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        (NORTH, {"authorization": ""}, (401, "OAUTH_TOKEN_HEADER_INVALID")),
        (NORTH, {"authorization": "Basic YTpi"}, (401, "OAUTH_TOKEN_HEADER_INVALID")),
        (NORTH, {"authorization": "Bearer made-up"}, (401, "OAUTH_TOKEN_INVALID")),
        (NORTH, {"login-customer-id": "900-000-0001"}, (400, "INVALID_LOGIN_CUSTOMER_ID")),
        (NORTH, {"login-customer-id": OFFICE}, (403, "USER_PERMISSION_DENIED")),
        (SOUTH, {}, (403, "USER_PERMISSION_DENIED")),
        (SOUTH, {"login-customer-id": SOUTH}, (403, "USER_PERMISSION_DENIED")),
        (CLOSED, {"login-customer-id": OFFICE}, (403, "CUSTOMER_NOT_ENABLED")),
        ("100-000-0001", {}, (400, "INVALID_CUSTOMER_ID")),
        ("5555555555", {"login-customer-id": OFFICE}, (403, "USER_PERMISSION_DENIED")),
    ],
)
async def test_accounts_are_reached_only_the_right_way(
    connected: Google, path: str, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    """Wrong token, wrong manager, dashes, a closed or a foreign account: each is refused by its own code."""
    assert await refusal(connected, f"customers/{path}/googleAds:search", {"query": FORMS}, headers=headers) == expected


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": FORMS, "pageSize": 100}, "PAGE_SIZE_NOT_SUPPORTED"),
        ({"query": FORMS, "pageToken": "made-up"}, "EXPIRED_PAGE_TOKEN"),
        ({"query": FORMS, "shoeSize": 43}, "REQUIRED_FIELD_MISSING"),
        ({"query": ""}, "EXPECTED_SELECT"),
        ({}, "EXPECTED_SELECT"),
        ([FORMS], "REQUIRED_FIELD_MISSING"),
    ],
)
async def test_bodies_are_checked(connected: Google, body: Any, code: str) -> None:
    """The page size cannot be chosen, unknown members and places are refused."""
    assert await refusal(connected, f"customers/{NORTH}/googleAds:search", body) == (400, code)


async def test_body_must_say_that_it_is_json(connected: Google) -> None:
    """A form is no query."""
    found = await refusal(connected, f"customers/{NORTH}/googleAds:search", {"query": FORMS}, content_type="text/plain")
    assert found[0] == 400


async def test_page_token_belongs_to_its_query(connected: Google) -> None:
    """A place in one list is none in another."""
    connected.simulator.largest_page = 1
    for name in ("First", "Second"):
        connected.publish(NORTH, name)
    _, page = await connected.ask(f"customers/{NORTH}/googleAds:search", {"query": FORMS})
    body = {"query": FORMS.replace("asset.name, ", ""), "pageToken": page["nextPageToken"]}
    assert await refusal(connected, f"customers/{NORTH}/googleAds:search", body) == (400, "INVALID_PAGE_TOKEN")


async def test_refusal_of_a_stream_comes_in_a_list(connected: Google) -> None:
    """As the library's users report it; our reading of codes takes both."""
    status, answer = await connected.ask(f"customers/{NORTH}/googleAds:searchStream", {"query": "SELECT"})
    assert status == 400
    assert isinstance(answer, list)
    assert codes_in(answer) == [("queryError", "UNEXPECTED_END_OF_QUERY")]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("DELETE x FROM asset", "EXPECTED_SELECT"),
        ("SELECT asset.id WHERE asset.id = 1", "EXPECTED_FROM"),
        ("SELECT asset.id FROM assets", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("SELECT asset.shoe_size FROM asset", "UNRECOGNIZED_FIELD"),
        ("SELECT campaign.id FROM asset", "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE"),
        (f"{LEADS} WHERE customer_client.id = 1", "PROHIBITED_RESOURCE_TYPE_IN_WHERE_CLAUSE"),
        (
            f"{LEADS} WHERE lead_form_submission_data.lead_form_submission_fields = 'x'",
            "PROHIBITED_FIELD_IN_WHERE_CLAUSE",
        ),
        (f"{LEADS} ORDER BY lead_form_submission_data.gclid", "PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE"),
        (f"{LEADS} WHERE {TIME} >= '2026-01-01T00:00:00Z'", "BAD_VALUE"),
        (f"{LEADS} WHERE {TIME} >= 1767225600", "BAD_VALUE"),
        (f"{LEADS} WHERE {TIME} LIKE '2026-01-01'", "BAD_OPERATOR"),
        (f"{LEADS} WHERE campaign.id = 'x'", "BAD_NUMBER"),
        (f"{LEADS} LIMIT 0", "BAD_LIMIT_VALUE"),
        (f"{LEADS} ORDER {TIME}", "EXPECTED_BY"),
        (f"{LEADS} OFFSET 5", "UNEXPECTED_INPUT"),
        (f"{LEADS}; DROP", "BAD_SYMBOL"),
        (f"{LEADS} WHERE {TIME} >= '2026", "BAD_SYMBOL"),
    ],
)
async def test_wrong_queries_are_refused(connected: Google, query: str, code: str) -> None:
    """Each mistake of the query language has its code."""
    assert await refusal(connected, f"customers/{NORTH}/googleAds:search", {"query": query}) == (400, code)


async def test_conditions_order_and_limit_work(connected: Google) -> None:
    """A query gives what it asks for, in its order, times read in the zone of the account."""
    form = connected.publish(NORTH)
    added = connected.add(form, 4)
    first_at = connected.simulator.submissions[added[1]].submitted_at + timedelta(hours=1)
    asked = f"{LEADS} WHERE {TIME} >= '{first_at:%Y-%m-%d %H:%M:%S}' AND campaign.id != 5 ORDER BY {TIME} DESC LIMIT 2"
    _, answer = await connected.ask(f"customers/{NORTH}/googleAds:search", {"query": asked})
    assert [row["leadFormSubmissionData"]["id"] for row in answer["results"]] == [added[3], added[2]]
    assert set(answer["results"][0]) == {"leadFormSubmissionData"}
    assert set(answer["results"][0]["leadFormSubmissionData"]) == {"resourceName", "id"}
    assert parse_query(asked).limit == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "another"}, 401),
        ({"redirect_uri": "http://hub.example.com/x"}, 400),
        ({"scope": "https://www.googleapis.com/auth/drive"}, 400),
        ({"scope": ""}, 400),
        ({"response_type": "token"}, 400),
        ({"access_type": "forever"}, 400),
        ({"prompt": "please"}, 400),
        ({"code_challenge_method": "plain"}, 400),
    ],
)
async def test_consent_page_refuses_what_google_refuses(google: Google, change: dict[str, str], status: int) -> None:
    """A wrong authorisation request is told to the person and never sent back to the app."""
    parts = urlsplit(google.consent_url())
    query = dict(parse_qsl(parts.query)) | change
    url = google.simulator.local(urlunsplit(parts._replace(query=urlencode(query))))
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == status


async def test_consent_page_lets_a_person_choose_and_refuse(google: Google) -> None:
    """The page offers the people, then the scopes; a refusal comes back with the unchanged state."""
    url = google.simulator.local(google.consent_url())
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as page:
            assert "Ben Example" in await page.text()
        async with session.get(f"{url}&person={ADA}") as page:
            assert "auth/adwords" in await page.text()
    back = dict(parse_qsl(urlsplit(await google.simulator.authorize(google.consent_url(), allow=False)).query))
    assert back == {"error": "access_denied", "state": "kit-state-8d1f"}


async def test_token_endpoint_takes_only_forms_and_known_grants(google: Google) -> None:
    """JSON, an unknown client and an unknown grant type are refused as RFC 6749 says."""
    client = {"client_id": google.simulator.client_id, "client_secret": "simulated-client-secret-0001"}
    url = google.simulator.local("https://oauth2.googleapis.com/token")
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json=client) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "invalid_request")
        async with session.post(url, data={**client, "grant_type": "password"}) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "unsupported_grant_type")
        async with session.post(url, data={"client_id": "another"}) as answer:
            assert (answer.status, (await answer.json())["error"]) == (401, "invalid_client")


async def test_deliveries_are_repeated_after_5xx_and_lost_after_4xx(google: Google) -> None:
    """503 is tried again until 200; 202 is no success; 401 loses the lead on this way."""
    answers = [503, 503, 200, 401, 202]

    async def hub(_: web.Request) -> web.Response:
        return web.Response(status=answers.pop(0))

    app = web.Application()
    app.router.add_post("/hook", hub)
    async with TestServer(app) as server:
        form = google.publish(HARBOUR)
        google.simulator.set_webhook(form.id, str(server.make_url("/hook")))
        leads = [google.simulator.add_submission(form.id, ANSWERS) for _ in range(3)]
        await google.simulator.announce(leads[:1])
        for _ in range(2):
            assert await google.simulator.retry_due() == []
            google.clock.advance(timedelta(hours=1))
            await google.simulator.retry_due()
        assert google.simulator.deliveries[0].status == 200
        assert google.simulator.lost == []
        await google.simulator.announce(leads[1:])
        assert [each.status for each in google.simulator.lost] == [401, 202]


async def test_journal_lists_every_lead(google: Google) -> None:
    """What Google holds can be compared with what arrived elsewhere."""
    form = google.publish(SOUTH)
    lead = google.simulator.add_submission(form.id, ANSWERS)
    async with aiohttp.ClientSession() as session, session.get(f"{google.simulator.base_url}/journal") as answer:
        (line,) = (await answer.json())["leads"]
    assert (line["source_id"], line["form_id"], line["account_id"]) == (lead, form.id, SOUTH)
