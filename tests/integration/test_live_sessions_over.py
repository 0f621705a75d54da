"""A live session on a store that ends long ago declares what has closed since over at once, as one by one would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.coordinator.live.options import LiveOptions
from barhouse.coordinator.live.writer import LiveWriter

HALF_HOUR = timedelta(minutes=30)
NOW = datetime(2024, 3, 20, 0, 30, tzinfo=UTC)
#: By symbol: its calendar, and where its bars end, amid a session or with one.
SYMBOLS = {
    "SPY": ("XNYS", datetime(2024, 1, 4, 16, tzinfo=UTC)),
    "QQQ": ("XNYS", datetime(2024, 1, 4, 16, tzinfo=UTC)),
    "DONE": ("XNYS", datetime(2024, 1, 5, 21, tzinfo=UTC)),
    "TODAY": ("XNYS", datetime(2024, 3, 19, 20, tzinfo=UTC)),
    "BTC": ("24/7", datetime(2024, 2, 28, 3, tzinfo=UTC)),
    "HK": ("XHKG", datetime(2024, 2, 9, 2, tzinfo=UTC)),
}
STATE = (
    "SELECT symbol, interval, complete_through, derived_through, next_close, first_session FROM definition"
    " ORDER BY ALL",
    "SELECT interval_id, expected_count, present_count, quality_pct FROM interval_definition ORDER BY ALL",
    "FROM coverage ORDER BY ALL",
    "FROM gaps ORDER BY ALL",
    "SELECT symbol, interval, bar_start, open, close, volume, complete FROM bars ORDER BY ALL",
)


def stocked(path: Path) -> SessionStore:
    """Hourly bars, some days of each symbol, that end where they do."""
    store = open_store(path, clock=lambda: NOW)
    coordinator = SessionCoordinator(store)
    for symbol, (calendar, end) in SYMBOLS.items():
        coordinator.register(symbol, ["1h", "1d", "1w"], calendar, base="30m")
        begins = [
            row["segment_open"] + number * HALF_HOUR
            for row in store.sessions(
                calendar, (end - timedelta(days=9)).date(), end.date() + timedelta(days=1)
            ).to_pylist()
            for number in range((row["segment_close"] - row["segment_open"]) // HALF_HOUR)
        ]
        prices = {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 5.0}
        coordinator.load(
            pa.Table.from_pylist([{"bar_start": one, **prices} for one in begins if one < end]), symbol, "30m"
        )
    return store


def state(store: SessionStore) -> list[list[dict[str, Any]]]:
    DataProcessor(store).process(NOW)
    assert (report := store.verify()).sound, str(report)
    return [store.sql(query).to_pylist() for query in STATE]


@pytest.mark.parametrize("grace_seconds", [0, 60])
def test_sessions_that_closed_long_ago_are_over_as_though_each_had_been_declared_so(
    tmp_path: Path, grace_seconds: int
) -> None:
    with stocked(tmp_path / "at_once.duckdb") as store:
        writer = LiveWriter(store, "test", LiveOptions(grace_seconds=grace_seconds))
        writer.symbols = set(SYMBOLS)
        writer.begin("test", {})
        writer.beat(NOW)
        at_once = state(store)
    with stocked(tmp_path / "in_turn.duckdb") as store:
        coordinator = SessionCoordinator(store)
        for days in range(80, 0, -1):
            coordinator.end_session((NOW - timedelta(days=days)).date())
        in_turn = state(store)
    assert at_once == in_turn
    assert any(
        row["symbol"] == "QQQ" and row["complete_through"] > datetime(2024, 3, 19, tzinfo=UTC) for row in at_once[0]
    )
