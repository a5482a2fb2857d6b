"""Builders and strategies for the tests of the mapping engine."""

import string
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from hypothesis import strategies as st

from hub.connector.models import Answer, Choice, Consent, FieldType, Question, Submission
from mapping.engine import MappedSubmission, MappingContext, apply
from mapping.fields import MasterField
from mapping.rules import FieldMapping, FieldRule
from mapping.transforms import (
    AS_IS,
    ChoiceLookup,
    Date,
    DateTime,
    Email,
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

FINLAND = MappingContext(country="FI", language="fi")


def field(
    key: str, kind: FieldType = FieldType.TEXT, choices: Sequence[str] = (), is_archived: bool = False
) -> MasterField:
    """A master field whose label is its key, and whose choices have themselves in capitals as labels."""
    return MasterField(
        key=key,
        label=key,
        type=kind,
        choices=tuple(Choice(value=value, label=value.upper()) for value in choices),
        is_archived=is_archived,
    )


def by_key(*fields: MasterField) -> dict[str, MasterField]:
    """A master form."""
    return {each.key: each for each in fields}


def question(key: str, kind: FieldType = FieldType.TEXT, label: str = "", choices: Sequence[str] = ()) -> Question:
    """A question of a source form."""
    return Question(
        key=key, label=label or key, kind=kind, choices=tuple(Choice(value=each, label=each) for each in choices)
    )


def submission(answers: Mapping[str, str | Sequence[str]], consents: Sequence[Consent] = ()) -> Submission:
    """A submission with these answers, in order."""
    return Submission(
        source_id="1",
        form_id="form",
        submitted_at=datetime(2026, 1, 1, tzinfo=UTC),
        answers=tuple(
            Answer(key=key, label=key, values=(value,) if isinstance(value, str) else tuple(value))
            for key, value in answers.items()
        ),
        consents=tuple(consents),
    )


def rule(field_key: str, *questions: str, transform: Transform = AS_IS) -> FieldRule:
    """A rule with the usual policy."""
    return FieldRule(field=field_key, questions=questions, transform=transform)


def map_one(
    target: MasterField,
    answer: str | Sequence[str],
    transform: Transform = AS_IS,
    context: MappingContext = FINLAND,
) -> MappedSubmission:
    """The result of one answer to the question ``q``, mapped to one field."""
    mapping = FieldMapping(version=1, rules=(rule(target.key, "q", transform=transform),))
    return apply(submission({"q": answer}), mapping, by_key(target), context)


def codes(mapped: MappedSubmission) -> list[str]:
    """The codes of the problems."""
    return [problem.code for problem in mapped.problems]


odd_text = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(
        [
            "",
            " ",
            "\0",
            "\ud800",
            "a\0b",
            "+358 40 123 4567",
            "ada@kirjasto.fi",
            "Ada@",
            "1.234",
            "1.234,50 €",
            "kyllä",
            "2026-05-06",
            "05/06/2026",
            "2026-05-06T10:00:00+0000",
            "Ada Lovelace",
            "山田 太郎",
            "x" * 3000,
            "9" * 500,
            "+",
            "00",
            "++1",
            "<test lead: dummy data for phone_number>",
            "a,b,c",
            "{0}",
            "{field}",
            "%s",
            "1e999",
            "NaN",
        ]
    ),
)

question_keys = st.sampled_from(["q1", "q2", "q3", "what time?", "お名前", "имя", "😀", "a\0b", "answers"])
field_keys = st.sampled_from(["f1", "f2", "f3", "f4", "missing", "archived"])

submissions = st.builds(
    Submission,
    source_id=st.none(),
    form_id=st.none(),
    submitted_at=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    answers=st.lists(
        st.builds(Answer, key=question_keys, label=odd_text, values=st.lists(odd_text, max_size=4).map(tuple)),
        max_size=8,
    ).map(tuple),
    consents=st.lists(st.builds(Consent, key=question_keys, text=st.just("text"), given=st.booleans()), max_size=2).map(
        tuple
    ),
    language=st.sampled_from([None, "fi", "ja", "hu", "zh-Hans", "", "\0"]),
)

formulas = st.one_of(
    st.sampled_from(
        [
            "q1 + q2",
            "q1",
            "answers['what time?']",
            "values['q1']",
            "size(q1)",
            "q1.upperAscii()",
            "1/0",
            "int(q1)",
            "+",
            "q1.split(',')",
            "q1.replace('', 'xxxxx')",
            "values['q1'][0]",
            "{'a': q1}",
            "null",
            "q1.matches('a+')",
            "1.5",
            "timestamp(q1)",
            "duration('1h')",
            "q1 == 'x'",
            "b'abc'",
            "values.q1.join('-')",
            "1e300 * 1e300",
            "[q1, q2]",
        ]
    ),
    st.text(string.printable, max_size=30),
)

transforms: st.SearchStrategy[Transform] = st.one_of(
    st.sampled_from([AS_IS, Email(), Phone(), Phone(country="US"), Phone(country="??"), Url(), YesNo(), Join()]),
    st.sampled_from([Number(), Number(decimal=","), Money(), Money(currency="EUR"), Date(), Date(order="dmy")]),
    st.sampled_from([DateTime(), DateTime(zone="Europe/Helsinki"), DateTime(zone="Nowhere/No"), DateTime(zone="/etc")]),
    st.builds(Split, separator=st.sampled_from([",", " "]), index=st.sampled_from([None, 0, 1, -1, 99])),
    st.builds(NamePart, part=st.sampled_from(["given", "family", "whole"])),
    st.builds(ChoiceLookup, choices=st.dictionaries(odd_text, odd_text, max_size=3), otherwise=st.none() | odd_text),
    st.builds(Fixed, value=odd_text | st.lists(odd_text, max_size=3).map(tuple)),
    st.builds(Formula, expression=formulas),
)

mappings = st.builds(
    FieldMapping,
    version=st.integers(0, 99),
    rules=st.lists(
        st.builds(
            FieldRule,
            field=field_keys,
            questions=st.lists(question_keys, max_size=3).map(tuple),
            transform=transforms,
            policy=st.sampled_from(["overwrite", "fill_if_empty", "append"]),
        ),
        max_size=6,
    ).map(tuple),
)

master_forms = st.lists(st.sampled_from(list(FieldType)), min_size=4, max_size=4).map(
    lambda kinds: by_key(
        *(field(f"f{place}", kind, ("a", "b", "Kyllä")) for place, kind in enumerate(kinds, start=1)),
        field("archived", is_archived=True),
    )
)

contexts = st.builds(
    MappingContext,
    country=st.sampled_from([None, "FI", "us", "??", ""]),
    language=st.sampled_from([None, "fi", "ja"]),
)
