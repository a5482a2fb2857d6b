"""Uploads of offline click conversions, judged row by row as the references of v26 have it.

A click is known when a lead came with it, or ``world.add_click`` told of it (an ad that led to somebody's own page).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from plugins.google_ads.simulator.answers import REQUEST_ID, AdsError
from plugins.google_ads.simulator.clicks import Click, ConversionAction
from plugins.google_ads.simulator.world import GoogleWorld

MOST_ROWS = 2000
TOO_RECENT = timedelta(hours=6)
MEMBERS = frozenset({"conversions", "partialFailure", "validateOnly", "jobId"})
CLICKS = ("gclid", "gbraid", "wbraid")
ROW_MEMBERS = frozenset(
    {*CLICKS, "conversionAction", "conversionDateTime", "conversionValue", "currencyCode", "orderId"}
)
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}[+-]\d{2}:\d{2}")
ACTION = re.compile(r"customers/\d{10}/conversionActions/(\d+)")
READABLE = re.compile(r"(?:Cj0K|EAIa)[A-Za-z0-9_-]+")


class RowError(Exception):
    """Why one row is not taken."""

    def __init__(self, code: str, *, kind: str = "conversionUploadError", field: str | None = None) -> None:
        super().__init__(code)
        self.kind, self.code, self.field = kind, code, field


class Uploads:
    """The service behind ``customers/{id}:uploadClickConversions``."""

    def __init__(self, world: GoogleWorld) -> None:
        self._world = world

    def take(self, body: Mapping[str, Any], customer_id: str) -> dict[str, Any]:
        """The answer to an upload. Raises ``AdsError`` where the whole of it is refused."""
        if not self._world.takes_uploads:
            code = "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
            raise AdsError("notAllowlistedError", code, "Customer is not allowlisted for accessing this feature.")
        rows = body.get("conversions")
        if not isinstance(rows, list) or not rows:
            raise AdsError("requestError", "REQUIRED_FIELD_MISSING", "The required field was not present.")
        if body.get("partialFailure") is not True:
            raise AdsError("partialFailureError", "PARTIAL_FAILURE_MODE_REQUIRED", "Set partial_failure to true.")
        if len(rows) > MOST_ROWS:
            raise AdsError("conversionUploadError", "TOO_MANY_CONVERSIONS_IN_REQUEST", "Upload fewer than 2001 events.")
        results, errors = [], []
        doubled = _doubled(rows)
        for place, row in enumerate(rows):
            try:
                results.append(self._taken(row, customer_id, doubled))
            except RowError as error:
                results.append({})
                errors.append(_located(error, place))
        answer: dict[str, Any] = {"results": results, "jobId": "4711"}
        if errors:
            answer["partialFailureError"] = self._partial(errors)
        return answer

    def _taken(self, row: Any, customer_id: str, doubled: frozenset[str]) -> dict[str, Any]:
        if not isinstance(row, dict) or set(row) - ROW_MEMBERS:
            raise RowError("REQUIRED", kind="fieldError")
        action = self._action(row)
        name, click = self._click(row, customer_id)
        moment = self._moment(row)
        self._check_times(action, click, moment)
        order_id = row.get("orderId") or ""
        if order_id in doubled:
            raise RowError("DUPLICATE_ORDER_ID", field="order_id")
        self._check_known(row, action, order_id)
        if not self._world.count(action.id, order_id or f"{row[name]} {moment}", "", moment):
            raise RowError("ORDER_ID_ALREADY_IN_USE", field="order_id")
        self._world.uploaded.append(dict(row))
        return {
            name: row[name],
            "conversionAction": row["conversionAction"],
            "conversionDateTime": row["conversionDateTime"],
        }

    def _action(self, row: Mapping[str, Any]) -> ConversionAction:
        match = ACTION.fullmatch(str(row.get("conversionAction", "")))
        found = self._world.conversion_actions.get(match[1]) if match else None
        if found is None or found.id in self._world.lost_targets:
            raise RowError("NO_CONVERSION_ACTION_FOUND", field="conversion_action")
        if found.type != "UPLOAD_CLICKS":
            raise RowError("INVALID_CONVERSION_ACTION_TYPE", field="conversion_action")
        if found.made_at is not None and self._world.clock.now() - found.made_at < TOO_RECENT:
            raise RowError("TOO_RECENT_CONVERSION_ACTION", field="conversion_action")
        return found

    def _click(self, row: Mapping[str, Any], customer_id: str) -> tuple[str, Click]:
        given = [name for name in CLICKS if row.get(name)]
        if not given:
            raise RowError("REQUIRED", kind="fieldError", field="gclid")
        if {"gbraid", "wbraid"} <= set(given):
            raise RowError("GBRAID_WBRAID_BOTH_SET", field="gbraid")
        name = given[0]
        if name == "gclid" and not READABLE.fullmatch(row[name]):
            raise RowError("UNPARSEABLE_GCLID", field="gclid")
        click = self._world.click_of(name, row[name])
        if click is None:
            raise RowError("EVENT_NOT_FOUND", field=name)
        if self._world.root_of(click.account_id) != self._world.root_of(customer_id):
            raise RowError("INVALID_CUSTOMER_FOR_CLICK", field=name)
        return name, click

    def _moment(self, row: Mapping[str, Any]) -> datetime:
        text = row.get("conversionDateTime")
        if not isinstance(text, str) or not MOMENT.fullmatch(text):
            raise RowError(
                "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET", kind="dateError", field="conversion_date_time"
            )
        moment = datetime.fromisoformat(text)
        if moment > self._world.clock.now():
            raise RowError("LATER_THAN_MAXIMUM_DATE", kind="dateError", field="conversion_date_time")
        return moment

    def _check_times(self, action: ConversionAction, click: Click, moment: datetime) -> None:
        now = self._world.clock.now()
        if moment < click.at.replace(microsecond=0):
            raise RowError("CONVERSION_PRECEDES_EVENT", field="conversion_date_time")
        if now - click.at > action.click_window or moment - click.at > action.click_window:
            raise RowError("EXPIRED_EVENT", field="conversion_date_time")
        if now - click.at < TOO_RECENT:
            raise RowError("TOO_RECENT_EVENT", field="gclid")

    def _check_known(self, row: Mapping[str, Any], action: ConversionAction, order_id: str) -> None:
        """Without an order id, the same click at the same time is the same conversion."""
        for known in self._world.uploaded:
            same = all(known.get(each) == row.get(each) for each in (*CLICKS, "conversionAction", "conversionDateTime"))
            if same and not order_id:
                raise RowError("CLICK_CONVERSION_ALREADY_EXISTS")

    def _partial(self, errors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        kind = f"type.googleapis.com/google.ads.googleads.{self._world.api_version}.errors.GoogleAdsFailure"
        failure = {"@type": kind, "errors": list(errors), "requestId": REQUEST_ID}
        return {"code": 3, "message": "Multiple errors in 'details'. First error: see there.", "details": [failure]}


def _located(error: RowError, place: int) -> dict[str, Any]:
    elements: list[dict[str, Any]] = [{"fieldName": "conversions", "index": place}]
    if error.field is not None:
        elements.append({"fieldName": error.field})
    return {
        "errorCode": {error.kind: error.code},
        "message": f"The row was not taken: {error.code}.",
        "location": {"fieldPathElements": elements},
    }


def _doubled(rows: Sequence[Any]) -> frozenset[str]:
    """Order ids that come more than once in a request: none of these rows is taken."""
    ids: list[str] = [row["orderId"] for row in rows if isinstance(row, dict) and row.get("orderId")]
    return frozenset(each for each in ids if ids.count(each) > 1)
