"""What each transform makes of an answer."""

import pytest
from mapping_cases import FINLAND, by_key, codes, field, map_one, rule, submission
from pydantic import JsonValue

from hub.connector.models import FieldType
from mapping.engine import MappingContext, apply
from mapping.rules import FieldMapping
from mapping.transforms import (
    AS_IS,
    ChoiceLookup,
    Date,
    DateTime,
    Fixed,
    Formula,
    Join,
    Money,
    NamePart,
    Number,
    Phone,
    Split,
    Transform,
    Url,
    YesNo,
)

T = FieldType


def made(
    answers: dict[str, str | list[str]],
    transform: Transform,
    kind: FieldType = T.TEXT,
    questions: tuple[str, ...] = ("a", "b"),
) -> tuple[JsonValue, list[str]]:
    """The value and the codes that one rule gives."""
    target = field("f", kind, ("x", "y") if kind in {T.SINGLE_CHOICE, T.MULTIPLE_CHOICE} else ())
    mapping = FieldMapping(version=1, rules=(rule("f", *questions, transform=transform),))
    mapped = apply(submission(answers), mapping, by_key(target), FINLAND)
    return mapped.values.get("f"), codes(mapped)


@pytest.mark.proves("P-23")
@pytest.mark.parametrize(
    ("answers", "transform", "kind", "value", "problems"),
    [
        ({"a": " Ada "}, AS_IS, T.TEXT, "Ada", []),
        ({"a": ["x", "y"]}, AS_IS, T.TEXT, "x, y", []),
        ({"a": "", "b": "second"}, AS_IS, T.TEXT, "second", []),
        ({"a": "Main St 1", "b": ["00100", "Town"]}, Join(separator=", "), T.ADDRESS, "Main St 1, 00100, Town", []),
        ({"b": "only"}, Join(), T.TEXT, "only", []),
        ({"a": "x; y;"}, Split(separator=";"), T.MULTIPLE_CHOICE, ["x", "y"], []),
        ({"a": "one-two"}, Split(separator="-", index=1), T.TEXT, "two", []),
        ({"a": "one-two"}, Split(separator="-", index=-1), T.TEXT, "two", []),
        ({"a": "one"}, Split(separator="-", index=1), T.TEXT, None, ["part_missing"]),
        ({"a": "OPT_X"}, ChoiceLookup(choices={"opt_x": "x"}), T.SINGLE_CHOICE, "x", []),
        ({"a": "other"}, ChoiceLookup(choices={"opt_x": "x"}), T.SINGLE_CHOICE, "other", ["unknown_choice"]),
        ({"a": "other"}, ChoiceLookup(choices={}, otherwise="y"), T.SINGLE_CHOICE, "y", []),
        ({"a": ["1", "2"]}, ChoiceLookup(choices={"1": "x", "2": "y"}), T.MULTIPLE_CHOICE, ["x", "y"], []),
        ({"a": "no matter"}, Fixed(value="x"), T.SINGLE_CHOICE, "x", []),
        ({}, Fixed(value=("x", "y")), T.MULTIPLE_CHOICE, ["x", "y"], []),
        ({"a": "Ada", "b": "L"}, Formula(expression="a.upperAscii() + ' ' + b"), T.TEXT, "ADA L", []),
        ({"a": "3"}, Formula(expression="int(a) * 2"), T.NUMBER, "6", []),
        ({"a": "yes"}, Formula(expression="a == 'yes'"), T.YES_NO, True, []),
        ({"a": "x,y"}, Formula(expression="a.split(',')"), T.MULTIPLE_CHOICE, ["x", "y"], []),
        ({"a": "q"}, Formula(expression="b == '' ? 'none' : b"), T.TEXT, "none", []),
        ({"a": "many"}, Formula(expression="int(a)"), T.NUMBER, None, ["formula_failed"]),
        ({"a": "many"}, Formula(expression="int("), T.NUMBER, None, ["formula_failed"]),
    ],
)
def test_shapes(
    answers: dict[str, str | list[str]], transform: Transform, kind: FieldType, value: JsonValue, problems: list[str]
) -> None:
    """Join, split, lookup, fixed value and formula give this value and these problems."""
    assert made(answers, transform, kind) == (value, problems)


