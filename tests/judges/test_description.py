"""schemathesis over the hub's own description, as an administrator: no server error, and answers as described.

The suite tries a few cases of every operation. ``JUDGE_EXAMPLES=200`` in the environment makes a long session of it.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hub.web.cookies import INSECURE_NAME
from tests.judges.objects import make_objects
from tests.judges.running import Running

EXAMPLES = int(os.environ.get("JUDGE_EXAMPLES", "6"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
LEFT_OUT = {
    ("DELETE", "/api/v1/session"),  # would end the session of the judge
    ("PUT", "/api/v1/session/password"),  # would end it too, and hashes for long
    ("GET", "/api/v1/events"),  # never ends
}
LAST = ("DELETE", "/disconnection", "/deletion", "/archive", "/restore")
"""What takes things away comes last, so that there is something to ask for before."""


class Judge:
    """Asks a running hub and looks at its answers as the description says."""

    def __init__(self, running: Running, ids: dict[str, str]) -> None:
        self.url = running.url
        self.ids = {name: value for name, value in ids.items() if name != "session_id"}
        self.session = requests.Session()
        self.session.headers.update(
            {"Origin": running.url, "Cookie": f"{INSECURE_NAME}={running.mine.sessions['Administrator']}"}
        )
        self.statuses: Counter[int] = Counter()
        self.wrong: dict[str, str] = {}

    def operations(self) -> list[APIOperation[Any, Any, Any, Any]]:
        """Every operation of the description, the destructive ones last."""
        document = self.session.get(f"{self.url}/api/v1/openapi.json", timeout=30).json()
        schema = schemathesis.openapi.from_dict(document)
        found = [result.ok() for result in schema.get_all_operations()]
        kept = [each for each in found if (each.method.upper(), each.path) not in LEFT_OUT]
        return sorted(kept, key=lambda each: any(word in f"{each.method.upper()} {each.path}" for word in LAST))

    def judge(self, operation: APIOperation[Any, Any, Any, Any], examples: int) -> None:
        """Try good and bad input, with ids that exist and with others."""
        known = {name: self.ids[name] for name in self._path_names(operation) if name in self.ids}
        good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE, path_parameters=known or None)
        bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE, path_parameters=known or None)
        strange = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        can_be_bad = operation.body or operation.query
        kinds = [good, strange, bad] if can_be_bad else [good, strange]

        @given(case=st.one_of(kinds))
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=examples < 20,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def each(case: Case) -> None:
            self._try(case)

        each()

    def _try(self, case: Case) -> None:
        name = f"{case.operation.method.upper()} {case.operation.path}"
        case.cookies.clear()  # who asks is the judge's to say
        case.headers.clear()
        response = case.call(base_url=self.url, session=self.session)
        self.statuses[response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except (Exception, BaseExceptionGroup) as failure:
            self.wrong.setdefault(name, f"{response.status_code} {_told(failure)}\n{case.as_curl_command()}"[:1_500])

    def _path_names(self, operation: APIOperation[Any, Any, Any, Any]) -> list[str]:
        return [each.name for each in operation.path_parameters]


def _told(failure: BaseException) -> str:
    inside = getattr(failure, "exceptions", (failure,))
    return "; ".join(f"{type(each).__name__}: {each}"[:600] for each in inside)


@pytest.mark.timeout(3_600)
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
async def test_every_operation_answers_as_it_is_described(
    running: Running, client: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fits the description, and whatever does not, gets an answer of the description and never a 5xx."""
    monkeypatch.chdir(tmp_path)  # where the tool writes down what it learnt
    judge = Judge(running, await make_objects(running, client, running.mine))
    operations = judge.operations()
    assert len(operations) > 100
    for operation in operations:
        judge.judge(operation, EXAMPLES)
    judge.session.close()
    assert not judge.wrong, "\n\n".join(f"{name}: {problem}" for name, problem in judge.wrong.items())
    assert judge.statuses[200] > len(operations) / 2
    assert judge.statuses[401] < judge.statuses.total() / 20
