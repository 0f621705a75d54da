"""The command that says how a store stands: once, again and again on the terminal, or for what collects metrics."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import format_option, output_option, symbols_argument
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.sentences.registration import without_bars
from barhouse.coordinator.cli.store_access import check_registered, opened
from barhouse.store.model.quality import shown_pct

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType
    from rich.table import Table

_OPENMETRICS = "openmetrics"
#: What the watched table shows of the view health, and how it heads it.
_WATCHED = {
    "symbol": "symbol",
    "base": "base",
    "complete_through": "through",
    "lag_seconds": "behind",
    "derived_last_minute": "derived/min",
    "quality_pct": "quality",
    "gap_count": "gaps",
    "missing_count": "missing",
    "waiting_count": "waiting",
}


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
@format_option(
    [*tables.FORMATS, _OPENMETRICS],
    "table",
    "A table to read, or a format for programs; openmetrics is for Prometheus.",
)
@output_option
@click.pass_obj
def status(
    settings: Settings, symbols: list[str], *, watch: bool, every_seconds: float, form: str, output: Path | None
) -> None:
    """Show what each interval holds, and how complete it is.

    The table is a digest of the view intervals; the other formats have all its columns. --watch and openmetrics show
    how each symbol stands: session time it is behind, derived bars written in the last minute, quality, gaps, work
    waiting. A store that a live session holds is watched in the snapshots it publishes: name one with --store.
    """
    if watch:
        if form != "table" or output is not None:
            raise click.UsageError("--watch shows a table on the terminal; leave out --format and --output")
        _watch(settings, symbols, every_seconds)
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
    tables.write(_digest(table) if form == "table" else table, form, output)
    if form == "table":
        reports.say(without_bars(_without_bars(table), of_any=table.num_rows > 0))


def _write_metrics(settings: Settings, output: Path | None) -> None:
    with opened(settings, read_only=True) as store:
        text = store.metrics()
    if output is None:
        sys.stdout.write(text)
        return
    try:
        # Whoever collects it must never see half of it.
        part = output.with_name(f".{output.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(output)
    except OSError as error:
        raise click.UsageError(f"--output {output} cannot be written: {error.strerror}") from error


def _watch(settings: Settings, symbols: list[str], every_seconds: float) -> None:
    """Look again and again; the file is opened anew each time, for a published snapshot is replaced by the next."""
    from rich.console import Console
    from rich.live import Live

    from barhouse.store.errors import StoreHeldError

    console = Console()
    shown: RenderableType = _look(settings, symbols, console.height)
    with Live(shown, console=console, auto_refresh=False, screen=console.is_terminal) as live:
        while True:
            try:
                time.sleep(every_seconds)
                live.update(_look(settings, symbols, console.height), refresh=True)
            except StoreHeldError:
                continue  # a load or a process has it for a moment; what was shown stays
            except KeyboardInterrupt:
                return


def _look(settings: Settings, symbols: list[str], height: int) -> Table:
    """How the symbols stand now: as many as there is room for, those furthest behind first."""
    with opened(settings, read_only=True) as store:
        check_registered(store, symbols)
        table, now = store.health(symbols or None), store.now()
    return drawn(table, f"{settings.store} at {now:%Y-%m-%d %H:%M:%S}Z", max(height - 6, 1))


def drawn(table: pa.Table, title: str, room: int) -> Table:
    """Lay the view health out in lines of their own, on a terminal of 100 columns too."""
    from rich import box
    from rich.table import Table

    rows = table.to_pylist()
    derived, waiting = (sum(row[name] for row in rows) for name in ("derived_last_minute", "waiting_count"))
    hidden = f"; {len(rows) - room:,} more" if len(rows) > room else ""
    grid = Table(
        title=title,
        title_justify="left",
        caption=f"{len(rows):,} symbols, {derived:,} bars derived in the last minute, "
        f"{waiting:,} intervals wait{hidden}",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column, head in _WATCHED.items():
        left = column in ("symbol", "base", "complete_through")
        grid.add_column(head, justify="left" if left else "right", no_wrap=True)
    for row in rows[:room]:
        grid.add_row(*(_readable(column, row[column]) for column in _WATCHED))
    return grid


def _readable(column: str, value: object) -> str:
    from datetime import datetime

    from rich.markup import escape

    if value is None:
        return ""
    if column == "lag_seconds" and isinstance(value, float):
        minutes, seconds = divmod(round(value), 60)
        days, minutes = divmod(minutes, 24 * 60)
        clock = f"{minutes // 60}:{minutes % 60:02}"
        return f"{days:,}d {clock}" if days else f"{clock}:{seconds:02}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}Z"
    if isinstance(value, float):
        return f"{shown_pct(value):.2f}"
    return escape(str(value)) if isinstance(value, str) else f"{value:,}"


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
        "quality": pa.array([None if one is None else shown_pct(one) for one in table["quality_pct"].to_pylist()]),
        "gaps": pc.if_else(through.is_valid(), table["gap_count"], pa.nulls(table.num_rows, table["gap_count"].type)),
        "waiting": _yes_or_blank(table["needs_processing"]),
    }
    # pa.table(columns) would import pandas to ask whether they are a frame of it, and that takes its time.
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _yes_or_blank(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.replace_substring(flags.cast(pa.string()), pattern="true", replacement="yes")
    return pc.replace_substring(texts, pattern="false", replacement="")


COMMANDS = (status,)