@pytest.mark.parametrize(
    ("name", "language", "given", "family"),
    [
        ("Ada Lovelace", None, "Ada", "Lovelace"),
        ("  Ada   King   Lovelace ", "en", "Ada King", "Lovelace"),
        ("Lovelace, Ada King", None, "Ada King", "Lovelace"),
        ("Ludwig van Beethoven", "de", "Ludwig", "van Beethoven"),
        ("Charles de la Vallée Poussin", "fr", "Charles", "de la Vallée Poussin"),
        ("Nagy Ferenc", "hu", "Ferenc", "Nagy"),
        ("Nguyễn Văn An", "vi-VN", "Văn An", "Nguyễn"),
        ("山田 太郎", "ja", "太郎", "山田"),
        ("Taro Yamada", "ja", "Taro", "Yamada"),
        ("Иван Иванов", "ru", "Иван", "Иванов"),
        ("محمد الأحمد", "ar", "محمد", "الأحمد"),
        ("王小明", "zh", "王小明", None),
        ("Cher", None, "Cher", None),
    ],
)
def test_name_parts(name: str, language: str | None, given: str, family: str | None) -> None:
    """Given and family name of whole names in several scripts; a missing part is said, the whole is kept."""
    context = MappingContext(language=language)
    assert map_one(field("f"), name, NamePart(part="given"), context).values == {"f": given}
    last = map_one(field("f"), name, NamePart(part="family"), context)
    assert last.values.get("f") == family
    assert codes(last) == ([] if family else ["part_missing"])
    assert map_one(field("f"), name, NamePart(part="whole"), context).values == {"f": " ".join(name.split())}


@pytest.mark.proves("P-10", "P-23")
@pytest.mark.parametrize(
    ("typed", "country", "value", "problems"),
    [
        ("+358 40 123 4567", None, "+358401234567", []),
        ("040 1234567", "FI", "+358401234567", []),
        ("040 1234567", "fi", "+358401234567", []),
        ("(650) 253-0000", "US", "+16502530000", []),
        ("00358 40 1234567", None, "+358401234567", []),
        ("00358 40 1234567", "US", "+358401234567", []),
        ("p:+15005550006", "FI", "+15005550006", []),
        ("\u202a+358 40 1234567\u202c", None, "+358401234567", []),
        ("٠٤٠١٢٣٤٥٦٧", "FI", "+358401234567", []),
        ("+1 650 253 0000 ext. 5", None, "+16502530000", ["extension_left_out"]),
        ("040 1234567", None, "040 1234567", ["phone_without_country"]),
        ("12", "FI", "12", ["not_a_phone"]),
        ("00", None, "00", ["not_a_phone"]),
        ("ask my secretary", "FI", "ask my secretary", ["not_a_phone"]),
        (
            "<test lead: dummy data for phone_number>",
            "FI",
            "<test lead: dummy data for phone_number>",
            ["not_a_phone"],
        ),
    ],
)
def test_phone_to_international_form(typed: str, country: str | None, value: str, problems: list[str]) -> None:
    """A number becomes E.164 by the country of the form or of the rule; what is none stays visible as written."""
    mapped = map_one(field("f", T.PHONE), typed, AS_IS, MappingContext(country=country))
    assert (mapped.values["f"], codes(mapped)) == (value, problems)
    assert mapped.quality["f"] == ("good" if problems in ([], ["extension_left_out"]) else "bad")
    assert map_one(field("f", T.PHONE), typed, Phone(country=country), MappingContext("SE")).values["f"] == (
        value if country else map_one(field("f", T.PHONE), typed, AS_IS, MappingContext("SE")).values["f"]
    )


@pytest.mark.proves("P-10")
@pytest.mark.parametrize(
    ("typed", "value", "quality", "problems"),
    [
        ("Ada.L@Kirjasto.FI ", "Ada.L@kirjasto.fi", "good", []),
        ("ada@bücher.de", "ada@bücher.de", "good", []),
        ("\u200bada@kirjasto.fi", "ada@kirjasto.fi", "good", []),
        ("ada@gmial.com", "ada@gmial.com", "suspect", ["suspect_email"]),
        ("ada@example.com", "ada@example.com", "suspect", ["suspect_email"]),
        ("ada(at)kirjasto.fi", "ada(at)kirjasto.fi", "bad", ["not_an_email"]),
        ("Ada <ada@kirjasto.fi>", "Ada <ada@kirjasto.fi>", "bad", ["not_an_email"]),
        ("<test lead: dummy data for email>", "<test lead: dummy data for email>", "bad", ["not_an_email"]),
        ("a" * 400 + "@kirjasto.fi", "a" * 400 + "@kirjasto.fi", "bad", ["not_an_email"]),
    ],
)
def test_email_gets_a_quality_mark_and_is_never_refused(
    typed: str, value: str, quality: str, problems: list[str]
) -> None:
    """Every e-mail answer stays visible, and carries a mark."""
    mapped = map_one(field("f", T.EMAIL), typed)
    assert (mapped.values["f"], mapped.quality["f"], codes(mapped)) == (value, quality, problems)


