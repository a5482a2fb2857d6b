"""What the engine has to say about a value: codes, and the words in which a person reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from mapping.contacts import Quality
from mapping.text import storable

_WORDS: Mapping[str, str] = {
    "not_an_email": "{answer} is not an e-mail address; it is kept in {field} as written. Correct it on the lead.",
    "suspect_email": "{answer} looks like a sample or a mistyped e-mail address. Check it on the lead.",
    "not_a_phone": "{answer} is not a valid phone number; it is kept in {field} as written. Correct it on the lead.",
    "phone_without_country": "{answer} is a phone number without a country code; it is kept in {field} as written. "
    "Set the country of the form or of the organisation.",
    "extension_left_out": "{answer} has an extension, which {field} cannot hold; read it in the answer.",
    "not_a_url": "{answer} is not a web address; it is kept in {field} as written. Correct it on the lead.",
    "unknown_choice": "{answer} is not among the choices of {field}; it is kept as written. "
    "Add the choice to the field, or map it to one.",
    "several_values": "{answer} has several values and {field} holds one; the first was taken. "
    "Map it to a multiple choice or text field to keep all in one place.",
    "not_a_number": "{answer} is not a number, so {field} stays empty. Read it in the answer.",
    "ambiguous_number": "{answer} can be read as two different numbers, so {field} stays empty. "
    "Say in the mapping which sign is the decimal sign.",
    "not_money": "{answer} is not an amount of money, so {field} stays empty. Read it in the answer.",
    "shared_currency_sign": "{answer} has a currency sign that several currencies share, so {field} names none. "
    "Say in the mapping which currency it is.",
    "not_a_date": "{answer} is not a date, so {field} stays empty. Read it in the answer.",
    "ambiguous_date": "{answer} can be read as two different dates, so {field} stays empty. "
    "Say in the mapping whether the day or the month comes first.",
    "not_a_date_time": "{answer} is not a date with a time, so {field} stays empty. Read it in the answer.",
    "time_without_zone": "{answer} is a time without a zone, so {field} stays empty. "
    "Name the time zone in the mapping.",
    "not_yes_or_no": "{answer} is neither yes nor no, so {field} stays empty. Map its values with a choice lookup.",
    "part_missing": "{answer} has no such part, so {field} stays empty. Read it in the answer.",
    "formula_failed": "The formula for {field} gave no value: {detail}. Correct it in the mapping.",
    "unsafe_characters": "{answer} held characters that cannot be stored; they are shown as \N{REPLACEMENT CHARACTER}.",
    "field_missing": "The mapping aims at {field}, which the master form does not have; the answer is kept unmapped. "
    "Add the field or change the mapping.",
    "field_archived": "The mapping aims at {field}, which is archived; the answer is kept unmapped. "
    "Restore the field or change the mapping.",
    "transform_unfit": "The transform of the mapping cannot fill {field}; the answer is kept unmapped. "
    "Choose another transform.",
}

_BAD = frozenset({"not_an_email", "not_a_phone", "phone_without_country"})
_SUSPECT = frozenset({"suspect_email"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know about one value. The message never quotes what a person answered."""

    code: str
    field: str
    questions: tuple[str, ...]
    message: str

    def to_json(self) -> dict[str, JsonValue]:
        """The problem as plain JSON."""
        return {"code": self.code, "field": self.field, "questions": list(self.questions), "message": self.message}


def make_problem(code: str, field_key: str, field_label: str, questions: tuple[str, ...], detail: str = "") -> Problem:
    """The problem of that code, worded for these questions and this field."""
    named = ", ".join(f'"{key}"' for key in questions)
    answer = f"The answer to {named}" if questions else "The fixed value"
    message = _WORDS[code].format(answer=answer, field=f'"{field_label}"', detail=detail)
    return Problem(code, field_key, questions, storable(message))


def quality_of(codes: list[str]) -> Quality:
    """The quality mark of a contact value that was read with these codes."""
    if _BAD.intersection(codes):
        return "bad"
    return "suspect" if _SUSPECT.intersection(codes) else "good"
