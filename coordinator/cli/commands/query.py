"""The commands that read: several may run side by side on one store."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import bar_range, data_options, interval_option
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.store_access import check_registered, opened

#: What may be asked for; the rest of the file may change.
VIEWS = (
    *("bars", "bars_live", "intervals", "coverage", "gaps", "batches", "revisions", "rejected"),
    *("actions", "action_revisions", "adjustments", "bars_adjusted", "bars_filled"),
    *("rolls", "roll_revisions", "bars_continuous"),
    *("runs", "health", "retention", "revision_retention"),
)
_UNKNOWN_TABLE = re.compile(r"Table with name \"?(\w+)\"? does not exist")
_SUGGESTED_TABLE = re.compile(r"\nDid you mean [^\n]*")


@command("gaps", example="barhouse gaps SPY --interval 1m --start 2020-12-15 --end 2020-12-19")
@click.argument("symbol", required=False)
@interval_option("Only this interval.")
@bar_range
@click.option("--map", "as_map", is_flag=True, help="Draw how complete each session is; of all symbols, or of one.")
@data_options
@click.pass_obj
def gaps(
    settings: Settings,
    symbol: str | None,
    interval: str | None,
    *,
    start: str | None,
    end: str | None,
    as_map: bool,
    form: str,
    output: Path | None,
) -> None:
    """Show every run of expected bars that are missing.

    Sessions are named by their date; instants say their zone, such as 2020-12-15T14:30Z, and are compared with where
    gaps start. With --map there is a line for each symbol and a letter for each session of its calendar, the newest
    that there is room for: how complete the base interval is, or another.
    """
    if as_map:
        if form != "table":
            raise click.UsageError("--map draws letters; leave out --format, or --map")
        _write_map(settings, symbol, interval, start, end, output)
        return
    tables.check(form, output)
    with opened(settings, read_only=True) as store:
        check_registered(store, [symbol] if symbol else [])
        table = store.gaps(symbol, interval, start, end)
    tables.write(table, form, output)
    if form == "table" and not table.num_rows:
        reports.say("no gaps")


def _write_map(
    settings: Settings,
    symbol: str | None,
    interval: str | None,
    start: str | None,
    end: str | None,
    output: Path | None,
) -> None:
    from barhouse.coordinator.cli.output import session_map

    with opened(settings, read_only=True) as store:
        check_registered(store, [symbol] if symbol else [])
        table = store.coverage(symbol, interval, start, end, last=session_map.room())
    with tables.opened(output) as stream:
        session_map.write(table, stream)


@command("sql", example="barhouse sql \"FROM bars WHERE symbol = 'SPY' AND interval = '1d'\"")
@click.argument("query")
@click.option("--files", "reads_files", is_flag=True, help="The query may read files, as in FROM 'holidays.csv'.")
@click.option("--max-rows", type=click.IntRange(min=1), metavar="N", help="Refuse an answer of more rows.")
@click.option("--max-seconds", type=float, metavar="SECONDS", help="End a query that takes longer.")
@click.option("--max-memory", metavar="SIZE", help="What the query may take of it, such as 2GB; then it uses the disk.")
@click.option("--lake", metavar="ADDRESS", help="Ask a lake: its catalog's path, or ducklake:postgres:...")
@data_options
@click.pass_obj
def sql(
    settings: Settings,
    query: str,
    *,
    lake: str | None,
    reads_files: bool,
    max_rows: int | None,
    max_seconds: float | None,
    max_memory: str | None,
    form: str,
    output: Path | None,
) -> None:
    """Ask with SQL; "-" takes the query from stdin.

    \b
    Views: bars, bars_live, intervals, coverage, gaps, batches, revisions, rejected,
    actions, action_revisions, adjustments, bars_adjusted, bars_filled, rolls, roll_revisions, bars_continuous,
    runs, health, retention, revision_retention;
    and bars_as_of(instant): bars as the store knew them at that moment.
    A query reads the store, and with --files files; it writes nothing.
    What it answers is written with --output, and bars with export. A lake has the views bars, revisions, coverage,
    gaps, intervals, batches, rejected, runs, retention, revision_retention and shards, and bars_as_of(instant).
    """
    tables.check(form, output)
    text = sys.stdin.read() if query == "-" else query
    if lake is not None:
        said = (("--files", reads_files), ("--max-rows", max_rows), ("--max-seconds", max_seconds))
        _ask_lake(lake, text, form, output, [name for name, value in (*said, ("--max-memory", max_memory)) if value])
        return
    import duckdb
    import pyarrow as pa

    from barhouse.store.errors import InputError

    try:
        memory = None if max_memory is None else {"memory_limit": max_memory}
        opening = opened(settings, read_only=True, sealed=not reads_files, settings=memory)
        limits: dict[str, Any] = {"max_rows": max_rows, "max_seconds": max_seconds}
        with opening as store, store.stream(text, reads_files=reads_files, **limits) as answer:
            data = tables.begun(answer)
            if not isinstance(data, pa.Table):
                tables.write(data, form, output)
                return
        tables.write(data, form, output)  # the store is free for others while somebody reads
    except duckdb.Error as error:
        raise InputError(f"the query cannot be answered: {_with_views(str(error))}") from error


def _ask_lake(address: str, text: str, form: str, output: Path | None, alien: list[str]) -> None:
    """Ask a lake rather than a store."""
    from barhouse.store.lake.lake import open_lake

    if alien:
        raise click.UsageError(f"{alien[0]} is for stores; leave it out, or --lake")
    with open_lake(address) as opened_lake:
        answer = opened_lake.sql(text)
    tables.write(answer, form, output)


def _with_views(message: str) -> str:
    """Name the views where DuckDB knows no such table, and suggest one of them rather than a table of ours."""
    unknown = _UNKNOWN_TABLE.search(message)
    if unknown is None:
        return message
    near = get_close_matches(unknown[1].lower(), VIEWS, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{_SUGGESTED_TABLE.sub('', message)}\n{meant}The views are {', '.join(VIEWS)}."


COMMANDS = (gaps, sql)
