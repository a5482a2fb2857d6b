"""Reporting stages of leads as offline click conversions (ConversionUploadService.UploadClickConversions, v26).

Sources (developers.google.com/google-ads/api, read in November 2026): "Manage offline conversions", the references of
ClickConversion, UploadClickConversionsRequest and ConversionUploadError. What matters:

- ``POST customers/{id}:uploadClickConversions`` with up to 2,000 ``conversions`` and ``partialFailure: true``; the
  answer is 200 with one result per row, empty where the row stands in ``partialFailureError`` by its place;
- a row names one click (``gclid``, else ``gbraid`` or ``wbraid``, never both of these), the conversion action (of the
  type UPLOAD_CLICKS) and its time with a zone, after the click and within the action's window for clicks, 90 days at
  most;
- ``orderId`` makes a row unique within its conversion action, whenever it is sent again;
- since 15 June 2026 Cloud projects that did not upload before are refused with
  CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from hub.connector.conversions import (
    Conversion,
    ConversionOutcome,
    ConversionProfile,
    ConversionTarget,
    ConversionVerdict,
)
from hub.connector.errors import PartAccessLostError, PermanentError, RetryableError
from plugins.google_ads.accounts import accounts_in_reach, manager_of
from plugins.google_ads.api import GoogleAdsApi
from plugins.google_ads.errors import NO_ACCESS, NOT_ALLOWLISTED, NOT_PERMITTED
from plugins.google_ads.failures import RowFailure, row_failures
from plugins.google_ads.payloads import ActionRow

CLICKS = ("gclid", "gbraid", "wbraid")
"""In the order of preference: only one may be sent."""
PROFILE = ConversionProfile(click_ids=CLICKS, lead_window=timedelta(days=90), batch_size=500, has_event_names=False)
ACTIONS = (
    "SELECT conversion_action.id, conversion_action.name FROM conversion_action "
    "WHERE conversion_action.type = 'UPLOAD_CLICKS' AND conversion_action.status = 'ENABLED'"
)
AFTER_THE_CLICK = timedelta(seconds=1)
SIX_HOURS = timedelta(hours=6)
KNOWN_ALREADY = ("ORDER_ID_ALREADY_IN_USE", "CLICK_CONVERSION_ALREADY_EXISTS")
"""This very report came through before."""
NOT_YET = ("TOO_RECENT_EVENT", "TOO_RECENT_CONVERSION_ACTION")
TOO_LATE = ("EXPIRED_EVENT",)
PASSING = ("INTERNAL_ERROR", "TRANSIENT_ERROR", "CONCURRENT_MODIFICATION", "RESOURCE_TEMPORARILY_EXHAUSTED")
OF_THE_TARGET: Mapping[str, str] = {
    "NO_CONVERSION_ACTION_FOUND": "The conversion action is not there any more. Choose another.",
    "INVALID_CONVERSION_ACTION_TYPE": "This conversion action takes no uploads. Choose one of the kind Import from "
    "clicks.",
    "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": "Accept the customer data terms in Google Ads under Goals, Settings.",
    "ORDER_ID_NOT_PERMITTED_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION": "This conversion action is attributed "
    "elsewhere. Choose one with a model of attribution of Google's own.",
    NOT_ALLOWLISTED: "Google takes offline conversions by this API only from Cloud projects that sent some before June "
    "2026. Ask Google's support to allow this project.",
}
WORDS: Mapping[str, str] = {
    "EVENT_NOT_FOUND": "Google does not know this click; it may not have come from an ad.",
    "UNPARSEABLE_GCLID": "The click id cannot be read; something cut or changed it on its way.",
    "UNPARSEABLE_GBRAID": "The click id cannot be read; something cut or changed it on its way.",
    "UNPARSEABLE_WBRAID": "The click id cannot be read; something cut or changed it on its way.",
    "CONVERSION_PRECEDES_EVENT": "The stage was entered before the click.",
    "EXPIRED_EVENT": "The click is older than the conversion action takes.",
    "INVALID_CUSTOMER_FOR_CLICK": "The click belongs to another Ads account. Choose a conversion action of that one.",
    "UNAUTHORIZED_CUSTOMER": "The click belongs to an Ads account that the person who signed in may not change.",
    "CONVERSION_TRACKING_NOT_ENABLED_AT_IMPRESSION_TIME": "The account counted no conversions when it was clicked.",
    "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": "For this kind of click the conversion action must "
    "count every conversion.",
    "TOO_RECENT_EVENT": "Google takes conversions six hours after the click at the earliest.",
    "TOO_RECENT_CONVERSION_ACTION": "Google takes conversions six hours after the conversion action was made.",
}
RIGHT_MISSING = (
    "The person who signed in may not change this Ads account. Give them standard access in Google Ads under Access "
    "and security; read-only access is enough for leads, but not for reports."
)


async def conversion_actions_of(api: GoogleAdsApi) -> Sequence[ConversionTarget]:
    """The conversion actions of all accounts that take uploads, each once."""
    found: dict[str, ConversionTarget] = {}
    for customer in (await accounts_in_reach(api)).customers.values():
        try:
            rows = api.all_of(ActionRow, customer.id, ACTIONS, manager_id=customer.manager_id)
            async for row in rows:
                name = f"{row.action.name or row.action.id} ({customer.name})"
                found.setdefault(row.action.id, ConversionTarget(id=row.action.id, name=name, part_id=customer.id))
        except PartAccessLostError:
            continue
    return list(found.values())


async def report(
    api: GoogleAdsApi, target: ConversionTarget, conversions: Sequence[Conversion]
) -> list[ConversionOutcome]:
    """Send events to a conversion action; one outcome for each, but for those that met a passing problem."""
    customer_id = target.part_id or ""
    sendable = [each for each in conversions if _click(each) is not None]
    outcomes = [_refused(each, "no_click", "The lead came without a click id of Google.") for each in conversions]
    outcomes = [each for each in outcomes if each.event_id not in {one.event_id for one in sendable}]
    if not sendable:
        return outcomes
    rows = [row_of(each, customer_id, target.id) for each in sendable]
    try:
        manager_id = await manager_of(api, customer_id)
        answer = await api.upload_click_conversions(customer_id, rows, manager_id=manager_id)
    except (PartAccessLostError, PermanentError) as error:
        raise _of_reporting(error) from None
    failures = row_failures(answer)
    if failures is None or any(place >= len(sendable) for place in failures):
        raise RetryableError("Google's answer to the conversions could not be read.", code="garbage")
    _raise_for_target(failures, len(sendable))
    told = [_outcome(each, failures.get(place)) for place, each in enumerate(sendable)]
    return outcomes + [each for each in told if each is not None]


def row_of(conversion: Conversion, customer_id: str, action_id: str) -> dict[str, JsonValue]:
    """One row as Google wants it."""
    click = _click(conversion) or ("gclid", "")
    row: dict[str, JsonValue] = {
        click[0]: click[1],
        "conversionAction": f"customers/{customer_id}/conversionActions/{action_id}",
        "conversionDateTime": written(max(conversion.happened_at, conversion.submitted_at + AFTER_THE_CLICK)),
        "orderId": conversion.event_id,
    }
    if conversion.value is not None and conversion.currency is not None:
        row |= {"conversionValue": float(conversion.value), "currencyCode": conversion.currency}
    return row


def written(moment: datetime) -> str:
    """``2026-01-01 12:32:45+00:00``: with a zone, and without fractions."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat(sep=" ")


