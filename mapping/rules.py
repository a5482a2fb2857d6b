"""A field mapping as it is stored, and the checks that it passes before it is saved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from hub.connector.models import Question
from mapping.amounts import is_currency
from mapping.compatibility import can_fill, why_not
from mapping.contacts import is_country
from mapping.days import is_zone
from mapping.fields import FieldType, MasterField
from mapping.formulas import FormulaError, compile_formula
from mapping.shapes import make_shape
from mapping.transforms import AS_IS, ChoiceLookup, DateTime, Fixed, Formula, Money, Phone, Transform
from mapping.values import choice_values, fold, make_reader

Policy = Literal["overwrite", "fill_if_empty", "append"]
"""What happens to the value that a lead already has; see ``mapping.policies``."""

APPENDABLE = frozenset({FieldType.TEXT, FieldType.LONG_TEXT, FieldType.MULTIPLE_CHOICE})
"""The types whose value can grow."""


class FieldRule(BaseModel):
    """Which questions fill one master field, and how. ``questions`` are keys of the source form, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    questions: tuple[str, ...] = ()
    transform: Transform = Field(default=AS_IS)
    policy: Policy = "fill_if_empty"


class FieldMapping(BaseModel):
    """All rules of one source form. ``version`` counts up with each save and is named in every origin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=0)
    rules: tuple[FieldRule, ...] = ()

    def question_keys(self) -> frozenset[str]:
        """The questions that some rule takes; the others of the form are unmapped."""
        return frozenset(key for rule in self.rules for key in rule.questions)


@dataclass(frozen=True, slots=True)
class MappingProblem:
    """Something wrong with a mapping. An ``error`` forbids saving it, a ``warning`` is shown.

    ``rule`` is the position of the rule in the mapping. ``message`` says what is wrong, where, and what to do.
    """

    code: str
    severity: Literal["error", "warning"]
    rule: int
    field: str
    question: str | None
    message: str

    def to_json(self) -> dict[str, JsonValue]:
        """The problem as plain JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "rule": self.rule,
            "field": self.field,
            "question": self.question,
            "message": self.message,
        }


def check(
    mapping: FieldMapping, questions: Sequence[Question], fields: Mapping[str, MasterField]
) -> list[MappingProblem]:
    """Everything that is wrong with the mapping, in the order of its rules; empty where nothing is.

    A question that the form does not have is a warning, as forms change at the platform; it is not looked for
    where ``questions`` is empty, as some sources do not list theirs.
    """
    asked = {question.key: question for question in questions}
    seen: set[str] = set()
    problems: list[MappingProblem] = []
    for position, rule in enumerate(mapping.rules):
        ruling = _Ruling(position, rule, fields.get(rule.field), asked)
        problems.extend(ruling.problems(is_second=rule.field in seen))
        seen.add(rule.field)
    return problems


