"""Make ``stores/REVISION.duckdb``, a small store of the current schema: ``python tests/migration/make_store.py``.

Run once per schema, by the oldest DuckDB that is supported; afterwards the file is history and stays as it is.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.store.database.opening import SCHEMA_VERSION

FIRST = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)  # the open of a half day
NOW = datetime(2024, 12, 2, tzinfo=UTC)


def minutes() -> list[dict[str, object]]:
    """Twelve minutes of one symbol; the sixth is missing."""
    return [
        {
            "timestamp": FIRST + timedelta(minutes=minute),
            "open": 100.0 + minute,
            "high": 101.5 + minute,
            "low": 99.5 + minute,
            "close": 101.0 + minute,
            "volume": 10.0 * (minute + 1),
        }
        for minute in range(12)
        if minute != 5
    ]


def make(path: Path) -> None:
    """Write a store with base bars, derived bars, a correction, a gap, a rejected row, a split and a dividend."""
    with open_store(path, clock=lambda: NOW, settings={"default_block_size": 16384}) as store:  # small
        coordinator = SessionCoordinator(store)
        coordinator.add_calendar("HALF", timezone="America/New_York", open="09:30", close="13:00", weekdays="fri")
        coordinator.register("SPY", intervals=["1m", "5m", "1d"], calendar="HALF")
        coordinator.load(pa.Table.from_pylist(minutes()), symbol="SPY", interval="1m")
        coordinator.end_session(date(2024, 11, 29))
        DataProcessor(store).process()
        late = [{**minutes()[0], "low": 99.0}, {**minutes()[1], "high": 1.0}]
        coordinator.load(pa.Table.from_pylist(late), symbol="SPY", interval="1m")
        DataProcessor(store).process()
        for ratio in (2.0, 4.0):  # the second takes the place of the first
            actions = pa.table({"ex_date": ["2024-11-29"], "ratio": [ratio], "dividend": [0.25]})
            coordinator.load_actions(actions, "SPY", currency="USD")


if __name__ == "__main__":
    target = Path(__file__).parent / "stores" / f"{SCHEMA_VERSION}.duckdb"
    if target.exists():
        sys.exit(f"{target} is there already; a store of a past schema is never made again")
    make(target)
