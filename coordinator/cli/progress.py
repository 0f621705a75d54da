"""Bars on stderr while work lasts, where somebody looks at them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from barhouse.coordinator.cli.command import Settings


@contextmanager
def progress_bar(
    settings: Settings, description: str, unit: str = "symbols"
) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr while work lasts; none (None) where nobody looks at it, or the log is shown."""
    if settings.verbose or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(
            task, completed=done, total=total, description=f"{description} {done:,} of {total:,} {unit}"
        )
