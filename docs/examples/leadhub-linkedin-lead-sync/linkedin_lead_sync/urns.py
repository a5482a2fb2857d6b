"""LinkedIn's names for its objects: ``urn:li:<kind>:<id>``."""

import re

FORM = re.compile(r"urn:li:versionedLeadGenForm:\(urn:li:leadGenForm:([^,()]+),\d+\)")


def id_of(urn: str, kind: str) -> str | None:
    """The id in a URN of this kind; None where it is another."""
    prefix = f"urn:li:{kind}:"
    rest = urn.removeprefix(prefix)
    return rest if urn.startswith(prefix) and rest else None


def form_of(urn: str) -> str | None:
    """The id of the form in the URN of one of its versions; None where it is another."""
    found = FORM.fullmatch(urn)
    return found[1] if found else None
