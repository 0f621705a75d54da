"""The commands that read: several may run side by side on one store."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coordinator.commands import formats, reports
from coordinator.commands.shared import Settings, check_registered, command, data_options, opened, session_range

if TYPE_CHECKING:
    import pyarrow as pa

    from store import SessionStore


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
    formats.check(form, output)
    with opened(settings, read_only=True) as store:
        check_registered(store, [symbol] if symbol else [])
        table = store.gaps(symbol, interval, start, end)
    formats.write(table, form, output)
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
    runs, health, retention, history;
    and bars_as_of(instant): bars as the store knew them at that moment.
    """
    formats.check(form, output)
    text = sys.stdin.read() if query == "-" else query
    with opened(settings, read_only=True) as store:
        table = _answer(store, text)
    formats.write(table, form, output)


def _answer(store: SessionStore, query: str) -> pa.Table:
    import duckdb

    from store.errors import InputError

    try:
        return store.sql(query)
    except duckdb.Error as error:
        raise InputError(f"the query cannot be answered: {error}") from error


COMMANDS = (gaps, sql)
