"""Writes ``message_definitions.json`` from the official client (``google-ads`` on PyPI), for ``test_shapes.py``.

The client brings some 170 MB of generated code for one version in use, so that it is not installed for test runs.
After a change of the API version run this where it is installed, and read the difference::

    python -m venv client-env && client-env/bin/pip install google-ads
    client-env/bin/python plugins/google_ads/tests/write_definitions.py v26

With ``--check FILE`` it parses recorded answers of the simulator (``test_shapes.py`` records them where
``GOOGLE_ADS_RECORD`` names a file) with the client's own messages instead.
"""

import importlib
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from google.protobuf import json_format

TARGET = Path(__file__).with_name("message_definitions.json")
ROOTS = {
    "services.types.google_ads_service": (
        "SearchGoogleAdsRequest",
        "SearchGoogleAdsResponse",
        "SearchGoogleAdsStreamRequest",
        "SearchGoogleAdsStreamResponse",
    ),
    "services.types.customer_service": ("ListAccessibleCustomersResponse",),
    "services.types.conversion_upload_service": ("UploadClickConversionsRequest", "UploadClickConversionsResponse"),
    "errors.types.errors": ("GoogleAdsFailure",),
}
ROW_MEMBERS = (
    *("adGroup", "adGroupAd", "asset", "campaign", "conversionAction", "customer", "customerClient"),
    "leadFormSubmissionData",
)
CHOSEN = {
    "resources.Asset": ("resourceName", "id", "name", "type", "leadFormAsset"),
    "resources.Campaign": ("resourceName", "id", "name", "status"),
    "resources.AdGroup": ("resourceName", "id", "name", "status"),
    "resources.AdGroupAd": ("resourceName",),
    "resources.Customer": ("resourceName", "id", "descriptiveName", "timeZone", "manager"),
    "resources.ConversionAction": ("resourceName", "id", "name", "type", "status"),
    "services.GoogleAdsRow": ROW_MEMBERS,
    "services.ClickConversion": (
        *("gclid", "gbraid", "wbraid", "conversionAction", "conversionDateTime", "conversionValue", "currencyCode"),
        "orderId",
    ),
    "services.ClickConversionResult": ("gclid", "gbraid", "wbraid", "conversionAction", "conversionDateTime"),
    "services.SearchGoogleAdsResponse": ("results", "nextPageToken", "totalResultsCount", "fieldMask", "summaryRow"),
    "services.SearchGoogleAdsStreamResponse": ("results", "fieldMask", "summaryRow", "requestId"),
    "services.SearchGoogleAdsRequest": ("customerId", "query", "pageToken", "pageSize", "validateOnly"),
    "services.SearchGoogleAdsStreamRequest": ("customerId", "query"),
    "common.LeadFormDeliveryMethod": ("webhook",),
    "errors.GoogleAdsError": ("errorCode", "message", "details", "location"),
    "errors.ErrorDetails": ("quotaErrorDetails",),
    "errors.ErrorCode": (
        *("authenticationError", "authorizationError", "headerError", "internalError", "queryError", "quotaError"),
        *("requestError", "fieldError", "accessInvitationError", "conversionUploadError", "notAllowlistedError"),
        *("dateError", "partialFailureError"),
    ),
}
"""Only these members of large messages are written; of all others every member is."""
TEXT_FORMS = {
    "google.protobuf.FieldMask": "string",
    "google.protobuf.Duration": "string",
    "google.protobuf.Any": "typed object",
}
SCALARS = {1: "number", 3: "int64", 4: "int64", 5: "int32", 8: "bool", 9: "string", 12: "string", 13: "int32"}
ENUM, MESSAGE = 14, 11


def main() -> None:
    """Write the definitions, or check a recording."""
    version = next((each for each in sys.argv[1:] if each.startswith("v")), "v26")
    if "--check" in sys.argv:
        check(version, Path(sys.argv[sys.argv.index("--check") + 1]))
        return
    messages: dict[str, Any] = {}
    enums: dict[str, list[str]] = {}
    for module, names in ROOTS.items():
        for name in names:
            describe(descriptor(version, module, name), messages, enums)
    release = importlib.metadata.version("google-ads")
    found = {"client": f"google-ads {release}", "version": version, "messages": messages, "enums": enums}
    TARGET.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(messages)} messages, {len(enums)} enums")  # noqa: T201 - a command


def descriptor(version: str, module: str, name: str) -> Any:
    """The descriptor of one of the client's messages."""
    kind = getattr(importlib.import_module(f"google.ads.googleads.{version}.{module}"), name)
    return kind.pb(kind()).DESCRIPTOR


def describe(message: Any, messages: dict[str, Any], enums: dict[str, list[str]]) -> None:
    """One message with all that its members consist of."""
    name = short(message.full_name)
    if name in messages or name in TEXT_FORMS:
        return
    chosen = CHOSEN.get(name)
    fields = [each for each in message.fields if chosen is None or each.json_name in chosen]
    messages[name] = {each.json_name: written(each) for each in fields}
    for each in fields:
        if each.type == MESSAGE:
            describe(each.message_type, messages, enums)
        elif each.type == ENUM:
            enums[short(each.enum_type.full_name)] = [value.name for value in each.enum_type.values]


def written(field: Any) -> str:
    """A member's type, with ``[]`` behind it for a list."""
    if field.type == MESSAGE:
        name = short(field.message_type.full_name)
        kind = TEXT_FORMS.get(name, f"message {name}")
    elif field.type == ENUM:
        kind = f"enum {short(field.enum_type.full_name)}"
    else:
        kind = SCALARS[field.type]
    return f"{kind}[]" if field.is_repeated else kind


def short(name: str) -> str:
    """A full name without the package and version in front."""
    parts = name.split(".")
    return ".".join(parts[4:]) if parts[:3] == ["google", "ads", "googleads"] else name


def check(version: str, recording: Path) -> None:
    """Parse every recorded answer with the client's own message; raises on the first that does not fit."""
    services = f"google.ads.googleads.{version}."
    kinds = {name: (module, name) for module, names in ROOTS.items() for name in names}
    count = 0
    for line in recording.read_text("utf-8").splitlines():
        record = json.loads(line)
        module, name = kinds[record["message"]]
        kind = getattr(importlib.import_module(services + module), name)
        json_format.ParseDict(record["body"], kind.pb(kind()))
        count += 1
    print(f"{count} answers fit the messages of google-ads {importlib.metadata.version('google-ads')}")  # noqa: T201


if __name__ == "__main__":
    main()
