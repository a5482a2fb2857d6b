"""Writes ``docs/performance.md`` from the results of the benchmarks: ``python -m bench.report [--run] [--full]``.

With ``--run`` every benchmark is run first, on both databases (about an hour with ``--full``, ten minutes without);
its JSON is kept in the results folder, where results of earlier or of other machines' runs can be put as well.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.servers import DATABASES

BENCHMARKS = ("intake", "process", "recovery", "lists")
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_FULL = {"process": ["--full"]}
_SHORT = {"lists": ["--leads", "100000"]}
NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}

HEAD = """# Performance

This page is written by `python -m bench.report`; do not edit it. Each benchmark measures its own baselines in the
same run, alternating with the hub, because absolute figures say more about a machine than about a program:

- *bare aiohttp* reads the body and answers 200; nothing is stored.
- *group commit* stores the body in one table before it answers, and shares commits among concurrent requests.

Generator, baselines and hub are processes of one machine and share its cores. A ratio is the median of the rounds,
with the lowest and the highest beside it. Latencies are seen by the sender; *lead* means that another process reads
the lead, with its owner or queue, in the database.
"""


def main() -> None:
    """Run where told to, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="folder of the JSON results")
    parser.add_argument("--run", action="store_true", help="run every benchmark first")
    parser.add_argument("--full", action="store_true", help="with --run: a million leads everywhere")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args()
    if options.run:
        _run(options.results, is_full=options.full)
    found = {
        (name, database): json.loads(file.read_text())
        for name in BENCHMARKS
        for database in DATABASES
        if (file := _file(options.results, name, database)).exists()
    }
    if not found:
        raise SystemExit(f"There are no results in {options.results}; run them first: python -m bench.report --run")
    options.page.write_text("\n".join(_page(found)) + "\n")


def _file(folder: Path, name: str, database: str) -> Path:
    return folder / f"{name}-{database}.json"


def _run(folder: Path, *, is_full: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in BENCHMARKS:
        for database in DATABASES:
            command = [sys.executable, "-m", f"bench.{name}", "--json", "--database", database]
            command += _FULL.get(name, []) if is_full else _SHORT.get(name, [])
            with _file(folder, name, database).open("w") as output:
                subprocess.run(command, check=True, stdout=output)


def _page(found: dict[tuple[str, str], dict[str, Any]]) -> Iterator[str]:
    yield HEAD
    yield from _verdict(found)
    for (name, database), result in found.items():
        yield f"\n## {name.capitalize()}, {NAMES[database]}\n"
        yield _machine(result["machine"])
        if "leads" in result:
            yield f"\n{result['leads']:,} leads."
        yield "\n| Figure | Measured | Lowest to highest | Target | |"
        yield "| --- | ---: | --- | --- | --- |"
        yield from (_line(figure) for figure in result["figures"])


def _verdict(found: dict[tuple[str, str], dict[str, Any]]) -> Iterator[str]:
    judged = [
        (name, database, figure)
        for (name, database), result in found.items()
        for figure in result["figures"]
        if figure["is_reached"] is not None
    ]
    missed = [each for each in judged if not each[2]["is_reached"]]
    yield f"## Verdict\n\n{len(judged) - len(missed)} of {len(judged)} targets are reached in these runs."
    if missed:
        yield "\nNot reached:\n"
        for name, database, figure in missed:
            limit = f"{'at least' if figure['at_least'] else 'at most'} {_number(figure['target'])}"
            value = f"{_number(figure['value'])} {figure['unit']}"
            yield f"- {NAMES[database]}, {name}, {figure['name']}: {value}; wanted {limit}."
    busiest = max(result["machine"]["load"] for result in found.values())
    if busiest > 3:
        yield (
            f"\nOther programs were at work on the machine (load average up to {busiest} after a run): latencies and "
            "rates are worse than those of a machine of one's own, ratios are affected less."
        )


def _machine(machine: dict[str, Any]) -> str:
    return (
        f"{machine['processor']}, {len(machine['usable_cores'])} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, {machine['filesystem']}; Python {machine['python']}, SQLite {machine['sqlite']}; load "
        f"average {machine['load']}."
    )


def _line(figure: dict[str, Any]) -> str:
    spread = figure["spread"]
    between = f"{_number(spread['lowest'])} to {_number(spread['highest'])} ({spread['runs']} runs)" if spread else ""
    target = ""
    if figure["target"] is not None:
        target = f"{'≥' if figure['at_least'] else '≤'} {_number(figure['target'])}"
    verdict = {True: "reached", False: "**missed**", None: ""}[figure["is_reached"]]
    return f"| {figure['name']} | {_number(figure['value'])} {figure['unit']} | {between} | {target} | {verdict} |"


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2f}"


if __name__ == "__main__":
    main()
