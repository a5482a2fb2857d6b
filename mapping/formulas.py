"""Formulas: CEL expressions over the answers of a rule (https://cel.dev, the language without its macros).

An answer is a variable of its question's key where the key is a plain name, and ``answers["the key"]`` always;
both are text, several values joined with a comma and a space, and empty where nothing was answered.
``values["the key"]`` is the list of values. Besides CEL's own functions (``contains``, ``startsWith``,
``matches``, ``size``, ``int``, ``double``, ``string`` ...) there are ``trim``, ``lowerAscii``, ``upperAscii``,
``replace``, ``split``, ``join`` and ``substring``, with the meaning of CEL's string extension.

Formulas come from people and run for every submission, so they must end soon: the macros that walk a list
(``map``, ``filter``, ``all`` ...) are refused, length is limited, and functions refuse to make long texts.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from mapping.cel_language import cel

LONGEST_FORMULA = 2_000
LONGEST_TEXT = 20_000
LONGEST_ANSWERS = 100_000

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    [
        "answers",
        "values",
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_MACRO = re.compile(
    r"\.(?:\s|//[^\n]*\n)*(?:all|exists|exists_one|existsOne|filter|map|optMap|optFlatMap|transform\w+|bind)(?:\s|//[^\n]*\n)*\("
)
_LOOKUP = re.compile(r"""\b(?:answers|values)\s*\[\s*(["'])([^"'\\]*)\1\s*\]""")
_GIVEN_NAMES = frozenset({"answers", "values", "int", "uint", "double", "bool", "string"})


class FormulaError(Exception):
    """The formula cannot be used or gave no value; the text says why and never holds an answer."""


def _short(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise FormulaError("the text became too long")
    return text


def _replace(text: str, old: str, new: str) -> str:
    if len(new) > len(old) and len(text) + (text.count(old)) * (len(new) - len(old)) > LONGEST_TEXT:
        raise FormulaError("the text became too long")
    return text.replace(old, new)


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(_short(text))


def _join(texts: Sequence[str], separator: str = "") -> str:
    if sum(len(text) for text in texts) + len(separator) * len(texts) > LONGEST_TEXT:
        raise FormulaError("the text became too long")
    return separator.join(texts)


def _substring(text: str, start: int, end: int | None = None) -> str:
    if not 0 <= start <= (len(text) if end is None else end) <= len(text):
        raise FormulaError("substring outside of the text")
    return text[start:end]


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "trim": str.strip,
    "lowerAscii": lambda text: (
        text.lower() if text.isascii() else "".join(s.lower() if s.isascii() else s for s in text)
    ),
    "upperAscii": lambda text: (
        text.upper() if text.isascii() else "".join(s.upper() if s.isascii() else s for s in text)
    ),
    "replace": _replace,
    "split": _split,
    "join": _join,
    "substring": _substring,
}
_OWN = frozenset({"size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bytes"})
_OWN_MORE = frozenset(
    [
        "timestamp",
        "duration",
        "dyn",
        "type",
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
        "has",
    ]
)


class CompiledFormula:
    """A formula ready to run. Built once per expression by ``compile_formula``."""

    def __init__(self, expression: str) -> None:
        if not expression.strip():
            raise FormulaError("the formula is empty")
        if len(expression) > LONGEST_FORMULA:
            raise FormulaError(f"the formula is longer than {LONGEST_FORMULA} characters")
        if _MACRO.search(expression):
            raise FormulaError("functions that walk a list (map, filter, all, exists ...) are not available")
        try:
            self._program = cel.compile(expression)
        except (ValueError, RuntimeError) as refused:
            raise FormulaError(f"the formula cannot be read: {_first_line(refused)}") from None
        used = self._program.references()
        self.variables = frozenset(used["variables"])
        named = {name for name in used["functions"] if _PLAIN_NAME.fullmatch(name)}
        if unknown := named - _FUNCTIONS.keys() - _OWN - _OWN_MORE:
            raise FormulaError(f"there is no function {', '.join(sorted(unknown))}")
        self._functions = {name: _FUNCTIONS[name] for name in named & _FUNCTIONS.keys()}

    def unknown_names(self, question_keys: Sequence[str]) -> list[str]:
        """The variables of the formula that are neither a question of the rule nor given to every formula."""
        looked_up = {match[2] for match in _LOOKUP.finditer(self._program.source)}
        return sorted((self.variables | looked_up) - set(question_keys) - _GIVEN_NAMES)

    def run(self, texts: Mapping[str, Sequence[str]]) -> list[str]:
        """The result as texts, one per element of a list; empty where the formula gave null or no text.

        ``texts`` are the values by question key, an empty sequence for a question without an answer.
        FormulaError where the formula fails on these answers or gives something a field cannot hold.
        """
        joined = {key: ", ".join(values) for key, values in texts.items()}
        if sum(map(len, joined.values())) > LONGEST_ANSWERS:
            raise FormulaError("the answers are too long for a formula")
        variables: dict[str, Any] = {key: text for key, text in joined.items() if is_plain_name(key)}
        variables["answers"] = joined
        variables["values"] = {key: list(values) for key, values in texts.items()}
        context = cel.Context(variables, self._functions) if self._functions else variables
        try:
            result = self._program.execute(context)
        except Exception as failed:  # the library has no common error; every kind means the same here
            raise FormulaError(_kind(failed)) from None
        return _texts(result)


@lru_cache(maxsize=1024)
def compile_formula(expression: str) -> CompiledFormula:
    """The formula, compiled once; FormulaError where it cannot be used."""
    return CompiledFormula(expression)


def is_plain_name(key: str) -> bool:
    """Whether a question of this key is a variable of its own in formulas."""
    return key not in _RESERVED and _PLAIN_NAME.fullmatch(key) is not None


def _texts(result: Any) -> list[str]:
    if isinstance(result, list):
        return [text for element in result for text in _texts_of_one(element)]
    return _texts_of_one(result)


def _texts_of_one(result: Any) -> list[str]:
    match result:
        case None:
            return []
        case str():
            return [text] if (text := result.strip()) else []
        case bool():
            return ["true" if result else "false"]
        case int():
            return [str(result)]
        case float() if math.isfinite(result):
            return [format(Decimal(repr(result)), "f")]
        case datetime():
            return [result.isoformat()]
    raise FormulaError("the result is nothing that a field can hold")


def _first_line(failed: Exception) -> str:
    return str(failed).splitlines()[0].removeprefix("Failed to parse expression ")[:200]


def _kind(failed: Exception) -> str:
    """What went wrong, without the answer that an error text of the library may quote."""
    if isinstance(failed, ZeroDivisionError):
        return "division by zero"
    if isinstance(failed, TypeError):
        return "an operation does not fit the kind of its values"
    if isinstance(failed, LookupError):
        return "it asks for an answer or an element that is not there"
    return "a function could not use its values"
