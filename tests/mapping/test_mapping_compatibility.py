"""Which question may feed which field."""

import pytest
from mapping_cases import by_key, field, question, rule

from hub.connector.models import FieldType
from mapping.compatibility import is_compatible, why_not
from mapping.rules import FieldMapping, check
from mapping.transforms import AS_IS, ChoiceLookup, Email, Fixed, Formula, Join, Phone, Split, Transform, YesNo

T = FieldType
ALL = list(FieldType)
ANY_TRANSFORM: list[Transform] = [AS_IS, Email(), Phone(), Join(), YesNo(), Split(separator=",", index=0)]


@pytest.mark.proves("Z-144")
@pytest.mark.parametrize("kind", [T.EMAIL, T.PHONE])
def test_email_maps_to_email_and_phone_to_phone(kind: FieldType) -> None:
    """Directly and with the transform of its kind, a contact question reaches fields of its own type only."""
    assert [target for target in ALL if is_compatible(kind, target, AS_IS)] == [kind]
    for transform in ANY_TRANSFORM:
        assert {target for target in ALL if is_compatible(kind, target, transform)} <= {kind}


@pytest.mark.proves("Z-144")
def test_no_formula_makes_an_email_of_a_phone() -> None:
    """Even a formula does not cross the two kinds of contact, though it may read them for a text."""
    formula = Formula(expression="q")
    assert not is_compatible(T.PHONE, T.EMAIL, formula)
    assert not is_compatible(T.EMAIL, T.PHONE, formula)
    assert is_compatible(T.EMAIL, T.TEXT, formula)


@pytest.mark.proves("Z-143")
@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("target", ALL)
def test_incompatible_types_are_refused_with_both_named(kind: FieldType, target: FieldType) -> None:
    """The check of a mapping refuses exactly the pairs that the table does not allow, and names both sides."""
    questions, fields = [question("q", kind, "My question")], by_key(field("My field", target))
    problems = check(FieldMapping(version=1, rules=(rule("My field", "q"),)), questions, fields)
    if is_compatible(kind, target):
        assert problems == []
    else:
        assert [(each.code, each.severity, each.question) for each in problems] == [("incompatible", "error", "q")]
        assert '"My question"' in problems[0].message
        assert '"My field"' in problems[0].message
        assert why_not(kind, target) in problems[0].message


@pytest.mark.proves("Z-143")
@pytest.mark.parametrize(
    ("kind", "target", "allowed"),
    [
        (T.TEXT, T.LONG_TEXT, True),
        (T.TEXT, T.EMAIL, False),
        (T.TEXT, T.NUMBER, False),
        (T.NUMBER, T.TEXT, True),
        (T.NUMBER, T.DATE, False),
        (T.MONEY, T.NUMBER, False),
        (T.SINGLE_CHOICE, T.MULTIPLE_CHOICE, True),
        (T.MULTIPLE_CHOICE, T.SINGLE_CHOICE, False),
        (T.YES_NO, T.CONSENT, False),
        (T.CONSENT, T.YES_NO, True),
        (T.FILE, T.TEXT, False),
        (T.DATE_TIME, T.DATE, False),
    ],
)
def test_direct_table(kind: FieldType, target: FieldType, allowed: bool) -> None:
    """Some rows of the table, written out."""
    assert is_compatible(kind, target) is allowed


def test_free_text_reaches_a_contact_field_by_its_transform_only() -> None:
    """Platforms deliver typed text for a custom question; reading it as an address is a recorded decision."""
    assert not is_compatible(T.TEXT, T.PHONE)
    assert is_compatible(T.TEXT, T.PHONE, Phone())
    assert is_compatible(T.TEXT, T.EMAIL, Email())
    assert not is_compatible(T.TEXT, T.EMAIL, Phone())


@pytest.mark.parametrize("transform", [Fixed(value="yes"), Formula(expression="true")])
def test_no_rule_invents_a_consent(transform: Transform) -> None:
    """A consent comes from an answer, never from a constant or a formula."""
    rules = (rule("agreed", *(["q"] if transform.kind == "formula" else []), transform=transform),)
    problems = check(FieldMapping(version=1, rules=rules), [question("q")], by_key(field("agreed", T.CONSENT)))
    assert "unfit_transform" in [each.code for each in problems]


@pytest.mark.proves("L-06")
def test_a_multiple_choice_question_is_never_narrowed() -> None:
    """No transform but a formula takes a multiple choice question to a field that holds one value."""
    for target in (T.SINGLE_CHOICE, T.YES_NO, T.NUMBER, T.DATE):
        for transform in (*ANY_TRANSFORM, ChoiceLookup(choices={})):
            assert not is_compatible(T.MULTIPLE_CHOICE, target, transform)
