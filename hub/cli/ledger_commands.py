"""ledger balance, ledger show, ledger redrive."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
import typer
from sqlalchemy.engine import Connection

from hub.bootstrap import open_database
from hub.cli.output import fail, print_json, print_table, say
from hub.connector.clock import SystemClock
from hub.core.intake.balance import BalanceLine, Recount, balance, recount
from hub.core.intake.queries import ReceiptFilter, find_receipt, list_receipts
from hub.core.intake.receipts import Disposition
from hub.core.intake.redriving import RELEASABLE, redrive
from hub.core.organisations.models import organisations
from hub.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("balance")
def show_balance(as_json: Json = False) -> None:
    """The balance by organisation, source and day, checked against a count of the receipts; code 1 if it fails."""
    database = open_database(load_settings())
    try:
        found = database.read_now(_all_balances)
    finally:
        database.close()
    if as_json:
        print_json([_as_json(*each) for each in found])
    else:
        for name, lines, counted in found:
            seen = [each for each in Disposition if any(line.counts[each] for line in lines)]
            columns = ("day", "source", "path", "received", *(each.value for each in seen))
            rows = [
                (str(line.day), line.connection_name, line.path, line.received, *(line.counts[each] for each in seen))
                for line in lines
            ]
            print_table(name, columns, rows)
            say("The balance holds." if _holds(lines, counted) else "The balance does NOT hold.")
    if not all(_holds(lines, counted) for _, lines, counted in found):
        raise typer.Exit(1)


@app.command("show")
def show(
    receipt: Annotated[str | None, typer.Argument(help="A receipt's id; without it the newest are listed.")] = None,
    disposition: Annotated[str | None, typer.Option(help="Only this disposition.")] = None,
    limit: Annotated[int, typer.Option(help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """Receipts, newest first, or one with everything that was kept."""
    wanted_id = _receipt_id(receipt)
    _check_disposition(disposition, tuple(Disposition))
    database = open_database(load_settings())
    try:
        rows = database.read_now(_receipts, wanted_id, disposition, limit)
    finally:
        database.close()
    if receipt is not None and not rows:
        fail(f"There is no receipt {receipt}. List them with: leadhub ledger show")
        raise typer.Exit(2)
    if as_json or receipt is not None:
        print_json(rows)
    else:
        columns = ("id", "received_at", "connector", "path", "source_id", "disposition", "reason")
        print_table("Receipts", columns, [[row[column] for column in columns] for row in rows])


@app.command("redrive")
def redrive_receipts(
    disposition: Annotated[str, typer.Option(help="quarantined, spam or rejected.")] = "quarantined",
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
) -> None:
    """Send held receipts through the intake again; a running hub works them off."""
    _check_disposition(disposition, RELEASABLE)
    database = open_database(load_settings())
    total, now = 0, SystemClock().now()
    wanted = ReceiptFilter(disposition=disposition, reason=reason)
    try:
        for organisation_id, _ in database.read_now(_organisations):
            more = True
            while more:
                done = database.write_now(
                    redrive,
                    organisation_id,
                    wanted,
                    process_name=None,
                    actor="command",
                    now=now,
                )
                total, more = total + done.receipts, done.more
    finally:
        database.close()
    say(f"{total} receipts are pending again.")


def _receipt_id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        fail(f"{text!r} is not a receipt's id. List them with: leadhub ledger show")
        raise typer.Exit(2) from None


def _check_disposition(name: str | None, allowed: Sequence[str]) -> None:
    if name is not None and name not in allowed:
        fail(f"--disposition {name}: use one of {', '.join(allowed)}")
        raise typer.Exit(2)


def _organisations(connection: Connection) -> list[tuple[UUID, str]]:
    rows = connection.execute(sa.select(organisations.c.id, organisations.c.name).order_by(organisations.c.name))
    return [(row.id, row.name) for row in rows]


def _all_balances(connection: Connection) -> list[tuple[str, list[BalanceLine], Recount]]:
    return [
        (name, balance(connection, organisation_id), recount(connection, organisation_id))
        for organisation_id, name in _organisations(connection)
    ]


def _holds(lines: list[BalanceLine], counted: Recount) -> bool:
    return counted.agrees and all(line.holds for line in lines)


def _as_json(name: str, lines: list[BalanceLine], counted: Recount) -> dict[str, Any]:
    return {
        "organisation": name,
        "holds": _holds(lines, counted),
        "found": counted.found,
        "lines": [{**vars(line), "counts": {str(k): v for k, v in line.counts.items()}} for line in lines],
    }


def _receipts(
    connection: Connection, receipt: UUID | None, disposition: str | None, limit: int
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for organisation_id, _ in _organisations(connection):
        if receipt is not None:
            row = find_receipt(connection, organisation_id, receipt)
            found += [row._asdict()] if row is not None else []
        else:
            wanted = ReceiptFilter(disposition=disposition)
            found += [row._asdict() for row in list_receipts(connection, organisation_id, wanted, limit=limit)]
    return sorted(found, key=lambda row: str(row["id"]), reverse=True)[:limit]
