"""Applies a field mapping to a submission.

Nothing of a submission is lost here: each answer either made (or failed to make) a value and is named in an
origin, or is named in ``unmapped``; the caller stores all answers besides. Nothing raises on any submission.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from hub.connector.models import Submission
from mapping.compatibility import can_fill
from mapping.contacts import Quality
from mapping.fields import FieldType, MasterField
from mapping.problems import Problem, make_problem, quality_of
from mapping.rules import FieldMapping, FieldRule
from mapping.shapes import Shape, make_shape
from mapping.text import storable
from mapping.transforms import Fixed, Formula, Join
from mapping.values import Reader, make_reader

_CONTACTS = frozenset({FieldType.EMAIL, FieldType.PHONE})


@dataclass(frozen=True, slots=True)
class MappingContext:
    """What the mapping needs to know of the form: ``country`` (ISO 3166-1 alpha-2) for phone numbers without a
    country code, ``language`` (BCP 47) for the order of names where the submission names no language."""

    country: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a field comes from (X-10): the questions, in the rule's order, the version of the
    mapping, and the name of the transform. A fixed value comes from no question."""

    question_keys: tuple[str, ...]
    mapping_version: int
    transform: str

    def to_json(self) -> dict[str, JsonValue]:
        """The origin as plain JSON."""
        return {
            "question_keys": list(self.question_keys),
            "mapping_version": self.mapping_version,
            "transform": self.transform,
        }


@dataclass(frozen=True, slots=True)
class MappedSubmission:
    """A submission in the words of the master form.

    ``values`` are JSON values by field key (shapes: ``mapping.values``). ``origins`` has an entry for each of
    them, and one for a field whose answer was empty or made no value. ``unmapped`` are the keys of the answers
    that no rule took, in order. ``quality`` marks each e-mail and phone value (P-10).
    """

    values: dict[str, JsonValue]
    origins: dict[str, Origin]
    unmapped: tuple[str, ...]
    problems: tuple[Problem, ...]
    quality: dict[str, Quality]


class CompiledMapping:
    """A mapping made ready for many submissions of one form. Immutable, and safe to share between threads."""

    def __init__(self, mapping: FieldMapping, fields: Mapping[str, MasterField], context: MappingContext) -> None:
        self._rules = [_compile_rule(rule, mapping.version, fields, context) for rule in _one_per_field(mapping)]

    def apply(self, submission: Submission) -> MappedSubmission:
        """The submission in the words of the master form; equal input gives an equal result."""
        answers: dict[str, Sequence[str]] = {}
        for answer in submission.answers:
            known = answers.get(answer.key)
            answers[answer.key] = answer.values if known is None else (*known, *answer.values)
        asked = answers
        if submission.consents:
            given = {consent.key: ("true" if consent.given else "false",) for consent in submission.consents}
            asked = {**answers, **given}
        draft = _Draft({}, {}, [], {})
        taken: set[str] = set()
        for rule in self._rules:
            taken.update(rule.apply(asked, submission.language, draft))
        unmapped = tuple(key for key in answers if key not in taken)
        return MappedSubmission(draft.values, draft.origins, unmapped, tuple(draft.problems), draft.quality)


def apply(
    submission: Submission,
    mapping: FieldMapping,
    fields: Mapping[str, MasterField],
    context: MappingContext,
) -> MappedSubmission:
    """The submission in the words of the master form. For many submissions keep a ``CompiledMapping``."""
    return CompiledMapping(mapping, fields, context).apply(submission)


def _one_per_field(mapping: FieldMapping) -> list[FieldRule]:
    """The rules, the first of each field: ``check`` refuses a second one, an old row might still hold it."""
    return list({rule.field: rule for rule in reversed(mapping.rules)}.values())[::-1]


@dataclass(slots=True)
class _Draft:
    """What the rules have made so far."""

    values: dict[str, JsonValue]
    origins: dict[str, Origin]
    problems: list[Problem]
    quality: dict[str, Quality]


class _NoRule:
    """Stands for a rule that cannot be followed: it takes no answer, and says why when there is one."""

    def __init__(self, rule: FieldRule, code: str, label: str) -> None:
        self._rule, self._code, self._label = rule, code, label

    def apply(self, answers: Mapping[str, Sequence[str]], language: str | None, draft: _Draft) -> tuple[str, ...]:
        asked = tuple(key for key in self._rule.questions if key in answers)
        if asked:
            draft.problems.append(make_problem(self._code, self._rule.field, self._label, asked))
        return ()


class _Rule:
    """One rule of a compiled mapping: gathers the answers, shapes them, reads the value."""

    def __init__(self, rule: FieldRule, field: MasterField, version: int, context: MappingContext) -> None:
        self._field = field
        self._questions = () if isinstance(rule.transform, Fixed) else rule.questions
        self._language = context.language
        self._shape: Shape = make_shape(rule.transform, self._questions)
        self._takes_all = isinstance(rule.transform, Join | Formula)
        self._read: Reader = make_reader(field, rule.transform, context.country)
        self._is_contact = field.type in _CONTACTS
        self._origin = Origin(self._questions, version, rule.transform.kind)

    def apply(self, answers: Mapping[str, Sequence[str]], language: str | None, draft: _Draft) -> tuple[str, ...]:
        """Adds value, origin, quality and problems of this rule; gives the keys of the answers it took."""
        codes: list[str] = []
        texts, taken = self._gather(answers, codes)
        if not taken and self._questions:
            return ()
        field_key = self._field.key
        draft.origins[field_key] = (
            self._origin
            if taken == self._questions
            else Origin(taken, self._origin.mapping_version, self._origin.transform)
        )
        shaped, detail = self._shape(texts, language or self._language, codes)
        value = self._read(shaped, codes) if shaped else None
        if value is not None:
            draft.values[field_key] = value
            if self._is_contact:
                draft.quality[field_key] = quality_of(codes)
        for code in codes:
            draft.problems.append(make_problem(code, field_key, self._field.label, taken, detail))
        return taken

    def _gather(
        self, answers: Mapping[str, Sequence[str]], codes: list[str]
    ) -> tuple[dict[str, list[str]], tuple[str, ...]]:
        """The non-empty values by question, and the keys of the answers that this rule takes.

        A rule for one answer takes the first that is not empty, and the empty ones: further answers stay
        unmapped, where they are seen.
        """
        texts: dict[str, list[str]] = {}
        is_full = False
        for key in self._questions:
            values = answers.get(key)
            if values is None or (is_full and any(value.strip() for value in values)):
                continue
            texts[key] = _clean(values, codes)
            is_full = is_full or (bool(texts[key]) and not self._takes_all)
        return texts, tuple(texts)


def _clean(values: Sequence[str], codes: list[str]) -> list[str]:
    found: list[str] = []
    for value in values:
        text = value.strip()
        if text:
            safe = storable(text)
            if safe is not text and "unsafe_characters" not in codes:
                codes.append("unsafe_characters")
            found.append(safe)
    return found


def _compile_rule(
    rule: FieldRule, version: int, fields: Mapping[str, MasterField], context: MappingContext
) -> _Rule | _NoRule:
    field = fields.get(rule.field)
    if field is None:
        return _NoRule(rule, "field_missing", rule.field)
    if field.is_archived:
        return _NoRule(rule, "field_archived", field.label)
    if not can_fill(rule.transform, field.type):
        return _NoRule(rule, "transform_unfit", field.label)
    return _Rule(rule, field, version, context)
