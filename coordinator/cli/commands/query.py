"""The commands that read: several may run side by side on one store."""

from __future__ import annotations

import re
import sys
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import data_options, interval_option, session_range
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.store_access import check_registered, opened

#: What may be asked for; the rest of the file may change.
VIEWS = (
    *("bars", "bars_live", "intervals", "coverage", "gaps", "batches", "revisions", "rejected"),
    *("runs", "health", "retention", "revision_retention"),
)
_UNKNOWN_TABLE = re.compile(r"Table with name \"?(\w+)\"? does not exist")
_SUGGESTED_TABLE = re.compile(r"\nDid you mean [^\n]*")


@command("gaps", example="barhouse gaps SPY --interval 1m --start 2020-12-15 --end 2020-12-19")
@click.argument("symbol", required=False)
@interval_option("Only this interval.")
@session_range
@data_options
@click.pass_obj
def gaps(
    settings: Settings,
    symbol: str | None,
    interval: str | None,
    *,
    start: date | None,
    end: date | None,
    form: str,
    output: Path | None,
) -> None:
    """Show every run of expected bars that are missing."""
    tables.check(form, output)
    with opened(settings, read_only=True) as store:
        check_registered(store, [symbol] if symbol else [])
        table = store.gaps(symbol, interval, start, end)
    tables.write(table, form, output)
    if form == "table" and not table.num_rows:
        reports.say("no gaps")


@command("sql", example="barhouse sql \"FROM bars WHERE symbol = 'SPY' AND interval = '1d'\"")
@click.argument("query")
@data_options
@click.pass_obj
def sql(settings: Settings, query: str, form: str, output: Path | None) -> None:
    """Ask with SQL; "-" takes the query from stdin.

    \b
    Views: bars, bars_live, intervals, coverage, gaps, batches, revisions, rejected,
    runs, health, retention, revision_retention;
    and bars_as_of(instant): bars as the store knew them at that moment.
    """
    tables.check(form, output)
    text = sys.stdin.read() if query == "-" else query
    import duckdb
    import pyarrow as pa

    from barhouse.store.errors import InputError

    try:
        with opened(settings, read_only=True) as store, store.stream(text) as answer:
            data = tables.begun(answer)
            if not isinstance(data, pa.Table):
                tables.write(data, form, output)
                return
        tables.write(data, form, output)  # the store is free for others while somebody reads
    except duckdb.Error as error:
        raise InputError(f"the query cannot be answered: {_with_views(str(error))}") from error


def _with_views(message: str) -> str:
    """Name the views where DuckDB knows no such table, and suggest one of them rather than a table of ours."""
    unknown = _UNKNOWN_TABLE.search(message)
    if unknown is None:
        return message
    near = get_close_matches(unknown[1].lower(), VIEWS, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{_SUGGESTED_TABLE.sub('', message)}\n{meant}The views are {', '.join(VIEWS)}."


COMMANDS = (gaps, sql)
