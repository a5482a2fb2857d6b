"""Reading a refusal of the Google Ads API: its codes stand deep inside lists (protocol page section 4.4)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hub.connector.errors import ApiAnswer, ConnectorError, ErrorRule

LONGEST_WAIT = timedelta(hours=24)
MOST_CODES = 10


@dataclass(frozen=True)
class FailureRule(ErrorRule):
    """A row by the codes of a ``GoogleAdsFailure``: one of ``names``, or any code of one of ``kinds``.

    ``kinds`` are members of ``errorCode`` such as ``queryError``; without names and kinds any code fits.
    """

    names: Collection[str] = ()
    kinds: Collection[str] = ()

    def matches(self, answer: ApiAnswer) -> bool:
        """Whether this row speaks about the answer."""
        found = codes_in(answer.body)
        if self.names or self.kinds:
            found = [each for each in found if each[1] in self.names or each[0] in self.kinds]
        return bool(found) and super().matches(answer)

    def error(self, answer: ApiAnswer, detail: str) -> ConnectorError:
        """The error, with the codes and the request's number for Google's support."""
        told = [f"{kind} {name}" for kind, name in codes_in(answer.body)[:MOST_CODES]]
        told += [f"request {each}" for each in _request_ids(answer.body)]
        return super().error(answer, "; ".join([detail, *told]))


def codes_in(body: Any) -> list[tuple[str, str]]:
    """The codes of a refusal as pairs such as ``("quotaError", "RESOURCE_EXHAUSTED")``.

    Reasons of a ``google.rpc.ErrorInfo``, which come from in front of the Ads API, have the kind ``reason``.
    """
    found = []
    for detail in _details(body):
        reason = detail.get("reason")
        if isinstance(reason, str):
            found.append(("reason", reason[:100]))
        for error in _objects(detail.get("errors")):
            code = error.get("errorCode")
            for kind, name in code.items() if isinstance(code, Mapping) else ():
                if isinstance(name, str):
                    found.append((str(kind)[:100], name[:100]))
    return found


@dataclass(frozen=True)
class RowFailure:
    """Why one row of an upload was not taken."""

    kind: str
    code: str


def row_failures(body: Any) -> Mapping[int, RowFailure] | None:
    """Which rows of an upload failed, by their place; the first reason of each. None where that cannot be read.

    The places stand in ``partialFailureError``: ``location.fieldPathElements`` names the list and the index in it.
    """
    partial = body.get("partialFailureError") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(body.get("results"), list):
        return None
    if partial is None:
        return {}
    found: dict[int, RowFailure] = {}
    for detail in _objects(_at(partial, "details")):
        for error in _objects(detail.get("errors")):
            place, code = _place(error), error.get("errorCode")
            if place is None or not isinstance(code, Mapping) or not code:
                return None
            kind, name = next(iter(code.items()))
            found.setdefault(place, RowFailure(str(kind)[:100], str(name)[:100]))
    return found or None


def retry_delay(answer: ApiAnswer) -> timedelta | None:
    """The wait that a quota error names (``"30s"``), at most a day; None where it names none."""
    for detail in _details(answer.body):
        for error in _objects(detail.get("errors")):
            for found in (_at(error, "details", "quotaErrorDetails", "retryDelay"), detail.get("retryDelay")):
                wait = _seconds(found)
                if wait is not None:
                    return wait
    return None


def _request_ids(body: Any) -> list[str]:
    return [each[:100] for detail in _details(body) if isinstance(each := detail.get("requestId"), str)]


def _details(body: Any) -> Iterator[Mapping[str, Any]]:
    """``error.details`` of an answer, which a stream wraps in a list."""
    for each in body if isinstance(body, list) else [body]:
        yield from _objects(_at(each, "error", "details"))


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (each for each in (value if isinstance(value, list) else []) if isinstance(each, Mapping))


def _at(value: Any, *steps: str) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _place(error: Mapping[str, Any]) -> int | None:
    """The index of the row that an error speaks of; a first one may go without it."""
    for element in _objects(_at(error, "location", "fieldPathElements")):
        if element.get("fieldName") == "conversions":
            index = element.get("index", 0)
            return index if isinstance(index, int) and index >= 0 else None
    return None


def _seconds(text: Any) -> timedelta | None:
    """A duration as protobuf's JSON writes it: seconds with an ``s`` at the end."""
    if not isinstance(text, str) or not text.endswith("s") or len(text) > 20:
        return None
    try:
        seconds = float(text[:-1])
    except ValueError:
        return None
    return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds())) if seconds > 0 else None
