"""The commands that read: several may run side by side on one store."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coordinator import cli_output, cli_reports
from coordinator.cli_shared import Settings, check_registered, command, data_options, opened, session_range

if TYPE_CHECKING:
    import pyarrow as pa

    from store import SessionStore


@command("status", example="barhouse status SPY")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@data_options
@click.pass_obj
def status(settings: Settings, symbols: tuple[str, ...], form: str, output: Path | None) -> None:
    """Show what each interval holds, and how complete it is.

    The table is a digest of the view intervals; the other formats have all its columns.
    """
    cli_output.check(form, output)
    with opened(settings, read_only=True) as store:
        check_registered(store, symbols)
        table = store.intervals(symbols or None)
    cli_output.write(_digest(table) if form == "table" else table, form, output)
    if form == "table":
        cli_reports.say(cli_reports.without_bars(_without_bars(table), of_any=table.num_rows > 0))


def _without_bars(table: pa.Table) -> list[str]:
    """Name the symbols that nothing was loaded for."""
    columns = (table[name].to_pylist() for name in ("symbol", "derived", "bar_count"))
    return [symbol for symbol, derived, count in zip(*columns, strict=True) if not derived and not count]


def _digest(table: pa.Table) -> pa.Table:
    """Pick what a person wants to see, narrow enough for a terminal."""
    import pyarrow as pa
    import pyarrow.compute as pc

    through = pc.coalesce(table["complete_through"], table["derived_through"])
    columns = {
        "symbol": table["symbol"],
        "interval": table["interval"],
        "base": table["base"],
        "bars": table["bar_count"],
        "first_bar": table["first_bar"].cast(pa.date32()),
        "through": through,
        "quality": pc.round(table["quality_pct"], ndigits=2),
        "gaps": pc.if_else(through.is_valid(), table["gap_count"], pa.nulls(table.num_rows, table["gap_count"].type)),
        "waiting": _yes_or_blank(table["updated"]),
    }
    # pa.table(columns) would import pandas to ask whether they are a frame of it, and that takes its time.
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _yes_or_blank(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.replace_substring(flags.cast(pa.string()), pattern="true", replacement="yes")
    return pc.replace_substring(texts, pattern="false", replacement="")


@command("gaps", example="barhouse gaps SPY --interval 1m --from 2020-12-15 --to 2020-12-19")
@click.argument("symbol", required=False)
@click.option("-i", "--interval", help="Only this interval.")
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
    cli_output.check(form, output)
    with opened(settings, read_only=True) as store:
        check_registered(store, [symbol] if symbol else [])
        table = store.gaps(symbol, interval, start, end)
    cli_output.write(table, form, output)
    if form == "table" and not table.num_rows:
        cli_reports.say("no gaps")


@command("sql", example="barhouse sql \"FROM bars WHERE symbol = 'SPY' AND interval = '1d'\"")
@click.argument("query")
@data_options
@click.pass_obj
def sql(settings: Settings, query: str, form: str, output: Path | None) -> None:
    """Ask with SQL; "-" takes the query from stdin.

    \b
    Views: bars, bars_live, intervals, coverage, gaps, batches, revisions, rejected;
    and bars_as_of(instant): bars as the store knew them at that moment.
    """
    cli_output.check(form, output)
    text = sys.stdin.read() if query == "-" else query
    with opened(settings, read_only=True) as store:
        table = _answer(store, text)
    cli_output.write(table, form, output)


def _answer(store: SessionStore, query: str) -> pa.Table:
    import duckdb

    from store.errors import InputError

    try:
        return store.sql(query)
    except duckdb.Error as error:
        raise InputError(f"the query cannot be answered: {error}") from error


COMMANDS = (status, gaps, sql)
