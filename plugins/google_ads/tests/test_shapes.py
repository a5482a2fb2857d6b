"""What the simulator sends is what Google's own client reads: the shapes of the messages, from the client itself.

``message_definitions.json`` is written by ``write_definitions.py`` from the official client; every answer of the
simulator's API is checked against it member by member, by the rules of protocol buffers in JSON.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.google_ads.errors import ERROR_RULES
from plugins.google_ads.failures import FailureRule, codes_in
from plugins.google_ads.forms import FORMS
from plugins.google_ads.questions import CURRENT
from plugins.google_ads.simulator.answers import answers_by_cause
from plugins.google_ads.simulator.catalogue import FIELDS, json_name
from plugins.google_ads.simulator.world import NORTH, OFFICE, SOUTH
from plugins.google_ads.tests.conftest import ANSWERS, Google

DEFINITIONS = json.loads(Path(__file__).with_name("message_definitions.json").read_text("utf-8"))
MESSAGES, ENUMS = DEFINITIONS["messages"], DEFINITIONS["enums"]
INPUT_TYPES = ENUMS["enums.LeadFormFieldUserInputTypeEnum.LeadFormFieldUserInputType"]
FROM_THE_FRONT = frozenset({"SERVICE_DISABLED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
"""Reasons of ``google.rpc.ErrorInfo``, which the Ads client knows nothing of."""
TREE = (
    "SELECT customer_client.id, customer_client.descriptive_name, customer_client.manager, customer_client.level, "
    "customer_client.status, customer_client.time_zone, customer_client.client_customer FROM customer_client"
)
EVERYTHING = ", ".join(name for name in FIELDS if not name.startswith(("customer_client.", "conversion_action.")))


def misfits(value: Any, kind: str, where: str) -> Iterator[str]:
    """What does not fit the type, in words."""
    if kind.endswith("[]"):
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no list"
            return
        for place, each in enumerate(value):
            yield from misfits(each, kind[:-2], f"{where}[{place}]")
    elif kind.startswith("message "):
        yield from misfits_of_message(value, MESSAGES[kind.partition(" ")[2]], where)
    elif kind.startswith("enum "):
        if value not in ENUMS[kind.partition(" ")[2]]:
            yield f"{where}: {value!r} is no {kind}"
    elif not _fits(value, kind):
        yield f"{where}: {value!r} is no {kind}"


def misfits_of_message(value: Any, members: dict[str, str], where: str) -> Iterator[str]:
    """What does not fit a message: members that it does not have, and members of another type."""
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no object"
        return
    for name, inner in value.items():
        if name not in members:
            yield f"{where}.{name}: the client knows no such member"
        else:
            yield from misfits(inner, members[name], f"{where}.{name}")


def _fits(value: Any, kind: str) -> bool:
    if kind == "int64":
        return isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value) is not None
    if kind == "typed object":
        return isinstance(value, dict) and isinstance(value.get("@type"), str)
    types: dict[str, type] = {"string": str, "bool": bool, "int32": int, "number": float}
    return isinstance(value, types[kind]) and not (kind == "int32" and isinstance(value, bool))


def check(message: str, body: Any) -> None:
    """Fail unless the body is such a message; record it where a later check by the client itself is wished."""
    name = next(each for each in MESSAGES if each.rpartition(".")[2] == message)
    found = list(misfits_of_message(body, MESSAGES[name], message))
    assert not found, found
    if recording := os.environ.get("GOOGLE_ADS_RECORD"):
        with Path(recording).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"message": message, "body": body}) + "\n")


async def search(google: Google, customer_id: str, query: str, login: str = "", **more: Any) -> Any:
    """One page of a query, checked."""
    status, body = await google.ask(
        f"customers/{customer_id}/googleAds:search", {"query": query, **more}, headers={"login-customer-id": login}
    )
    assert status == 200, body
    check("SearchGoogleAdsResponse", body)
    return body


async def test_rows_of_every_resource_have_the_clients_shape(connected: Google) -> None:
    """Submissions, forms and accounts, with every field that can be selected, fit the client's messages."""
    for account_id in (NORTH, SOUTH):
        form = connected.publish(account_id)
        connected.simulator.set_webhook(form.id, "https://hub.example.com/hooks/x")
        connected.simulator.add_submission(form.id, ANSWERS)
        connected.simulator.add_submission(form.id, {"CITY": ("",), "Empty?": ("", "x")}, facts={})
    leads = await search(connected, SOUTH, f"SELECT {EVERYTHING} FROM lead_form_submission_data", login=OFFICE)
    assert len(leads["results"]) == 2
    assert leads["results"][0]["leadFormSubmissionData"]["submissionDateTime"].endswith("-05:00")
    fields = ", ".join(name for name in FIELDS if name.startswith(("asset.", "customer.")))
    assets = await search(connected, NORTH, f"SELECT {fields} FROM asset WHERE asset.type = 'LEAD_FORM'")
    assert assets["results"][0]["asset"]["leadFormAsset"]["deliveryMethods"][0]["webhook"]["googleSecret"]
    clients = await search(connected, OFFICE, TREE, login=OFFICE)
    assert [row["customerClient"]["level"] for row in clients["results"]] == ["0", "1", "1", "2", "1"]


