"""What is wrong with a mapping before it is saved."""

import pytest
from mapping_cases import by_key, field, question, rule

from hub.connector.models import FieldType
from mapping.fields import MasterField
from mapping.rules import FieldMapping, FieldRule, check
from mapping.transforms import ChoiceLookup, DateTime, Fixed, Formula, Join, Money, Phone, Split

T = FieldType
QUESTIONS = [question("name"), question("phone", T.PHONE), question("what time?"), question("when", T.DATE_TIME)]
FIELDS = by_key(
    field("name"),
    field("phone", T.PHONE),
    field("plan", T.SINGLE_CHOICE, ("a", "b")),
    field("many", T.MULTIPLE_CHOICE, ("a", "b")),
    field("amount", T.MONEY),
    field("count", T.NUMBER),
    field("at", T.DATE_TIME),
    field("old", is_archived=True),
)


def found(*rules: FieldRule) -> list[tuple[str, str, int]]:
    """Codes, severities and rule positions of the problems."""
    return [
        (each.code, each.severity, each.rule) for each in check(FieldMapping(version=1, rules=rules), QUESTIONS, FIELDS)
    ]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (rule("nowhere", "name"), "unknown_field"),
        (rule("old", "name"), "archived_field"),
        (rule("name"), "no_questions"),
        (rule("name", "name", "name", transform=Join()), "question_twice"),
        (rule("phone", "name"), "incompatible"),
        (rule("count", "name", transform=Join()), "unfit_transform"),
        (rule("many", "name", transform=Split(separator=",", index=0)), "unfit_transform"),
        (rule("plan", "name", transform=ChoiceLookup(choices={"x": "c"})), "unknown_choice"),
        (rule("plan", "name", transform=ChoiceLookup(choices={}, otherwise="c")), "unknown_choice"),
        (rule("plan", transform=Fixed(value="c")), "unknown_choice"),
        (rule("count", transform=Fixed(value="many")), "bad_fixed_value"),
        (rule("count", transform=Fixed(value=" ")), "bad_fixed_value"),
        (rule("name", "name", transform=Fixed(value="x")), "fixed_with_questions"),
        (rule("name", "name", transform=Formula(expression="name +")), "bad_formula"),
        (rule("name", "name", transform=Formula(expression="nme")), "unknown_name"),
        (rule("name", "name", transform=Formula(expression="answers['what time?']")), "unknown_name"),
        (rule("name", "name", transform=Formula(expression="shout(name)")), "bad_formula"),
        (rule("phone", "phone", transform=Phone(country="XX")), "unknown_country"),
        (rule("amount", "name", transform=Money(currency="EURO")), "unknown_currency"),
        (rule("at", "when", transform=DateTime(zone="Mars/Base")), "unknown_zone"),
        (FieldRule(field="phone", questions=("phone",), policy="append"), "cannot_append"),
    ],
)
def test_each_mistake_is_found_and_named(broken: FieldRule, code: str) -> None:
    """A rule with one mistake gives that error, at its place, with a text that names the field."""
    problems = check(FieldMapping(version=1, rules=(rule("at", "when"), broken)), QUESTIONS, FIELDS)
    mine = [each for each in problems if each.rule == 1 and each.code != "two_rules"]
    assert [(each.code, each.severity) for each in mine] == [(code, "error")]
    assert broken.field in mine[0].message
    assert mine[0].to_json()["code"] == code


def test_two_rules_for_one_field_are_refused() -> None:
    """The second rule is the one that is wrong."""
    assert found(rule("name", "name"), rule("name", "what time?")) == [("two_rules", "error", 1)]


def test_a_question_that_the_form_lost_is_a_warning() -> None:
    """Forms change at the platform; a mapping stays usable, and a form without a list of questions too."""
    lost = FieldMapping(version=1, rules=(rule("name", "gone"),))
    assert [(each.code, each.severity) for each in check(lost, QUESTIONS, FIELDS)] == [("unknown_question", "warning")]
    assert check(lost, [], FIELDS) == []


def test_a_sound_mapping_passes() -> None:
    """Choices may be named by label and without regard to case; formulas may look answers up by key."""
    assert (
        found(
            rule("plan", "name", transform=ChoiceLookup(choices={"x": "A"}, otherwise="b")),
            rule("many", transform=Fixed(value=("a", "b"))),
            rule("amount", transform=Fixed(value="10 EUR")),
            rule("name", "what time?", transform=Formula(expression="answers['what time?'].trim()")),
            rule("phone", "phone", transform=Phone(country="fi")),
            rule("at", "when", transform=DateTime(zone="Europe/Helsinki")),
        )
        == []
    )


def test_mapping_and_field_survive_json() -> None:
    """Both are stored as JSON and read back equal."""
    mapping = FieldMapping(
        version=2, rules=(rule("plan", "name", transform=ChoiceLookup(choices={"x": "a"})), rule("name", "name"))
    )
    assert FieldMapping.model_validate_json(mapping.model_dump_json()) == mapping
    assert mapping.question_keys() == {"name"}
    for each in FIELDS.values():
        assert MasterField.from_json(each.to_json()) == each