@pytest.mark.parametrize(
    ("typed", "decimal", "value", "problem"),
    [
        ("1234", None, "1234", ""),
        ("-1234.50", None, "-1234.50", ""),
        ("−5", None, "-5", ""),
        ("+7", None, "7", ""),
        ("007", None, "7", ""),
        ("-0", None, "0", ""),
        ("0.125", None, "0.125", ""),
        ("0,125", None, "0.125", ""),
        ("12,5", None, "12.5", ""),
        ("1 234 567,8", None, "1234567.8", ""),
        ("1 234", None, "1234", ""),
        ("1’234.50", None, "1234.50", ""),
        ("1,234.5", None, "1234.5", ""),
        ("1.234,5", None, "1234.5", ""),
        ("1,234,567", None, "1234567", ""),
        ("1.234.567", None, "1234567", ""),
        ("12,34,567.5", None, "1234567.5", ""),
        ("1234.567", None, "1234.567", ""),
        ("٣٤٫٥", None, "34.5", ""),
        ("1.234", None, None, "ambiguous_number"),
        ("12,345", None, None, "ambiguous_number"),
        ("1.234", ".", "1.234", ""),
        ("1.234", ",", "1234", ""),
        ("1,234", ".", "1234", ""),
        ("1,234.5", ",", None, "not_a_number"),
        ("1.234,5", ".", None, "not_a_number"),
        ("10-20", None, None, "not_a_number"),
        ("1e9", None, None, "not_a_number"),
        ("NaN", None, None, "not_a_number"),
        ("½", None, None, "not_a_number"),
        ("²", None, None, "not_a_number"),
        ("-", None, None, "not_a_number"),
        ("1,23,4", None, None, "not_a_number"),
        ("9" * 100, None, None, "not_a_number"),
    ],
)
def test_numbers(typed: str, decimal: str | None, value: str | None, problem: str) -> None:
    """A number is read only where it has one meaning, or where the mapping says which."""
    mapped = map_one(field("f", T.NUMBER), typed, Number.model_validate({"decimal": decimal}))
    assert (mapped.values.get("f"), codes(mapped)) == (value, [problem] if problem else [])


@pytest.mark.parametrize(
    ("typed", "currency", "amount", "named", "problem"),
    [
        ("1 234,50 €", None, "1234.50", "EUR", ""),
        ("€1,234.50", None, "1234.50", "EUR", ""),
        ("EUR 10", "USD", "10", "EUR", ""),
        ("10 usd", None, "10", "USD", ""),
        ("US$20", None, "20", "USD", ""),
        ("$20", None, "20", None, "shared_currency_sign"),
        ("$20", "CAD", "20", "CAD", ""),
        ("500", None, "500", None, ""),
        ("500", "SEK", "500", "SEK", ""),
        ("100 Kč", None, "100", "CZK", ""),
        ("1.000 €", None, None, None, "ambiguous_number"),
        ("10k", None, None, None, "not_money"),
        ("10-20 €", None, None, None, "not_money"),
        ("a lot", None, None, None, "not_money"),
        ("EUR 10 USD", None, None, None, "not_money"),
    ],
)
def test_money(typed: str, currency: str | None, amount: str | None, named: str | None, problem: str) -> None:
    """An amount keeps its currency, and never gets one that nobody named."""
    mapped = map_one(field("f", T.MONEY), typed, Money(currency=currency))
    assert mapped.values.get("f") == ({"amount": amount, "currency": named} if amount else None)
    assert codes(mapped) == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("typed", "order", "value", "problem"),
    [
        ("2026-05-06", None, "2026-05-06", ""),
        ("2026/5/6", None, "2026-05-06", ""),
        ("20260506", None, "2026-05-06", ""),
        ("6.5.2026", None, "2026-05-06", ""),
        ("06. 05. 2026", None, "2026-05-06", ""),
        ("13/05/2026", None, "2026-05-13", ""),
        ("05/13/2026", None, "2026-05-13", ""),
        ("05-05-2026", None, "2026-05-05", ""),
        ("05/06/2026", None, None, "ambiguous_date"),
        ("05/06/2026", "dmy", "2026-06-05", ""),
        ("05/06/2026", "mdy", "2026-05-06", ""),
        ("13/05/2026", "mdy", None, "not_a_date"),
        ("2026-05-06T10:00:00+0000", None, "2026-05-06", ""),
        ("٢٠٢٦-٠٥-٠٦", None, "2026-05-06", ""),
        ("2026-02-30", None, None, "not_a_date"),
        ("31.4.2026", None, None, "not_a_date"),
        ("5/6/26", None, None, "not_a_date"),
        ("2026", None, None, "not_a_date"),
        ("tomorrow", None, None, "not_a_date"),
        ("0000-01-01", None, None, "not_a_date"),
    ],
)
def test_dates(typed: str, order: str | None, value: str | None, problem: str) -> None:
    """A day is read only where it is one day in every country, or where the mapping says the order."""
    mapped = map_one(field("f", T.DATE), typed, Date.model_validate({"order": order}))
    assert (mapped.values.get("f"), codes(mapped)) == (value, [problem] if problem else [])


