"""Phone numbers as WhatsApp writes them, in the spelling that everybody else uses."""

import re

_DIGITS = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_MEXICAN_MOBILE = re.compile(r"521([0-9]{10})", re.ASCII)
_BRAZILIAN_MOBILE = re.compile(r"55([1-9][0-9])([6-9][0-9]{7})", re.ASCII)


def e164_of(wa_id: str) -> str | None:
    """The number (E.164) behind a WhatsApp id; None where it is no number.

    Ids keep old spellings: a 1 behind Mexico's 52, which was dropped in 2019, and Brazilian mobile numbers without
    their ninth digit. Without mending these, the same person by SMS would be somebody else (protocol page 3.2).
    """
    digits = wa_id.strip().removeprefix("+")
    if not _DIGITS.fullmatch(digits):
        return None
    if found := _MEXICAN_MOBILE.fullmatch(digits):
        return f"+52{found[1]}"
    if found := _BRAZILIAN_MOBILE.fullmatch(digits):
        return f"+55{found[1]}9{found[2]}"
    return f"+{digits}"
