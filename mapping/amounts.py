"""Numbers and amounts of money as people write them, read by strict rules and never by a locale.

What a comma or a point means is taken from the text itself; where the text leaves it open (``1.234`` may be a
thousand or a decimal) it is not read at all, unless the mapping says which sign is the decimal one.
"""

import re
from decimal import Decimal

import pycountry

from mapping.text import with_ascii_digits

_LONGEST = 60

_POINT = re.compile(r"(?:\d+|[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+))(?:\.\d+)?")
_COMMA = re.compile(r"(?:\d+|[1-9]\d{0,2}(?:(?:\.\d{3})+|(?: \d{3})+))(?:,\d+)?")
_INDIAN = re.compile(r"[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?")
_OPEN = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_GROUP_SIGNS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "'": " ", "\u2019": " ", "\u066c": ","})
_SIGN = {"-": "-", "\N{MINUS SIGN}": "-", "+": ""}

_MONEY = re.compile(r"([^\d\s.,+\N{MINUS SIGN}-]{0,4})\s*([+\N{MINUS SIGN}-]?\d[\d\s.,'\u2019]*?)\s*([^\d\s.,']{0,4})")

_CODES = frozenset(currency.alpha_3 for currency in pycountry.currencies)
_OWN_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₽": "RUB",
    "₩": "KRW",
    "₺": "TRY",
    "₴": "UAH",
    "₪": "ILS",
    "₫": "VND",
    "₦": "NGN",
    "฿": "THB",
    "₱": "PHP",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "R$": "BRL",
    "US$": "USD",
    "A$": "AUD",
    "C$": "CAD",
}
_SHARED_SIGNS = frozenset({"$", "¥", "kr", "kr.", "Fr", "Fr.", "Rs", "Rs."})


def is_currency(code: str) -> bool:
    """Whether the code is a currency of ISO 4217, in capitals."""
    return code in _CODES


def read_number(text: str, decimal: str | None = None) -> tuple[str | None, str]:
    """The number as plain decimal text (``-1234.50``), or None and the code of the reason.

    ``decimal`` names the decimal sign where the source is known to use one. Codes: ``not_a_number``,
    ``ambiguous_number``.
    """
    if len(text) > _LONGEST:
        return None, "not_a_number"
    plain = with_ascii_digits(text).translate(_GROUP_SIGNS).replace("\u066b", ".").strip()
    sign = _SIGN.get(plain[:1])
    digits = plain if sign is None else plain[1:].strip()
    if decimal is None and _OPEN.fullmatch(digits):
        return None, "ambiguous_number"
    if decimal != "," and (_POINT.fullmatch(digits) or _INDIAN.fullmatch(digits)):
        return _canonical(sign, digits.replace(",", "").replace(" ", "")), ""
    if decimal != "." and _COMMA.fullmatch(digits):
        return _canonical(sign, digits.replace(".", "").replace(" ", "").replace(",", ".")), ""
    return None, "not_a_number"


def read_money(
    text: str, currency: str | None = None, decimal: str | None = None
) -> tuple[dict[str, str | None] | None, str]:
    """The amount as ``{"amount": "1234.50", "currency": "EUR"}``, or None and the code of the reason.

    A currency named in the text wins over ``currency``; one that is not known is None. A sign that several
    currencies share gives the amount and the code ``shared_currency_sign``, unless ``currency`` settles it.
    """
    match = _MONEY.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None or (match[1] and match[3]):
        return None, "not_money"
    amount, code = read_number(match[2], decimal)
    if amount is None:
        return None, "ambiguous_number" if code == "ambiguous_number" else "not_money"
    mark = match[1] or match[3]
    if not mark:
        return {"amount": amount, "currency": currency}, ""
    if mark in _SHARED_SIGNS:
        return {"amount": amount, "currency": currency}, "" if currency else "shared_currency_sign"
    named = _OWN_SIGNS.get(mark) or (mark.upper() if is_currency(mark.upper()) else None)
    return ({"amount": amount, "currency": named}, "") if named else (None, "not_money")


def _canonical(sign: str | None, digits: str) -> str:
    number = Decimal(digits)
    return format(-number if sign == "-" and number else number, "f")
