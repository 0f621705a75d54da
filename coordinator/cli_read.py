"""The commands that read: several may run side by side on one store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coordinator import cli_output
from coordinator.cli_shared import Settings, command, data_options, opened

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
        table = _intervals(store, symbols)
    cli_output.write(_digest(table) if form == "table" else table, form, output)


def _intervals(store: SessionStore, symbols: Sequence[str]) -> pa.Table:
    """Read the view ``intervals``, by symbol and finest first."""
    names = [_registered(store, one) for one in symbols]
    return store.sql(
        "FROM intervals WHERE list_contains($names, symbol) OR len($names) = 0 "
        "ORDER BY symbol, list_position($order, interval)",
        {"names": names, "order": _finest_first(store)},
    )


def _finest_first(store: SessionStore) -> list[str]:
    """Every interval there is, in the order of their lengths, which SQL does not know."""
    from store import Interval

    return sorted({row["interval"] for row in store.interval_rows()}, key=Interval.parse)


def _registered(store: SessionStore, given: str) -> str:
    from store.models import canonical_symbol
    from store.session_store import unknown_symbol

    name, known = canonical_symbol(given), store.get_active_symbols()
    if name not in known:
        raise unknown_symbol(name, known)
    return name


def _digest(table: pa.Table) -> pa.Table:
    """Pick what a person wants to see, narrow enough for a terminal."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {
        "symbol": table["symbol"],
        "interval": table["interval"],
        "base": table["base"],
        "bars": table["bar_count"],
        "first_bar": table["first_bar"].cast(pa.date32()),
        "through": pc.coalesce(table["complete_through"], table["derived_through"]),
        "quality": pc.round(table["quality_pct"], ndigits=2),
        "gaps": table["gap_count"],
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
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="First session date.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="First session date to leave out.")
@data_options
@click.pass_obj
def gaps(settings: Settings, /, symbol: str | None, form: str, output: Path | None, **limits: Any) -> None:
    """Show every run of expected bars that are missing."""
    cli_output.check(form, output)
    with opened(settings, read_only=True) as store:
        table = _gaps(store, symbol, **limits)
    cli_output.write(table, form, output)


def _gaps(
    store: SessionStore,
    symbol: str | None,
    interval: str | None,
    first: datetime | None,
    end: datetime | None,
) -> pa.Table:
    from store import Interval

    conditions: dict[str, tuple[str, object]] = {}
    if symbol is not None:
        conditions["symbol"] = ("symbol = $symbol", _registered(store, symbol))
    if interval is not None:
        conditions["interval"] = ("interval = $interval", str(Interval.parse(interval)))
    if first is not None:
        conditions["first"] = ("session_date >= $first", first.date())
    if end is not None:
        conditions["end"] = ("session_date < $end", end.date())
    where = " AND ".join(text for text, _ in conditions.values()) or "true"
    return store.sql(
        f"FROM gaps WHERE {where} ORDER BY symbol, list_position($order, interval), gap_start",
        {"order": _finest_first(store), **{name: value for name, (_, value) in conditions.items()}},
    )


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
