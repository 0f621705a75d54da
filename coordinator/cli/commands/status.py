"""The command that says how a store stands: once, again and again on the terminal, or for what collects metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import Seconds, format_option, output_option, symbols_argument
from barhouse.coordinator.cli.output import grid, reports, tables
from barhouse.coordinator.cli.output.values import readable_instants
from barhouse.coordinator.cli.sentences.status import spelling, summary, without_bars
from barhouse.coordinator.cli.store_access import check_registered, opened
from barhouse.coordinator.cli.watch import watch_health
from barhouse.store.model.quality import shown_pct

if TYPE_CHECKING:
    from barhouse.store.database.transaction import Row

_OPENMETRICS = "openmetrics"
#: More intervals than these are not shown one by one unless asked for.
_SHOWN_MAX = 50


@command("status", example="barhouse status SPY")
@symbols_argument()
@click.option("--watch", is_flag=True, help="Show the view health, again and again, until interrupted.")
@click.option(
    "--every",
    "every_seconds",
    type=Seconds(min=0.1),
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
    if form != "table":
        with opened(settings, read_only=True) as store:
            check_registered(store, symbols)
            table = store.intervals(symbols or None)
        tables.write(table, form, output)
        return
    with opened(settings, read_only=True) as store:
        intervals = store.interval_states(symbols or None)
        case_sensitive = store.case_sensitive
    if show_all or len(intervals) <= _SHOWN_MAX:
        _write(intervals, output)
    else:
        _write_worst(intervals, output)
    reports.say(spelling(case_sensitive=case_sensitive))
    reports.say(without_bars(_without_bars(intervals), of_any=bool(intervals)))


def _write(intervals: Sequence[Row], output: Path | None) -> None:
    with tables.opened(output) as stream:
        grid.draw(_digest(intervals), stream)
        stream.flush()


def _write_worst(intervals: Sequence[Row], output: Path | None) -> None:
    """Write the intervals that somebody should look at, and say how many there are of what."""
    found = [row for row in intervals if _is_wrong(row)]
    found.sort(key=lambda row: (row.quality_pct is None, row.quality_pct or 0.0, -row.gap_count, row.symbol))
    worst = found[:_SHOWN_MAX]
    if worst or output is not None:
        _write(worst, output)
    symbols = len({row.symbol for row in intervals})
    reports.say(summary(symbols=symbols, intervals=len(intervals), wrong=len(found), shown=len(worst)))


def _is_wrong(row: Row) -> bool:
    incomplete = row.quality_pct is not None and row.quality_pct < 100
    return bool(incomplete or row.gap_count > 0 or row.needs_processing)


def _write_metrics(settings: Settings, output: Path | None) -> None:
    with opened(settings, read_only=True) as store:
        text = store.metrics()
    with tables.opened(output) as stream:  # whoever collects it must never see half of it
        stream.write(text.encode())
        stream.flush()


def _without_bars(intervals: Sequence[Row]) -> list[str]:
    """Name the symbols that nothing was loaded for."""
    return [row.symbol for row in intervals if not row.derived and not row.bar_count]


def _digest(intervals: Sequence[Row]) -> list[tuple[str, list[Any]]]:
    """Pick what a person wants to see, narrow enough for a terminal."""
    through = [row.complete_through or row.derived_through for row in intervals]
    return [
        ("symbol", [row.symbol for row in intervals]),
        ("interval", [row.interval for row in intervals]),
        ("base", [row.base for row in intervals]),
        ("bars", [row.bar_count for row in intervals]),
        ("first_bar", [row.first_bar and row.first_bar.astimezone(UTC).date() for row in intervals]),
        ("through", readable_instants(through)),
        ("quality", [row.quality_pct and shown_pct(row.quality_pct) for row in intervals]),
        ("gaps", [row.gap_count if end else None for row, end in zip(intervals, through, strict=True)]),
        ("waiting", ["yes" if row.needs_processing else "" for row in intervals]),
    ]


COMMANDS = (status,)
