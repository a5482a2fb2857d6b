"""What happens when a mapped value meets the value that a lead already has (P-23)."""

from pydantic import JsonValue

from mapping.rules import Policy


def combine(before: JsonValue, value: JsonValue, policy: Policy, *, is_edited: bool = False) -> JsonValue:
    """The value that the field holds afterwards; combining the same value again changes nothing.

    ``overwrite`` replaces what is there, ``fill_if_empty`` keeps it, ``append`` adds what is new to a list, or as a
    further line to a text, and keeps a value of any other shape. An empty field takes the new value whatever the
    policy. ``is_edited`` says that a person wrote ``before`` by hand: it may be added to, never replaced.
    """
    if before is None or before in ("", []):
        return value
    if policy == "overwrite" and not is_edited:
        return value
    if policy == "append" and isinstance(before, list) and isinstance(value, list):
        return [*before, *(each for each in value if each not in before)]
    if policy == "append" and isinstance(before, str) and isinstance(value, str) and not _holds(before, value):
        return f"{before}\n{value}"
    return before


def _holds(text: str, part: str) -> bool:
    """Whether the part stands in the text as whole lines."""
    return f"\n{part}\n" in f"\n{text}\n"
