"""Bars on stderr while work lasts, where somebody looks at them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from barhouse.coordinator.cli.command import Settings

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from barhouse.store.session_store import SessionStore

#: How often a bar moves that follows statements.
_EVERY_SECONDS = 0.1
#: How much of what is left a statement counts for; what comes after it shares the rest.
_SHARE = 0.8


@contextmanager
def progress_bar(
    settings: Settings, description: str, unit: str = "symbols"
) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr while work lasts; none (None) where nobody looks at it, or the log is shown."""
    if not is_watched(settings):
        yield None
        return
    with _bars() as bars:
        task = bars.add_task(description, total=None)
        yield lambda done, total: bars.update(
            task, completed=done, total=total, description=f"{description} {done:,} of {total:,} {unit}"
        )


@contextmanager
def statements_bar(settings: Settings, description: str, store: SessionStore) -> Iterator[None]:
    """Show how far a store's statements have come, all of them as one bar, while work lasts."""
    if not is_watched(settings):
        yield
        return
    with _bars() as bars:
        task = bars.add_task(description, total=1.0)
        with following(store, lambda done: bars.update(task, completed=done)):
            yield


@contextmanager
def stage_bars(
    settings: Settings, store: SessionStore, unit: str = ""
) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show a bar for each stage of work, which moves with the statements between two of its steps; else None."""
    if not is_watched(settings):
        yield None
        return
    with _bars() as bars:
        tasks: dict[str, TaskID] = {}
        current: tuple[TaskID, int, int] | None = None

        def show(stage: str, done: int, total: int) -> None:
            nonlocal current
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            current = tasks[stage], done, total
            restart()
            bars.update(
                tasks[stage], completed=done, total=total, description=f"{stage} {done:,} of {total:,} {unit}".rstrip()
            )

        def move(part: float) -> None:
            if current is not None:
                task, done, total = current
                bars.update(task, completed=min(done + part, total))

        with following(store, move) as restart:
            yield show


@contextmanager
def following(store: SessionStore, show: Callable[[float], object]) -> Iterator[Callable[[], None]]:
    """Have a thread show how far statements have come, from 0 to 1 and never back; gives what begins again at 0."""
    ended = threading.Event()
    path = StatementPath()

    def follow() -> None:
        while not ended.wait(_EVERY_SECONDS):
            show(path.moved(store.progress()))

    store.progress()  # from now on they are measured
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield path.restart
    finally:
        ended.set()
        thread.join()


class StatementPath:
    """How far work has come whose statements are told one by one, and nobody knows how many there are."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin again at 0."""
        self._behind = self._made = 0.0

    def moved(self, made: float | None) -> float:
        """Take in how far the statement at hand has come; less than before means that it is another one."""
        if made is not None:
            if made < self._made:
                self._behind += (1 - self._behind) * self._made * _SHARE
            self._made = made
        return self._behind + (1 - self._behind) * self._made * _SHARE


def is_watched(settings: Settings) -> bool:
    """Whether somebody looks at stderr, and not at the log."""
    return not settings.verbose and sys.stderr.isatty()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich import progress
    from rich.console import Console

    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield bars
