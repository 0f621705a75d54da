"""A backlog is derived in transactions of bounded size, and what comes of it is the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.coordinator import data_processor

SYMBOLS = ["A", "B", "C"]


def derived(bar_limit: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[tuple[int, int]], list[dict[str, Any]]]:
    monkeypatch.setattr(data_processor, "CHUNK_BARS", bar_limit)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [
        {"symbol": symbol, "ts": start + timedelta(hours=hour), "open": 2.0, "high": 3.0, "low": 1.0, "close": 2.5}
        | {"volume": float(hour)}
        for symbol in SYMBOLS
        for hour in range(24 * 40)
    ]
    with open_store(":memory:") as store:
        coordinator = SessionCoordinator(store)
        coordinator.register([*SYMBOLS, "EMPTY"], ["1h", "4h", "1d"], "24/7", base="1h")
        coordinator.load(pa.Table.from_pylist(rows), interval="1h")
        told: list[tuple[int, int]] = []
        report = DataProcessor(store).process(progress=lambda done, total: told.append((done, total)))
        assert not store.verify().differences
        bars = store.sql("SELECT * EXCLUDE (batch_id) FROM bars ORDER BY ALL").to_pylist()
        return len(report.batches), told, bars


def test_a_long_backlog_is_split_by_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    count, told, bars = derived(10**9, monkeypatch)
    assert (count, told) == (1, [(0, 3), (3, 3)])
    assert derived(2 * 24 * 40, monkeypatch) == (2, [(0, 3), (2, 3), (3, 3)], bars)
    assert derived(1, monkeypatch) == (3, [(0, 3), (1, 3), (2, 3), (3, 3)], bars)