@pytest.mark.parametrize(
    ("typed", "zone", "value", "problem"),
    [
        ("2026-05-06T10:11:12Z", None, "2026-05-06T10:11:12+00:00", ""),
        ("2026-05-06T10:11:12+0300", None, "2026-05-06T10:11:12+03:00", ""),
        ("2026-01-01 12:32:45-08:00", None, "2026-01-01T12:32:45-08:00", ""),
        ("2026-05-06T10:11:12.5+05", None, "2026-05-06T10:11:12.500000+05:00", ""),
        ("6.5.2026 10:30", "Europe/Helsinki", "2026-05-06T10:30:00+03:00", ""),
        ("6.1.2026, 10:30", "Europe/Helsinki", "2026-01-06T10:30:00+02:00", ""),
        ("2026-05-06 12:30 am", "UTC", "2026-05-06T00:30:00+00:00", ""),
        ("2026-05-06 1:30 p.m.", "UTC", "2026-05-06T13:30:00+00:00", ""),
        ("2026-05-06 10:30", None, None, "time_without_zone"),
        ("05/06/2026 10:30Z", None, None, "ambiguous_date"),
        ("2026-05-06", "UTC", None, "not_a_date_time"),
        ("2026-05-06 25:00Z", None, None, "not_a_date_time"),
        ("2026-05-06 13:00 pm", "UTC", None, "not_a_date_time"),
        ("2026-05-06 10:00", "Nowhere/No", None, "not_a_date_time"),
        ("soon", None, None, "not_a_date_time"),
    ],
)
def test_moments(typed: str, zone: str | None, value: str | None, problem: str) -> None:
    """A moment keeps its offset; without one it needs the zone that the mapping names."""
    mapped = map_one(field("f", T.DATE_TIME), typed, DateTime(zone=zone))
    assert (mapped.values.get("f"), codes(mapped)) == (value, [problem] if problem else [])


@pytest.mark.parametrize(
    ("typed", "value"),
    [("Yes", True), ("KYLLÄ", True), ("1", True), ("да", True), ("はい", True), ("Nein.", False), ("off", False)],
)
def test_yes_and_no_in_many_languages(typed: str, value: bool) -> None:
    """The words are understood whatever their case."""
    assert map_one(field("f", T.YES_NO), typed, YesNo()).values == {"f": value}


def test_neither_yes_nor_no_stays_open() -> None:
    """Doubt is never taken for consent."""
    mapped = map_one(field("f", T.CONSENT), "maybe", YesNo())
    assert (mapped.values, codes(mapped)) == ({}, ["not_yes_or_no"])


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("https://kirjasto.fi/a?b=c", ""),
        ("www.kirjasto.fi", ""),
        ("HTTP://1.2.3.4:80", ""),
        ("javascript:alert(1)", "not_a_url"),
        ("https://user:pw@kirjasto.fi", "not_a_url"),
        ("none", "not_a_url"),
    ],
)
def test_web_addresses_are_kept_and_marked(typed: str, problem: str) -> None:
    """What is no web address stays visible, with a problem."""
    mapped = map_one(field("f", T.URL), typed, Url())
    assert (mapped.values["f"], codes(mapped)) == (typed, [problem] if problem else [])