async def test_pages_streams_and_lists_of_accounts_have_the_clients_shape(connected: Google) -> None:
    """A page with a next one, an empty answer, chunks of a stream, and the accessible accounts."""
    connected.simulator.largest_page = 1
    for name in ("First", "Second"):
        connected.publish(NORTH, name)
    first = await search(connected, NORTH, FORMS)
    second = await search(connected, NORTH, FORMS, pageToken=first["nextPageToken"])
    assert "nextPageToken" not in second
    assert "results" not in await search(connected, NORTH, "SELECT campaign.id FROM lead_form_submission_data")
    _, chunks = await connected.ask(f"customers/{NORTH}/googleAds:searchStream", {"query": FORMS})
    assert len(chunks) == 2
    for chunk in chunks:
        check("SearchGoogleAdsStreamResponse", chunk)
    _, accounts = await connected.ask("customers:listAccessibleCustomers")
    check("ListAccessibleCustomersResponse", accounts)
    assert accounts == {"resourceNames": [f"customers/{NORTH}", f"customers/{OFFICE}"]}


def test_documented_refusals_have_the_clients_shape() -> None:
    """Every simulated refusal holds a ``GoogleAdsFailure`` that the client reads, except the invented one."""
    checked = 0
    for name, answer in answers_by_cause("v26").items():
        error = json.loads(answer.body)["error"]
        for detail in error.get("details", []) if isinstance(error, dict) else []:
            if name != "unknown_code" and detail["@type"].endswith("GoogleAdsFailure"):
                check("GoogleAdsFailure", {key: value for key, value in detail.items() if key != "@type"})
                checked += 1
    assert checked == 20


def test_codes_of_the_error_table_are_the_clients() -> None:
    """Every code in our table exists in the client's enums, so that none is misspelt."""
    members = MESSAGES["errors.ErrorCode"]
    known = {code for kind in members.values() for code in ENUMS[kind.partition(" ")[2]]}
    asked = {code for rule in ERROR_RULES if isinstance(rule, FailureRule) for code in rule.names}
    assert asked - known == FROM_THE_FRONT
    kinds = {kind for rule in ERROR_RULES if isinstance(rule, FailureRule) for kind in rule.kinds}
    assert kinds <= set(members)


def test_simulated_codes_stand_under_the_clients_kinds() -> None:
    """A simulated refusal names its code under the member of ``errorCode`` that has it."""
    for name, answer in answers_by_cause("v26").items():
        for kind, code in codes_in(json.loads(answer.body)):
            if name != "unknown_code" and kind != "reason":
                assert code in ENUMS[MESSAGES["errors.ErrorCode"][kind].partition(" ")[2]], (name, kind, code)


def test_standard_questions_are_the_clients() -> None:
    """Our list of standard questions is the client's enum, not one more and not one less."""
    assert set(INPUT_TYPES) - {"UNSPECIFIED", "UNKNOWN"} == CURRENT


def test_fields_of_queries_are_the_clients() -> None:
    """Every field that the simulated query language knows is a member of the client's messages."""
    for name in FIELDS:
        members, kind = MESSAGES["services.GoogleAdsRow"], ""
        for step in name.split("."):
            assert json_name(step) in members, name
            kind = members[json_name(step)]
            members = MESSAGES.get(kind.partition(" ")[2].removesuffix("[]"), {})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (5, "int64"),
        ("5x", "int64"),
        ("FULL NAME", "enum enums.LeadFormFieldUserInputTypeEnum.LeadFormFieldUserInputType"),
        ({"column_id": "EMAIL"}, "message resources.LeadFormSubmissionField"),
        ({"fieldType": "EMAIL"}, "message resources.LeadFormSubmissionField[]"),
        ("true", "bool"),
        (None, "string"),
    ],
)
def test_the_check_finds_what_does_not_fit(value: Any, kind: str) -> None:
    """The check itself refuses wrong types, unknown members, proto names and null."""
    kind = kind.replace("resources.LeadFormSubmissionField", _submission_field())
    assert list(misfits(value, kind, "here"))


def _submission_field() -> str:
    kind: str = MESSAGES["resources.LeadFormSubmissionData"]["leadFormSubmissionFields"]
    return kind.removeprefix("message ").removesuffix("[]")