class _Ruling:
    """The checks of one rule."""

    def __init__(
        self, position: int, rule: FieldRule, field: MasterField | None, questions: Mapping[str, Question]
    ) -> None:
        self._position, self._rule, self._field, self._questions = position, rule, field, questions
        self._name = f'"{field.label if field else rule.field}"'

    def problems(self, is_second: bool) -> Iterator[MappingProblem]:
        """All problems of the rule."""
        if is_second:
            yield self._error("two_rules", f"{self._name} has two rules. Keep one of them.")
        if self._field is None:
            yield self._error(
                "unknown_field", f"The master form has no field {self._name}. Add it there first, or choose another."
            )
            return
        if self._field.is_archived:
            yield self._error("archived_field", f"{self._name} is archived. Restore it, or choose another field.")
        if self._rule.policy == "append" and self._field.type not in APPENDABLE:
            yield self._error(
                "cannot_append", f"{self._name} holds one value and cannot be appended to. Choose another policy."
            )
        yield from self._question_problems(self._field)
        yield from self._transform_problems(self._field)

    def _question_problems(self, field: MasterField) -> Iterator[MappingProblem]:
        keys, transform = self._rule.questions, self._rule.transform
        if isinstance(transform, Fixed):
            if keys:
                yield self._error(
                    "fixed_with_questions", f"The fixed value of {self._name} takes no question. Remove it."
                )
            return
        if not keys and not isinstance(transform, Formula):
            yield self._error("no_questions", f"The rule for {self._name} names no question. Choose at least one.")
        for place, key in enumerate(keys):
            if key in keys[:place]:
                yield self._error(
                    "question_twice", f'The rule for {self._name} names the question "{key}" twice. Keep one.', key
                )
            elif (question := self._questions.get(key)) is not None:
                if can_fill(transform, field.type) and (reason := why_not(question.kind, field.type, transform)):
                    yield self._error(
                        "incompatible",
                        f'The question "{question.label}" cannot be mapped to {self._name}: {reason}. '
                        "Choose another field or another transform.",
                        key,
                    )
            elif self._questions:
                yield self._problem(
                    "warning",
                    "unknown_question",
                    f'The form has no question "{key}" now, so {self._name} gets nothing from it. '
                    "Remove it, or leave it for when it comes back.",
                    key,
                )

    def _transform_problems(self, field: MasterField) -> Iterator[MappingProblem]:
        transform = self._rule.transform
        if not can_fill(transform, field.type):
            yield self._error(
                "unfit_transform",
                f'The transform "{transform.kind}" cannot fill {self._name}, a field of type '
                f"{field.type.value.replace('_', ' ')}. Choose another transform.",
            )
        elif isinstance(transform, Formula):
            yield from self._formula_problems(transform)
        elif isinstance(transform, ChoiceLookup):
            yield from self._choice_problems(field, [*transform.choices.values(), transform.otherwise])
        elif isinstance(transform, Fixed):
            yield from self._fixed_problems(field, transform)
        else:
            yield from self._option_problems(transform)

    def _formula_problems(self, transform: Formula) -> Iterator[MappingProblem]:
        try:
            unknown = compile_formula(transform.expression).unknown_names(self._rule.questions)
        except FormulaError as refused:
            yield self._error("bad_formula", f"The formula for {self._name} cannot be used: {refused}. Correct it.")
            return
        for name in unknown:
            yield self._error(
                "unknown_name",
                f'The formula for {self._name} uses "{name}", which is not a question of this rule. '
                "Add the question to the rule or correct the name.",
                name,
            )

    def _choice_problems(self, field: MasterField, targets: Sequence[str | None]) -> Iterator[MappingProblem]:
        known = choice_values(field)
        if not known:
            return
        for target in dict.fromkeys(targets):
            if target is not None and fold(target) not in known:
                yield self._error(
                    "unknown_choice",
                    f'{self._name} has no choice "{target}". Add it to the field, or choose another.',
                )

    def _fixed_problems(self, field: MasterField, transform: Fixed) -> Iterator[MappingProblem]:
        codes: list[str] = []
        texts, _ = make_shape(transform, ())({}, None, codes)
        value = make_reader(field, AS_IS, None)(texts, codes) if texts else None
        if field.type in {FieldType.SINGLE_CHOICE, FieldType.MULTIPLE_CHOICE}:
            yield from self._choice_problems(field, texts)
        elif value is None or set(codes) - {"suspect_email", "shared_currency_sign"}:
            yield self._error(
                "bad_fixed_value",
                f"The fixed value does not fit {self._name}, a field of type {field.type.value.replace('_', ' ')}. "
                "Write it in the form that the field holds.",
            )

    def _option_problems(self, transform: Transform) -> Iterator[MappingProblem]:
        if isinstance(transform, Phone) and transform.country and not is_country(transform.country.upper()):
            yield self._error(
                "unknown_country",
                f'The country "{transform.country}" for {self._name} is not known. Use two letters such as DE.',
            )
        if isinstance(transform, Money) and transform.currency and not is_currency(transform.currency):
            yield self._error(
                "unknown_currency",
                f'The currency "{transform.currency}" for {self._name} is not known. Use an ISO code such as EUR.',
            )
        if isinstance(transform, DateTime) and transform.zone and not is_zone(transform.zone):
            yield self._error(
                "unknown_zone",
                f'The time zone "{transform.zone}" for {self._name} is not known. Use a name such as Europe/Helsinki.',
            )

    def _error(self, code: str, message: str, question: str | None = None) -> MappingProblem:
        return self._problem("error", code, message, question)

    def _problem(
        self, severity: Literal["error", "warning"], code: str, message: str, question: str | None = None
    ) -> MappingProblem:
        return MappingProblem(code, severity, self._position, self._rule.field, question, message)
