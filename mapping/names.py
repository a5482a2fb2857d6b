"""Parts of a person's name, in any script."""

from typing import Literal

_PARTICLES = frozenset(
    [
        "af",
        "al",
        "av",
        "bin",
        "bint",
        "da",
        "das",
        "de",
        "degli",
        "dei",
        "del",
        "della",
        "den",
        "der",
        "di",
        "do",
        "dos",
        "du",
        "el",
        "ibn",
        "la",
        "las",
        "le",
        "los",
        "mac",
        "mc",
        "ter",
        "ten",
        "van",
        "vander",
        "vom",
        "von",
        "y",
        "zu",
        "zum",
        "zur",
    ]
)
"""Small words that begin a family name when they are written in lower case."""

_FAMILY_FIRST = frozenset({"hu", "vi"})
_FAMILY_FIRST_IN_OWN_SCRIPT = frozenset({"ja", "ko", "zh"})


def split_name(text: str, language: str | None) -> tuple[str, str]:
    """The given and the family part of a whole name; the second is empty where the name is one word.

    Every word of the name is in exactly one of the two. ``language`` (a BCP 47 tag) tells where the family
    name comes first: Hungarian and Vietnamese, and Chinese, Japanese and Korean when written in their own
    script. ``Family, Given`` is understood everywhere. It is a guess, as every split of a name is: keep the
    whole name too.
    """
    before, comma, after = text.partition(",")
    if comma and before.strip() and after.strip():
        return " ".join(after.replace(",", " ").split()), " ".join(before.split())
    words = text.split()
    if len(words) < 2:
        return text.strip(), ""
    if _is_family_first(text, language):
        return " ".join(words[1:]), words[0]
    start = next((i for i in range(1, len(words) - 1) if words[i] in _PARTICLES), len(words) - 1)
    return " ".join(words[:start]), " ".join(words[start:])


def name_part(text: str, part: Literal["given", "family", "whole"], language: str | None) -> str:
    """That part of the name, white space evened out; empty where the name has no such part."""
    if part == "whole":
        return " ".join(text.split())
    given, family = split_name(text, language)
    return given if part == "given" else family


def _is_family_first(text: str, language: str | None) -> bool:
    primary = (language or "").replace("_", "-").partition("-")[0].lower()
    if primary in _FAMILY_FIRST_IN_OWN_SCRIPT:
        return any("\u1100" <= sign <= "\uffdc" for sign in text)
    return primary in _FAMILY_FIRST
