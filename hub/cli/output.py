"""What commands print."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_out = Console()
_err = Console(stderr=True)


def say(text: str) -> None:
    """One line for people."""
    _out.print(text, highlight=False, soft_wrap=True)


def fail(text: str) -> None:
    """An error: what, where, and what to do."""
    _err.print(text, style="bold red", highlight=False, soft_wrap=True, markup=False)


def print_json(value: Any) -> None:
    """For programs."""
    _out.print_json(json.dumps(value, default=str))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """For people; numbers stand to the right."""
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        table.add_column(column, justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    _out.print(table)
