"""Proposes a mapping for a source form that nobody has mapped yet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from hub.connector.models import Question
from mapping.compatibility import is_compatible
from mapping.fields import FieldType, MasterField
from mapping.rules import FieldMapping, FieldRule
from mapping.synonyms import CONCEPTS, plain
from mapping.transforms import (
    AS_IS,
    ChoiceLookup,
    Date,
    DateTime,
    Email,
    Join,
    Money,
    NamePart,
    Number,
    Phone,
    Transform,
    Url,
    YesNo,
)
from mapping.values import choice_values, fold

CONFIDENT = 0.75
"""From here on ``propose`` takes a suggestion. Below it lie guesses, for a person to decide."""

_ALIKE = 75
_CHOICES = frozenset({FieldType.SINGLE_CHOICE, FieldType.MULTIPLE_CHOICE})
_CONTACTS = frozenset({FieldType.EMAIL, FieldType.PHONE})
_TELLING = _CONTACTS | {FieldType.URL, FieldType.ADDRESS, FieldType.CONSENT, FieldType.FILE}
_READERS: Mapping[FieldType, Transform] = {
    FieldType.EMAIL: Email(),
    FieldType.PHONE: Phone(),
    FieldType.URL: Url(),
    FieldType.NUMBER: Number(),
    FieldType.MONEY: Money(),
    FieldType.DATE: Date(),
    FieldType.DATE_TIME: DateTime(),
    FieldType.YES_NO: YesNo(),
}
_NAME_PARTS = {"first_name": NamePart(part="given"), "last_name": NamePart(part="family")}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question and the field that it probably belongs to. ``confidence`` is 0 to 1, ``reason`` is for people."""

    question_key: str
    field_key: str
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Named:
    """A question or a field, and what its names mean. ``coverage`` is how much of the name is that meaning."""

    key: str
    names: tuple[str, ...]
    concept: str | None
    coverage: float


def suggest(questions: Sequence[Question], fields: Mapping[str, MasterField]) -> tuple[Suggestion, ...]:
    """The likely field of each question, at most one per question and per field, in the order of the questions.

    Only compatible pairs with a field in use are suggested. Confidence: 0.98 the same key; 0.95 the same
    label; 0.92 names that mean the same (several languages), less where only a part of the question says so;
    0.9 the only field of the type for an e-mail or phone question, whatever its script; 0.8 a full name for a part
    of it or the reverse; 0.85 the same choices, 0.76 most of them; up to 0.9 likeness of the
    words; below that, type alone.
    """
    by_key = {question.key: question for question in questions}
    living = [field for field in fields.values() if not field.is_archived]
    pairs = _Pairs(list(by_key.values()), living)
    taken_questions: set[str] = set()
    taken_fields: set[str] = set()
    chosen: dict[str, Suggestion] = {}
    for pair in sorted(pairs.all(), key=lambda each: -each.confidence):
        if pair.question_key not in taken_questions and pair.field_key not in taken_fields:
            taken_questions.add(pair.question_key)
            taken_fields.add(pair.field_key)
            chosen[pair.question_key] = pair
    return tuple(chosen[key] for key in by_key if key in chosen)


def propose(questions: Sequence[Question], fields: Mapping[str, MasterField], version: int = 1) -> FieldMapping:
    """The mapping of the suggestions with a confidence of at least ``CONFIDENT``; it passes ``check``.

    A full name also fills the given and the family name where the form asks for neither, and these two fill a
    full name. Long texts are appended to what a lead already has, everything else fills what is empty.
    """
    by_key = {question.key: question for question in questions}
    rules: dict[str, FieldRule] = {}
    for suggestion in suggest(questions, fields):
        field, question = fields[suggestion.field_key], by_key[suggestion.question_key]
        transform = transform_for(question, field)
        if suggestion.confidence >= CONFIDENT and transform is not None:
            rules[field.key] = FieldRule(
                field=field.key,
                questions=(question.key,),
                transform=transform,
                policy="append" if field.type is FieldType.LONG_TEXT else "fill_if_empty",
            )
    rules.update(_name_rules(by_key, fields, rules))
    return FieldMapping(version=version, rules=tuple(rules[key] for key in fields if key in rules))


