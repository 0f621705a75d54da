"""The command that says how a store stands: once, again and again on the terminal, or for what collects metrics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import format_option, output_option, symbols_argument
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.sentences.status import spelling, summary, without_bars
from barhouse.coordinator.cli.store_access import check_registered, opened
from barhouse.coordinator.cli.watch import watch_health

if TYPE_CHECKING:
    import pyarrow as pa

_OPENMETRICS = "openmetrics"
#: More intervals than these are not shown one by one unless asked for.
_SHOWN_MAX = 50


@command("status", example="barhouse status SPY")
@symbols_argument()
@click.option("--watch", is_flag=True, help="Show the view health, again and again, until interrupted.")
@click.option(
    "--every",
    "every_seconds",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often --watch looks.",
)
@click.option("--all", "show_all", is_flag=True, help="Every interval in the table, not the incomplete ones first.")
@format_option(
    [*tables.FORMATS, _OPENMETRICS],
    "table",
    "A table to read, or a format for programs; openmetrics is for Prometheus.",
)
@output_option
@click.pass_obj
def status(
    settings: Settings,
    symbols: list[str],
    *,
    watch: bool,
    every_seconds: float,
    show_all: bool,
    form: str,
    output: Path | None,
) -> None:
    """Show what each interval holds, and how complete it is.

    The table is a digest of the view intervals; of more than 50 it has those that are incomplete or wait to be derived,
    the worst first. The other formats have all rows and columns. --watch and openmetrics show
    how each symbol stands: session time it is behind, derived bars written in the last minute, quality, gaps, work
    waiting. A store that a live session holds is watched in the snapshots it publishes: name one with --store.
    """
    if watch:
        if form != "table" or output is not None:
            raise click.UsageError("--watch shows a table on the terminal; leave out --format and --output")
        watch_health(settings, symbols, every_seconds)
        return
    if form == _OPENMETRICS:
        if symbols:
            raise click.UsageError("openmetrics is of the whole store; leave out the symbols")
        _write_metrics(settings, output)
        return
    tables.check(form, output)
    with opened(settings, read_only=True) as store:
        check_registered(store, symbols)
        table = store.intervals(symbols or None)
        case_sensitive = store.case_sensitive
    if form != "table":
        tables.write(table, form, output)
        return
    if show_all or table.num_rows <= _SHOWN_MAX:
        tables.write(_digest(table), form, output, every_row=show_all)
    else:
        _write_worst(table, output)
    reports.say(spelling(case_sensitive=case_sensitive))
    reports.say(without_bars(_without_bars(table), of_any=table.num_rows > 0))


def _write_worst(table: pa.Table, output: Path | None) -> None:
    """Write the intervals that somebody should look at, and say how many there are of what."""
    import pyarrow.compute as pc

    incomplete = pc.or_kleene(pc.less(table["quality_pct"], 100), pc.greater(table["gap_count"], 0))
    wrong = pc.or_kleene(incomplete, table["needs_processing"])
    found = table.filter(pc.fill_null(wrong, False))
    keys = [("quality_pct", "ascending"), ("gap_count", "descending"), ("symbol", "ascending")]
    worst = found.sort_by(keys).slice(0, _SHOWN_MAX)
    if worst.num_rows or output is not None:
        tables.write(_digest(worst), "table", output)
    symbols = pc.count_distinct(table["symbol"]).as_py()
    reports.say(summary(symbols=symbols, intervals=table.num_rows, wrong=found.num_rows, shown=worst.num_rows))


def _write_metrics(settings: Settings, output: Path | None) -> None:
    with opened(settings, read_only=True) as store:
        text = store.metrics()
    with tables.opened(output) as stream:  # whoever collects it must never see half of it
        stream.write(text.encode())
        stream.flush()


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
        "quality": _cut(table["quality_pct"]),
        "gaps": pc.if_else(through.is_valid(), table["gap_count"], pa.nulls(table.num_rows, table["gap_count"].type)),
        "waiting": _yes_or_blank(table["needs_processing"]),
    }
    # pa.table(columns) would import pandas to ask whether they are a frame of it, and that takes its time.
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _cut(pct: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cut percentages off as ``shown_pct`` does, by their shortest spelling; pa.array() would import pandas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(pct.cast(pa.string()), r"^(\d+\.\d{2})\d+$", r"\1")
    return text.cast(pa.float64())


def _yes_or_blank(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.replace_substring(flags.cast(pa.string()), pattern="true", replacement="yes")
    return pc.replace_substring(texts, pattern="false", replacement="")


COMMANDS = (status,)
