"""Barhouse, as its users call it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks import data

if TYPE_CHECKING:
    from barhouse import SessionStore

DERIVED = ["5m", "15m", "30m", "1h", "1d"]
#: What every store's clock shows unless time goes on: long after the last bar.
NOW = datetime(2024, 12, 31, tzinfo=UTC)
TOTALS = """
    SELECT interval, count(*), sum(open), sum(high), sum(low), sum(close), sum(volume)
    FROM bars {where} GROUP BY interval ORDER BY interval
"""


def opened(path: Path, clock: Callable[[], datetime] = lambda: NOW) -> SessionStore:
    """Open a store with the default settings; what is imported late is here before any time is taken."""
    for late in (
        "barhouse.coordinator.session_coordinator",
        "pandas",
    ):  # pyarrow looks for the latter when it makes an array
        import_module(late)
    import_module("barhouse.coordinator.data_processor")
    from barhouse import open_store

    return open_store(path, clock=clock)


def register(store: SessionStore, symbol_count: int) -> None:
    """Register the symbols for all intervals."""
    from barhouse import SessionCoordinator

    SessionCoordinator(store).register(data.symbols(symbol_count), ["1m", *DERIVED], "XNYS")


def load(store: SessionStore, source: object) -> None:
    """Load minutes."""
    from barhouse import SessionCoordinator

    SessionCoordinator(store).load(source, interval="1m")


def process(store: SessionStore) -> None:
    """Derive what is waiting."""
    from barhouse import DataProcessor

    DataProcessor(store).process()


def totals(store: SessionStore, where: str = "") -> list[list[Any]]:
    """Count and sum up the bars of every interval."""
    return [list(row.values()) for row in store.sql(TOTALS.format(where=where)).to_pylist()]


class Clock:
    """A clock that is set by hand."""

    def __init__(self, shown: datetime) -> None:
        self.shown = shown

    def __call__(self) -> datetime:
        """Give the time it shows."""
        return self.shown

    def minute_over(self, start: datetime) -> None:
        """Show the moment a minute has just ended."""
        self.shown = start + timedelta(seconds=61)
