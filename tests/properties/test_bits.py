"""The same bars give the same bits: on any number of threads, in any split, in one go or bit by bit.

BARHOUSE_SYMBOLS says how many symbols the large store has; 515 make ten million minutes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, open_store
from tests.extent import SYMBOLS

INTERVALS = ["1m", "5m", "15m", "30m", "1h", "1d"]
BARS = "SELECT * EXCLUDE (batch_id) FROM bars ORDER BY symbol, interval, bar_start"
COLUMNS = ["symbol", "bar_start", "open", "high", "low", "close", "volume", "vwap", "trade_count"]


def minutes(symbols: int, session_count: int) -> pa.Table:
    """Whole XNYS sessions of made-up minutes, with volumes and prices whose sums depend on the order in doubles."""
    opens = []
    day = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)
    closed = {datetime(2022, 1, 17).date(), datetime(2022, 2, 21).date()}
    while len(opens) < session_count:
        if day.weekday() < 5 and day.date() not in closed:
            # The clocks go forward on 2022-03-13.
            opens.append(day - timedelta(hours=1) if day.date() >= datetime(2022, 3, 14).date() else day)
        day += timedelta(days=1)
    starts = np.concatenate([int(one.timestamp()) * 1_000_000 + np.arange(390) * 60_000_000 for one in opens])
    chance = np.random.default_rng(7)
    rows = len(starts) * symbols
    price = np.exp(chance.normal(4, 0.3, rows))
    parts = np.exp(chance.normal(0, 0.001, (3, rows))) * price
    arrays = [
        pa.array(np.repeat([f"S{number:03}" for number in range(symbols)], len(starts))),
        pa.array(np.tile(starts, symbols), pa.timestamp("us", "UTC")),
        pa.array(parts[0]),
        pa.array(parts.max(axis=0)),
        pa.array(parts.min(axis=0)),
        pa.array(parts[1]),
        pa.array(chance.uniform(0, 1e6, rows)),
        pa.array(parts[2]),
        pa.array(chance.integers(0, 1000, rows)),
    ]
    return pa.table(arrays, names=COLUMNS)


def build(path: Path, tables: list[pa.Table], *, threads: int, symbols: int, each: bool) -> pa.Table:
    """Load the tables one after the other, derive after each or only at the end; returns every bar."""
    with open_store(path, settings={"threads": threads}) as store:
        coordinator, processor = SessionCoordinator(store), DataProcessor(store, chunk_symbols=3)
        coordinator.register([f"S{number:03}" for number in range(symbols)], INTERVALS, "XNYS")
        for table in tables:
            coordinator.load(table, interval="1m")
            if each:
                processor.process()
        processor.process()
        assert store.verify().sound
        return store.sql(BARS)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return minutes(4, 6)


@pytest.fixture(scope="module")
def expected(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return build(tmp_path_factory.mktemp("bits") / "one.duckdb", [table], threads=1, symbols=4, each=False)


@pytest.mark.parametrize("threads", [2, 4])
def test_any_number_of_threads(table: pa.Table, expected: pa.Table, tmp_path: Path, threads: int) -> None:
    assert build(tmp_path / "bars.duckdb", [table], threads=threads, symbols=4, each=False).equals(expected)


@pytest.mark.parametrize("each", [True, False])
def test_any_split_and_order(table: pa.Table, expected: pa.Table, tmp_path: Path, each: bool) -> None:
    chance = np.random.default_rng(11)
    shuffled = table.take(pa.array(chance.permutation(table.num_rows)))
    cuts = [0, *sorted(chance.integers(1, table.num_rows, 4).tolist()), table.num_rows]
    parts = [shuffled.slice(start, stop - start) for start, stop in pairwise(cuts)]
    assert build(tmp_path / "bars.duckdb", parts, threads=2, symbols=4, each=each).equals(expected)


def test_a_late_bar_rewrites_one_bar_per_interval_of_a_large_store(tmp_path: Path) -> None:
    table = minutes(SYMBOLS, 50)
    with open_store(tmp_path / "bars.duckdb") as store:
        coordinator, processor = SessionCoordinator(store), DataProcessor(store)
        coordinator.register([f"S{number:03}" for number in range(SYMBOLS)], INTERVALS, "XNYS")
        assert coordinator.load(table, interval="1m").inserted == SYMBOLS * 390 * 50
        assert processor.process().inserted == SYMBOLS * 50 * (78 + 26 + 13 + 7 + 1)

        again = table.slice(390 * 20, 390)
        report = coordinator.load(again, interval="1m", replace="sessions")
        assert (report.inserted, report.revised, report.deleted, report.unchanged) == (0, 0, 0, 390)
        assert processor.process().batches == ()

        late = again.slice(100, 1)
        late = late.set_column(COLUMNS.index("volume"), "volume", pa.array([12345.5]))
        assert coordinator.load(late, interval="1m").revised == 1
        written = {one.interval: (one.inserted, one.revised, one.deleted) for one in processor.process().intervals}
        assert written == dict.fromkeys(INTERVALS[1:], (0, 1, 0))
        (kept,) = store.sql("SELECT count(*) AS n FROM revisions").to_pylist()
        assert kept["n"] == len(INTERVALS)
