"""What holds for every submission, every mapping and every master form."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import contexts, field, mappings, master_forms, question_keys, submissions

from hub.connector.models import Choice, FieldType, Question, Submission
from mapping.compatibility import is_compatible
from mapping.contacts import contact_points
from mapping.engine import CompiledMapping, MappedSubmission, MappingContext, apply
from mapping.fields import MasterField
from mapping.rules import FieldMapping, check
from mapping.suggest import propose, suggest, transform_for

Fields = Mapping[str, MasterField]


def as_json(mapped: MappedSubmission) -> str:
    """What the caller stores of it."""
    return json.dumps(
        {
            "values": mapped.values,
            "origins": {key: origin.to_json() for key, origin in mapped.origins.items()},
            "unmapped": mapped.unmapped,
            "problems": [problem.to_json() for problem in mapped.problems],
        },
        allow_nan=False,
    )


@pytest.mark.proves("L-07")
@given(submissions, mappings, master_forms, contexts)
@settings(max_examples=400, deadline=None)
def test_no_answer_is_lost(sent: Submission, mapping: FieldMapping, fields: Fields, context: MappingContext) -> None:
    """Each answered question is in the origin of some field or in the unmapped ones, never in neither or both."""
    mapped = apply(sent, mapping, fields, context)
    keys = [answer.key for answer in sent.answers]
    taken = {key for origin in mapped.origins.values() for key in origin.question_keys}
    assert set(keys) == (taken & set(keys)) | set(mapped.unmapped)
    assert not taken & set(mapped.unmapped)
    assert mapped.unmapped == tuple(dict.fromkeys(key for key in keys if key in mapped.unmapped))


@given(submissions, mappings, master_forms, contexts)
@settings(max_examples=300, deadline=None)
def test_same_input_gives_the_same_result_compiled_or_not(
    sent: Submission, mapping: FieldMapping, fields: Fields, context: MappingContext
) -> None:
    """A compiled mapping used twice and the plain function agree, to the byte."""
    compiled = CompiledMapping(mapping, fields, context)
    first, second = compiled.apply(sent), compiled.apply(sent)
    assert first == second == apply(sent, mapping, fields, context)
    assert as_json(first) == as_json(second)


@given(submissions, mappings, master_forms, contexts)
@settings(max_examples=300, deadline=None)
def test_every_result_can_be_stored(
    sent: Submission, mapping: FieldMapping, fields: Fields, context: MappingContext
) -> None:
    """The result is plain JSON in ASCII, and no text of a value holds NUL or a lone surrogate."""
    mapped = apply(sent, mapping, fields, context)
    assert as_json(mapped).isascii()
    for value in mapped.values.values():
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
        assert "\\u0000" not in text
    contact_points(mapped.values, fields)


@given(submissions, mappings, master_forms, contexts)
@settings(max_examples=300, deadline=None)
def test_every_value_has_one_origin_and_every_lost_value_a_problem(
    sent: Submission, mapping: FieldMapping, fields: Fields, context: MappingContext
) -> None:
    """Each value names questions and mapping version; a field without value was not answered or says why."""
    mapped = apply(sent, mapping, fields, context)
    assert mapped.values.keys() <= mapped.origins.keys()
    for key, origin in mapped.origins.items():
        assert origin.mapping_version == mapping.version
        answered = any(
            value.strip() for answer in sent.answers if answer.key in origin.question_keys for value in answer.values
        )
        if key not in mapped.values and answered and origin.transform in {"identity", "name_part", "phone", "date"}:
            assert any(problem.field == key for problem in mapped.problems)


questions = st.builds(
    Question,
    key=question_keys | st.text(min_size=1, max_size=20),
    label=st.sampled_from(
        ["E-Mail-Adresse", "Vorname", "Sukunimi", "Téléphone", "Nombre completo", "電話番号", "Name", "?"]
    )
    | st.text(max_size=30),
    kind=st.sampled_from(list(FieldType)),
    choices=st.lists(
        st.builds(Choice, value=st.sampled_from("abcd"), label=st.sampled_from(["A", "B", "Kyllä", "Ei"])), max_size=4
    ).map(tuple),
)
known_fields = st.lists(
    st.builds(
        field,
        st.sampled_from(
            ["email", "phone", "first_name", "last_name", "full_name", "city", "message", "birth_date", "x"]
        ),
        st.sampled_from(list(FieldType)),
        st.lists(st.sampled_from("abcd"), unique=True, max_size=4),
        st.booleans(),
    ),
    max_size=9,
).map(lambda fields: {each.key: each for each in fields})


@given(st.lists(questions, max_size=8), known_fields)
@settings(max_examples=400, deadline=None)
def test_suggestions_are_compatible_and_one_to_one(asked: list[Question], fields: Fields) -> None:
    """No suggestion crosses types or names an archived field; no question and no field is named twice."""
    by_key = {question.key: question for question in asked}
    found = suggest(asked, fields)
    assert len({each.question_key for each in found}) == len({each.field_key for each in found}) == len(found)
    for each in found:
        question, target = by_key[each.question_key], fields[each.field_key]
        transform = transform_for(question, target)
        assert transform is not None
        assert is_compatible(question.kind, target.type, transform)
        assert not target.is_archived
        assert 0 < each.confidence <= 1
        assert each.reason


@given(st.lists(questions, max_size=8), known_fields)
@settings(max_examples=400, deadline=None)
def test_every_proposed_mapping_passes_the_check(asked: list[Question], fields: Fields) -> None:
    """What the hub proposes can be saved as it is, survives JSON, and is the same the next time."""
    proposed = propose(asked, fields)
    assert check(proposed, asked, fields) == []
    assert FieldMapping.model_validate(proposed.model_dump(mode="json")) == proposed
    assert propose(asked, fields) == proposed
