"""How a mapping is applied to a whole submission."""

import json
from collections.abc import Sequence

import pytest
from mapping_cases import FINLAND, by_key, codes, field, map_one, rule, submission

from hub.connector.models import Consent, FieldType
from mapping.engine import CompiledMapping, MappingContext, Origin, apply
from mapping.rules import FieldMapping
from mapping.transforms import ChoiceLookup, Date, Fixed, Formula, Join, NamePart, Transform, YesNo

T = FieldType


@pytest.mark.proves("L-06")
@pytest.mark.parametrize("target", [T.MULTIPLE_CHOICE, T.TEXT, T.LONG_TEXT])
def test_all_answers_of_a_multiple_choice_are_kept_in_order(target: FieldType) -> None:
    """No value of a multiple choice is lost, moved or merged."""
    values = ["b", "a", "c", "b"]
    mapped = map_one(field("f", target), values)
    assert mapped.values["f"] == (values if target is T.MULTIPLE_CHOICE else "b, a, c, b")
    assert mapped.problems == ()


@pytest.mark.proves("L-06")
@pytest.mark.parametrize("kind", list(FieldType))
@pytest.mark.parametrize("empty", [(), ("",), ("  ", "\t")])
def test_an_empty_answer_is_no_value_and_no_problem(kind: FieldType, empty: Sequence[str]) -> None:
    """An optional question left empty sets nothing, whatever the type, and is not called unmapped."""
    mapped = map_one(field("f", kind), empty)
    assert (mapped.values, mapped.problems, mapped.unmapped) == ({}, (), ())
    assert mapped.origins["f"].question_keys == ("q",)


@pytest.mark.proves("L-07")
def test_unmapped_answers_are_named_in_order() -> None:
    """Answers that no rule takes are listed, also where the mapping is empty or aims at a field out of use."""
    sent = submission({"c": "1", "a": "2", "b": "", "d": "3"})
    fields = by_key(field("f"), field("old", is_archived=True))
    assert apply(sent, FieldMapping(version=0), fields, FINLAND).unmapped == ("c", "a", "b", "d")
    mapping = FieldMapping(version=1, rules=(rule("f", "a"), rule("old", "c"), rule("gone", "d")))
    mapped = apply(sent, mapping, fields, FINLAND)
    assert mapped.unmapped == ("c", "b", "d")
    assert codes(mapped) == ["field_archived", "field_missing"]


@pytest.mark.proves("L-07")
def test_a_second_answer_to_a_rule_for_one_stays_unmapped() -> None:
    """Where two questions may fill a field, the first answered does, and the other answer is still shown."""
    mapping = FieldMapping(version=1, rules=(rule("f", "mobile", "home", "work"),))
    mapped = apply(submission({"home": "2", "work": "3", "mobile": ""}), mapping, by_key(field("f")), FINLAND)
    assert mapped.values == {"f": "2"}
    assert mapped.origins["f"].question_keys == ("mobile", "home")
    assert mapped.unmapped == ("work",)


@pytest.mark.proves("L-09")
def test_questions_without_english_letters_are_mapped_like_others() -> None:
    """Keys and answers in any script, or in none, reach their fields, by rule and by formula."""
    rules = (
        rule("name", "お名前", transform=NamePart(part="whole")),
        rule("city", "город"),
        rule("plan", "😀?"),
        rule("both", "お名前", "город", transform=Formula(expression="answers['お名前'] + ' / ' + answers['город']")),
    )
    sent = submission({"お名前": "山田 太郎", "город": "Київ", "😀?": ["א", "ب"], "؟": "不明"})
    fields = by_key(field("name"), field("city"), field("plan", T.MULTIPLE_CHOICE), field("both"))
    mapped = apply(sent, FieldMapping(version=1, rules=rules), fields, FINLAND)
    assert mapped.values == {"name": "山田 太郎", "city": "Київ", "plan": ["א", "ب"], "both": "山田 太郎 / Київ"}
    assert mapped.unmapped == ("؟",)
    assert mapped.problems == ()


def test_every_value_says_where_it_comes_from() -> None:
    """The origin names the questions that made the value, the version of the mapping, and the transform."""
    rules = (rule("name", "first", "last", transform=Join()), rule("kind", transform=Fixed(value="web")))
    fields = by_key(field("name"), field("kind"))
    mapped = apply(submission({"last": "L", "first": "A"}), FieldMapping(version=7, rules=rules), fields, FINLAND)
    assert mapped.values == {"name": "A L", "kind": "web"}
    assert mapped.origins == {"name": Origin(("first", "last"), 7, "join"), "kind": Origin((), 7, "fixed")}
    assert mapped.origins["name"].to_json() == {
        "question_keys": ["first", "last"],
        "mapping_version": 7,
        "transform": "join",
    }