def _click(conversion: Conversion) -> tuple[str, str] | None:
    return next(((name, conversion.click_ids[name]) for name in CLICKS if conversion.click_ids.get(name)), None)


def _outcome(conversion: Conversion, failure: RowFailure | None) -> ConversionOutcome | None:
    """What Google said of a row; None where it said nothing that counts."""
    if failure is None or failure.code in KNOWN_ALREADY:
        return ConversionOutcome(event_id=conversion.event_id, verdict=ConversionVerdict.ACCEPTED)
    if failure.code in PASSING:
        return None
    if failure.code in NOT_YET:
        return ConversionOutcome(
            event_id=conversion.event_id,
            verdict=ConversionVerdict.NOT_YET,
            code=failure.code.lower(),
            message=WORDS[failure.code],
            retry_after=SIX_HOURS,
        )
    message = WORDS.get(failure.code) or OF_THE_TARGET.get(failure.code) or f"Google refused this ({failure.code})."
    found = _refused(conversion, failure.code.lower(), message)
    return found.model_copy(update={"verdict": ConversionVerdict.TOO_LATE}) if failure.code in TOO_LATE else found


def _refused(conversion: Conversion, code: str, message: str) -> ConversionOutcome:
    return ConversionOutcome(
        event_id=conversion.event_id, verdict=ConversionVerdict.REFUSED, code=code, message=message
    )


def _raise_for_target(failures: Mapping[int, RowFailure], rows: int) -> None:
    """Where no row came through and all for the target's sake, the admin has to change the rule, not the reports."""
    codes = {each.code for each in failures.values()}
    if len(failures) == rows and codes and codes <= OF_THE_TARGET.keys():
        code = min(codes)
        raise PermanentError(OF_THE_TARGET[code], code=code.lower())


def _of_reporting(error: PartAccessLostError | PermanentError) -> PermanentError:
    """A right that is missing stops reports and nothing else."""
    message = RIGHT_MISSING if error.code in (NO_ACCESS, NOT_PERMITTED) else error.user_message
    return PermanentError(message, detail=error.detail, code=error.code)
