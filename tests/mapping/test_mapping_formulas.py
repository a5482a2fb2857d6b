"""Formulas run quickly, only on their own answers, and never break a submission."""

import pytest

from mapping.formulas import LONGEST_ANSWERS, LONGEST_FORMULA, FormulaError, compile_formula

ANSWERS = {"a": ["x", "y"], "b": [], "what time?": ["10"]}


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        ("a", ["x, y"]),
        ("b", []),
        ("values.a", ["x", "y"]),
        ("answers['what time?']", ["10"]),
        ("values.a.join('+')", ["x+y"]),
        ("a.replace('x', 'z').upperAscii()", ["Z, Y"]),
        ("' é '.trim().upperAscii()", ["é"]),
        ("'HÄ'.lowerAscii()", ["hÄ"]),
        ("a.substring(0, 1)", ["x"]),
        ("a.substring(3)", ["y"]),
        ("'abc'.split('')", ["a", "b", "c"]),
        ("size(values.a) == 2", ["true"]),
        ("1.5", ["1.5"]),
        ("1e-7", ["0.0000001"]),
        ("null", []),
        ("timestamp('2026-05-06T10:00:00Z')", ["2026-05-06T10:00:00+00:00"]),
        ("int(answers['what time?']) > 9 ? 'late' : 'early'", ["late"]),
    ],
)
def test_results_become_texts(expression: str, texts: list[str]) -> None:
    """Text, list, number, truth, moment and null, as a field can read them."""
    assert compile_formula(expression).run(ANSWERS) == texts


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "  ",
        "a +",
        "a.map(x, x)",
        "a.//c\n map (x, x)",
        "[1].exists_one(x, x == 1)",
        "a.shout()",
        "bool(a)",
        "(" * 500,
        "'x'" + " + 'x'" * LONGEST_FORMULA,
    ],
)
def test_formulas_that_cannot_be_used_are_refused_at_once(expression: str) -> None:
    """Bad syntax, unknown functions, walks over lists and endless formulas never reach a submission."""
    with pytest.raises(FormulaError):
        compile_formula(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "int(a)",
        "a + 1",
        "values.a[9]",
        "answers['none']",
        "c",
        "{'k': a}",
        "b'raw'",
        "0.0 / 0.0",
        "a.substring(99)",
        "a.matches('(')",
        "duration('1h')",
        "[[1]]",
        "a.replace(1, 2)",
        "'x'" + ".replace('x', 'xxxxxxxxxx')" * 20,
    ],
)
def test_formulas_that_fail_say_why_without_the_answer(expression: str) -> None:
    """Every failure while running is the one error of formulas, without personal content."""
    formula = compile_formula(expression)
    with pytest.raises(FormulaError) as failed:
        formula.run({"a": ["Ada Lovelace"], "b": []})
    assert "Ada" not in str(failed.value)


def test_formulas_do_not_read_endless_answers() -> None:
    """A megabyte of text cannot be multiplied by a formula."""
    with pytest.raises(FormulaError, match="too long"):
        compile_formula("a + a").run({"a": ["x" * (LONGEST_ANSWERS + 1)]})


def test_names_outside_of_the_rule_are_found() -> None:
    """Variables and looked-up keys that are no question of the rule are listed."""
    formula = compile_formula("a + c + answers['d'] + values[\"a\"][0] + string(type(a) == string)")
    assert formula.unknown_names(["a"]) == ["c", "d"]


def test_formulas_are_compiled_once() -> None:
    """The same text gives the same compiled formula."""
    assert compile_formula("a + 'once'") is compile_formula("a + 'once'")