def transform_for(question: Question, field: MasterField) -> Transform | None:
    """The transform with which the question should feed the field; None where the two are incompatible, or
    where it would take a person to say how."""
    transform = _likely_transform(question, field)
    return transform if is_compatible(question.kind, field.type, transform) else None


def _likely_transform(question: Question, field: MasterField) -> Transform:
    if question.kind in _CHOICES and field.type in _CHOICES:
        return _lookup_for(question, field)
    if field.type in _READERS and (field.type in _CONTACTS or question.kind is not field.type):
        return _READERS[field.type]
    if question.kind is FieldType.TEXT and field.type is FieldType.TEXT:
        asked, held = _named_question(question).concept, _named_field(field).concept
        if asked == "full_name" and held in {"full_name", *_NAME_PARTS}:
            return _NAME_PARTS.get(held or "", NamePart(part="whole"))
    return AS_IS


def _lookup_for(question: Question, field: MasterField) -> Transform:
    """As it is where the choices are the same; else each choice of the question by its value, then its label."""
    known = choice_values(field)
    meant = {
        choice.value: target
        for choice in question.choices
        if (target := known.get(fold(choice.value)) or known.get(fold(choice.label)))
    }
    return AS_IS if all(asked == target for asked, target in meant.items()) else ChoiceLookup(choices=meant)


class _Pairs:
    """Judges every question against every field of a form."""

    def __init__(self, questions: Sequence[Question], fields: Sequence[MasterField]) -> None:
        self._questions = [(question, _named_question(question)) for question in questions]
        self._fields = [(field, _named_field(field)) for field in fields]
        self._asked = {named.concept for _, named in self._questions}
        self._held = {named.concept for _, named in self._fields}

    def all(self) -> Iterator[Suggestion]:
        """Each compatible pair for which something speaks."""
        for question, asked in self._questions:
            for field, held in self._fields:
                if transform_for(question, field) is None:
                    continue
                confidence, reason = self._judge(question, asked, field, held)
                if confidence:
                    yield Suggestion(question.key, field.key, round(confidence, 2), reason)

    def _judge(self, question: Question, asked: _Named, field: MasterField, held: _Named) -> tuple[float, str]:
        if asked.key and asked.key == held.key:
            return 0.98, "the question and the field have the same key"
        if set(asked.names) & set(held.names):
            return 0.95, "the question and the field have the same name"
        if asked.concept and asked.concept == held.concept:
            return self._by_meaning(question, asked, field)
        if asked.concept and held.concept and (part := self._by_part(asked.concept, held.concept))[0]:
            return part
        if (same := _by_choices(question, field))[0]:
            return same
        typed = self._by_type(question, asked, field, held)
        if typed[0] or (asked.concept and held.concept):
            return typed
        return _by_likeness(asked, held)

    def _by_meaning(self, question: Question, asked: _Named, field: MasterField) -> tuple[float, str]:
        reason = f'the question asks for what "{field.label}" holds'
        if asked.coverage == 1:
            return 0.92, reason
        if field.type in _CONTACTS and question.kind is not field.type:
            return 0.6, "the question mentions " + ("an e-mail" if field.type is FieldType.EMAIL else "a phone")
        return 0.6 + 0.3 * asked.coverage, reason

    def _by_part(self, asked: str, held: str) -> tuple[float, str]:
        if asked == "full_name" and held in _NAME_PARTS and "full_name" not in self._held and held not in self._asked:
            return 0.8, "the name asked for is a part of the full name"
        if held == "full_name" and asked in _NAME_PARTS and "full_name" not in self._asked:
            return 0.8, "the full name can be put together from its parts"
        return 0.0, ""

    def _by_type(self, question: Question, asked: _Named, field: MasterField, held: _Named) -> tuple[float, str]:
        if question.kind is not field.type or field.type not in _TELLING:
            return 0.0, ""
        kind = field.type.value
        is_only_field = sum(each.type is field.type for each, _ in self._fields) == 1
        is_only_question = sum(each.kind is field.type for each, _ in self._questions) == 1
        if field.type in _CONTACTS and (is_only_field or (held.concept == kind and asked.concept in {None, kind})):
            return (
                0.9 if is_only_question or asked.concept == kind else 0.76,
                f"the question asks for this type: {kind}",
            )
        if is_only_field and is_only_question and not (asked.concept and held.concept):
            return 0.7, f"the only question and the only field of this type: {kind}"
        return (0.5, f"the question asks for this type: {kind}") if field.type in _CONTACTS else (0.0, "")


