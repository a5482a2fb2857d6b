"""Shapes: what a transform makes of the texts of a rule's answers, before they are read as the field's type."""

from collections.abc import Callable, Mapping, Sequence

from mapping.formulas import CompiledFormula, FormulaError, compile_formula
from mapping.names import name_part
from mapping.text import storable
from mapping.transforms import ChoiceLookup, Fixed, Formula, Join, NamePart, Split, Transform
from mapping.values import fold

Answers = Mapping[str, Sequence[str]]
"""The non-empty values by question key, in the rule's order."""

Shape = Callable[[Answers, str | None, list[str]], tuple[Sequence[str], str]]
"""Takes the answers, the language and the list for codes; gives texts for the reader and a detail for the codes."""


def make_shape(transform: Transform, questions: Sequence[str]) -> Shape:
    """The shape of a transform. It never raises: a formula that cannot run says so for each submission."""
    if isinstance(transform, Join):
        separator = storable(transform.separator)
        return _each(lambda texts: [separator.join(texts)] if texts else [], takes_all=True)
    if isinstance(transform, Split):
        return _split_shape(transform)
    if isinstance(transform, NamePart):
        return _name_shape(transform)
    if isinstance(transform, ChoiceLookup):
        return _lookup_shape(transform)
    if isinstance(transform, Fixed):
        value = (transform.value,) if isinstance(transform.value, str) else transform.value
        fixed = [storable(text) for text in value if text.strip()]
        return lambda answers, language, codes: (fixed, "")
    if isinstance(transform, Formula):
        return _formula_shape(transform, questions)
    return _first


def _first(answers: Answers, language: str | None, codes: list[str]) -> tuple[Sequence[str], str]:
    for texts in answers.values():
        if texts:
            return texts, ""
    return (), ""


def _each(change: Callable[[Sequence[str]], Sequence[str]], takes_all: bool = False) -> Shape:
    def shape(answers: Answers, language: str | None, codes: list[str]) -> tuple[Sequence[str], str]:
        if takes_all:
            return change([text for texts in answers.values() for text in texts]), ""
        texts, _ = _first(answers, language, codes)
        return change(texts), ""

    return shape


def _split_shape(transform: Split) -> Shape:
    def shape(answers: Answers, language: str | None, codes: list[str]) -> tuple[Sequence[str], str]:
        texts, _ = _first(answers, language, codes)
        parts = [part for text in texts for part in map(str.strip, text.split(transform.separator))]
        if not texts or transform.index is None:
            return [part for part in parts if part], ""
        if -len(parts) <= transform.index < len(parts) and (part := parts[transform.index]):
            return [part], ""
        codes.append("part_missing")
        return (), ""

    return shape


def _name_shape(transform: NamePart) -> Shape:
    def shape(answers: Answers, language: str | None, codes: list[str]) -> tuple[Sequence[str], str]:
        texts, _ = _first(answers, language, codes)
        if not texts:
            return (), ""
        if part := name_part(" ".join(texts), transform.part, language):
            return [part], ""
        codes.append("part_missing")
        return (), ""

    return shape


def _lookup_shape(transform: ChoiceLookup) -> Shape:
    folded: dict[str, str] = {}
    for asked, meant in transform.choices.items():
        folded.setdefault(fold(asked), meant)

    def look_up(text: str) -> str:
        meant = transform.choices.get(text)
        if meant is None:
            meant = folded.get(fold(text), transform.otherwise)
        return text if meant is None else storable(meant)

    return _each(lambda texts: [meant for text in texts if (meant := look_up(text))])


def _formula_shape(transform: Formula, questions: Sequence[str]) -> Shape:
    formula: CompiledFormula | FormulaError
    try:
        formula = compile_formula(transform.expression)
    except FormulaError as refused:
        formula = refused

    def shape(answers: Answers, language: str | None, codes: list[str]) -> tuple[Sequence[str], str]:
        try:
            if isinstance(formula, FormulaError):
                raise formula
            return [storable(text) for text in formula.run({key: answers.get(key, ()) for key in questions})], ""
        except FormulaError as failed:
            codes.append("formula_failed")
            return (), str(failed)

    return shape
