"""The view health on the terminal, again and again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from barhouse.coordinator.cli.command import Settings
from barhouse.coordinator.cli.store_access import check_registered, opened
from barhouse.store.model.quality import shown_pct
from barhouse.store.model.words import agreeing, counted

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType
    from rich.table import Table

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


def watch_health(settings: Settings, symbols: Sequence[str], every_seconds: float) -> None:
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


def _look(settings: Settings, symbols: Sequence[str], height: int) -> Table:
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
        caption=f"{counted(len(rows), 'symbol')}, {counted(derived, 'bar')} derived in the last minute, "
        f"{counted(waiting, 'interval')} {agreeing(waiting, 'waits', 'wait')}{hidden}",
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
