"""Rules on captured payloads: what a fixture pair promises is what comes of it."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from hub.connector.base import Receives
from hub.connector.delivery import DeliveryReport
from hub.connector.errors import BadPayloadError, ConnectorError
from hub.connector.models import Notice, Pointer, RawSubmission, Received, Reply, Submission
from hub.testing.cases import Case, ExpectedError, FixtureError, read_cases
from hub.testing.rules import RuleBrokenError, Rules, require, rule


class FixtureRules(Rules):
    """Valid and invalid fixture pairs (format: ``hub.testing.cases``)."""

    @rule()
    def test_valid_fixtures_give_their_result(self) -> None:
        """Every valid fixture pair gives exactly the expected result."""
        cases = read_cases(self.fixtures).valid
        require(bool(cases), f"{self.fixtures / 'valid'} holds no fixture; capture at least one real payload")
        for case in cases:
            self._check_valid(case)

    @rule()
    def test_invalid_fixtures_raise_their_error(self) -> None:
        """Every invalid fixture raises the named error, at the named path."""
        cases = read_cases(self.fixtures).invalid
        require(bool(cases), f"{self.fixtures / 'invalid'} holds no fixture; keep at least one bad payload")
        for case in cases:
            found = self._error_of(case)
            require(found == case.expected, f"fixture {case.name}: {_told(found)}, expected {_told(case.expected)}")

    # --- how ----------------------------------------------------------------------------------------------

    def _check_valid(self, case: Case) -> None:
        if case.raw is not None:
            _require_equal(case.name, self._normalised(case.raw), case.expected)
            return
        expected: dict[str, Any] = dict(case.expected) if isinstance(case.expected, dict) else {}
        found = self._received(case)
        submissions = expected.get("submissions", [])
        _require_as_many(case.name, "submissions", found.submissions, submissions)
        for raw, promised in zip(found.submissions, submissions, strict=True):
            _require_equal(case.name, self._normalised(raw), promised)
        _require_all(case.name, "pointers", found.pointers, expected.get("pointers", []), Pointer)
        _require_all(case.name, "notices", found.notices, expected.get("notices", []), Notice)
        _require_all(case.name, "reports", found.reports, expected.get("reports", []), DeliveryReport)
        ignored = expected.get("ignored", 0)
        require(found.ignored == ignored, f"fixture {case.name}: {found.ignored} ignored, expected {ignored}")
        reply = expected.get("reply")
        promised_reply = _as_model(Reply, reply) if reply is not None else None
        require(found.reply == promised_reply, f"fixture {case.name}: reply {found.reply}, expected {promised_reply}")

    def _received(self, case: Case) -> Received:
        if case.request is None or not isinstance(self.connector, Receives):
            raise FixtureError(f"fixture {case.name} is a request, but this connector receives nothing")
        simulator = self.simulator()
        request = case.request.filled(simulator)
        found = self.connector.receive(request, simulator.webhook_secret)
        dated = [raw.model_copy(update={"received_at": request.received_at}) for raw in found.submissions]
        return found.model_copy(update={"submissions": tuple(dated)})

    def _normalised(self, raw: RawSubmission) -> Submission | ExpectedError:
        try:
            return self.connector.normalise(raw)
        except BadPayloadError as error:
            return ExpectedError(type(error).__name__, error.path)

    def _error_of(self, case: Case) -> ExpectedError | None:
        try:
            raws = [case.raw] if case.raw is not None else self._received(case).submissions
        except ConnectorError as error:
            return ExpectedError(type(error).__name__, getattr(error, "path", ""))
        results = [self._normalised(raw) for raw in raws]
        return next((each for each in results if isinstance(each, ExpectedError)), None)


def _require_all(
    name: str, what: str, found: Sequence[BaseModel], promised: Sequence[JsonValue], model: type[BaseModel]
) -> None:
    _require_as_many(name, what, found, promised)
    for left, right in zip(found, promised, strict=True):
        expected = _as_model(model, right)
        require(left == expected, f"fixture {name}: {what} hold {left!r}, expected {expected!r}")


def _require_as_many(name: str, what: str, found: Sequence[Any], promised: Sequence[Any]) -> None:
    require(len(found) == len(promised), f"fixture {name}: {len(found)} {what}, expected {len(promised)}")


def _require_equal(name: str, found: Submission | ExpectedError, promised: JsonValue | ExpectedError) -> None:
    if isinstance(promised, dict) and "error" in promised:
        expected = ExpectedError(str(promised["error"]), str(promised.get("path", "")))
        require(found == expected, f"fixture {name}: {_told(found)}, expected {_told(expected)}")
        return
    if isinstance(found, ExpectedError):
        raise RuleBrokenError(f"fixture {name}: {_told(found)}, expected a submission")
    submission = _as_model(Submission, promised)
    for field in Submission.model_fields:
        left, right = getattr(found, field), getattr(submission, field)
        require(left == right, f"fixture {name}: {field} is {left!r}, expected {right!r}")


def _as_model(model: type[BaseModel], value: Any) -> BaseModel:
    try:
        return model.model_validate_json(json.dumps(value))
    except ValueError as error:
        raise FixtureError(f"an expected result is no {model.__name__}: {error}") from None


def _told(found: Any) -> str:
    if isinstance(found, ExpectedError):
        return f"{found.name} at {found.path!r}" if found.path else found.name
    return "no error" if found is None or isinstance(found, Submission) else str(found)