def test_a_value_that_cannot_be_read_is_a_problem_with_question_field_and_advice() -> None:
    """The problem names both sides and what to do, and never quotes the answer."""
    mapped = map_one(field("birth", T.DATE), "05/06/1990", Date())
    assert mapped.values == {}
    (problem,) = mapped.problems
    assert (problem.code, problem.field, problem.questions) == ("ambiguous_date", "birth", ("q",))
    assert '"q"' in problem.message
    assert '"birth"' in problem.message
    assert "Say in the mapping" in problem.message
    assert "1990" not in json.dumps(problem.to_json())


@pytest.mark.parametrize("kind", list(FieldType))
def test_characters_that_cannot_be_stored_are_replaced_and_reported(kind: FieldType) -> None:
    """NUL and lone surrogates become U+FFFD in every type of value; the problem says so."""
    mapped = map_one(field("f", kind), "a\0b\ud800c")
    assert "unsafe_characters" in codes(mapped)
    if "f" in mapped.values:
        assert mapped.values["f"] in ("a\ufffdb\ufffdc", ["a\ufffdb\ufffdc"])


@pytest.mark.parametrize(
    "transform",
    [
        Join(separator="\0"),
        Fixed(value="a\0\ud800"),
        ChoiceLookup(choices={"x": "a\0"}, otherwise="\ud800"),
        Formula(expression="a + '\\u0000'"),
    ],
)
def test_a_mapping_cannot_bring_characters_in_that_cannot_be_stored(transform: Transform) -> None:
    """Separators, fixed values, lookups and formulas are as clean as answers."""
    mapping = FieldMapping(version=1, rules=(rule("f", "a", "b", transform=transform),))
    value = apply(submission({"a": "x", "b": "y"}), mapping, by_key(field("f")), FINLAND).values["f"]
    assert "\ufffd" in str(value)
    assert "\0" not in str(value)
    assert "\ud800" not in str(value)


def test_answers_of_one_key_are_put_together() -> None:
    """A source that repeats a key for each ticked box loses none of them."""
    one = submission({"q": ["a"]})
    sent = one.model_copy(update={"answers": one.answers + submission({"q": ["b", "c"]}).answers})
    mapping = FieldMapping(version=1, rules=(rule("f", "q"),))
    mapped = apply(sent, mapping, by_key(field("f", T.MULTIPLE_CHOICE)), FINLAND)
    assert mapped.values == {"f": ["a", "b", "c"]}


def test_a_consent_box_fills_a_consent_field() -> None:
    """The recorded consent wins over the text of an answer of the same key; silence gives nothing."""
    boxes = [Consent(key="yes", text="I agree", given=True), Consent(key="no", text="News", given=False)]
    mapping = FieldMapping(version=1, rules=(rule("a", "yes"), rule("b", "no"), rule("c", "absent")))
    fields = by_key(field("a", T.CONSENT), field("b", T.CONSENT), field("c", T.CONSENT))
    mapped = apply(submission({"yes": "I agree to all"}, boxes), mapping, fields, FINLAND)
    assert mapped.values == {"a": True, "b": False}
    assert mapped.unmapped == ()


def test_several_values_for_a_field_of_one_are_said() -> None:
    """The first is taken, and the problem tells that there were more."""
    mapped = map_one(field("f", T.YES_NO), ["yes", "no"], YesNo())
    assert (mapped.values, codes(mapped)) == ({"f": True}, ["several_values"])


def test_a_second_rule_for_a_field_never_wins() -> None:
    """Should an old mapping hold two, the first is followed and the answer of the other is unmapped."""
    mapping = FieldMapping(version=1, rules=(rule("f", "a"), rule("f", "b")))
    mapped = apply(submission({"a": "1", "b": "2"}), mapping, by_key(field("f")), FINLAND)
    assert (mapped.values, mapped.unmapped) == ({"f": "1"}, ("b",))


def test_the_language_of_the_submission_orders_the_name() -> None:
    """The language of the form is only the fall-back."""
    compiled = CompiledMapping(
        FieldMapping(version=1, rules=(rule("f", "q", transform=NamePart(part="family")),)),
        by_key(field("f")),
        MappingContext(language="hu"),
    )
    sent = submission({"q": "Nagy Ferenc"})
    assert compiled.apply(sent).values == {"f": "Nagy"}
    assert compiled.apply(sent.model_copy(update={"language": "fi"})).values == {"f": "Ferenc"}