def _by_choices(question: Question, field: MasterField) -> tuple[float, str]:
    """How much of the choices is common. Two choices say little: very many questions ask for yes or no."""
    if question.kind not in _CHOICES or field.type not in _CHOICES or not question.choices:
        return 0.0, ""
    known = choice_values(field)
    common = sum(fold(choice.value) in known or fold(choice.label) in known for choice in question.choices)
    if common == len(question.choices):
        return 0.85 if common > 2 else 0.7, "the question and the field have the same choices"
    if common > 2 and common * 2 > len(question.choices):
        return 0.76, "most choices of the question are choices of the field"
    return 0.0, ""


def _by_likeness(asked: _Named, held: _Named) -> tuple[float, str]:
    likeness = max(
        (fuzz.token_sort_ratio(one, other) for one in asked.names for other in held.names if one and other),
        default=0.0,
    )
    return (0.9 * likeness / 100, "the names are alike") if likeness >= _ALIKE else (0.0, "")


def _name_rules(
    questions: Mapping[str, Question], fields: Mapping[str, MasterField], rules: Mapping[str, FieldRule]
) -> dict[str, FieldRule]:
    """Rules for fields that hold a full name, or a part of one, that the form asks for in the other way."""
    asked: dict[str, Question] = {}
    for question in questions.values():
        concept = _named_question(question).concept
        if question.kind is FieldType.TEXT and concept in {"full_name", *_NAME_PARTS}:
            asked.setdefault(concept or "", question)
    made: dict[str, FieldRule] = {}
    for field in fields.values():
        held = _named_field(field).concept
        if field.is_archived or field.type is not FieldType.TEXT:
            continue
        if held in _NAME_PARTS and held not in asked and "full_name" in asked and field.key not in rules:
            keys: tuple[str, ...] = (asked["full_name"].key,)
            made[field.key] = FieldRule(field=field.key, questions=keys, transform=_NAME_PARTS[held])
        if held == "full_name" and "full_name" not in asked and asked.keys() >= _NAME_PARTS.keys():
            keys = tuple(asked[part].key for part in _NAME_PARTS)
            made[field.key] = FieldRule(field=field.key, questions=keys, transform=Join())
    return made


@lru_cache(maxsize=4096)
def _meaning(key: str, label: str) -> tuple[str | None, float]:
    """What a key and a label mean, and how much of the clearer one says so (0 to 1)."""
    whole = CONCEPTS.get(plain(label)) or CONCEPTS.get(plain(key))
    if whole:
        return whole, 1.0
    found: tuple[str | None, float] = (None, 0.0)
    for words in (plain(label).split(), plain(key).split()):
        for start in range(len(words)):
            for end in range(len(words), start, -1):
                part = " ".join(words[start:end])
                coverage = len(part) / len(" ".join(words))
                if (len(part) >= 5 or part in {"city", "ort"}) and part in CONCEPTS and coverage > found[1]:
                    found = CONCEPTS[part], coverage
    return found


def _named_question(question: Question) -> _Named:
    return _named(question.key, question.label[:200])


def _named_field(field: MasterField) -> _Named:
    return _named(field.key, field.label[:200])


def _named(key: str, label: str) -> _Named:
    concept, coverage = _meaning(key, label)
    names = tuple(name for name in dict.fromkeys((plain(label), plain(key))) if name)
    return _Named(plain(key), names, concept, coverage)
