"""Symbols of several calendars and different intervals, derived in one chunk.

A counterexample that was found: weekly bars of one calendar were put together from daily blocks that only the other
calendar had, and were lost.
"""

from __future__ import annotations

import itertools
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, open_store
from tests import extent

NOW = datetime(2025, 1, 31, tzinfo=UTC)
OPENS = {"XNYS": (15, 0), "XHKG": (2, 0), "24/7": (6, 0), "XLON": (9, 0)}
LENGTHS = [("1w", ["1d"]), ("2w", ["1w"]), ("2mo", ["1mo"]), ("1mo", ["45m", "1d"]), ("4d", ["2d"]), ("1w", ["1h"])]


def bars(calendar: str, days: list[int], value: float) -> pa.Table:
    hour, minute = OPENS[calendar]
    starts = [datetime(2024, 10, 1, hour, minute, tzinfo=UTC) + timedelta(days=day) for day in days]
    columns = {name: [value + day for day in days] for name in ("open", "high", "low", "close", "volume")}
    return pa.table({"bar_start": starts, **columns})


PAIRS = [
    pytest.param(longer, shorter, own, other, id=f"{own} {longer}, {other} {shorter[0]}")
    for longer, shorter in LENGTHS
    for own, other in itertools.permutations(["XNYS", "XHKG", "24/7"], 2)
]


@pytest.mark.parametrize(
    ("longer", "shorter", "own", "other"),
    random.Random(extent.SEED).sample(PAIRS, min(extent.CALENDAR_PAIRS, len(PAIRS))),
)
def test_each_symbol_has_its_bars(
    blank_store: Path, tmp_path: Path, longer: str, shorter: list[str], own: str, other: str
) -> None:
    path = Path(shutil.copy(blank_store, tmp_path / "bars.duckdb"))
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        coordinator, processor = SessionCoordinator(store), DataProcessor(store)
        coordinator.register("A", [longer], own, base="15m")
        coordinator.register("B", shorter, other, base="15m")
        for name, calendar in (("A", own), ("B", other)):
            coordinator.load(bars(calendar, [0, 1, 6, 7, 8, 13, 20, 21, 34, 35, 49], 10.0), name, "15m")
        processor.process()
        report = store.verify()
        assert report.sound and report.derived_bar_count > 2, str(report)
        volume = sum(store.bars("A", longer)["volume"].to_pylist())
        closed = store.bars("A", longer)["bar_end"].to_pylist()[-1]
        base = store.bars("A", "15m", end=closed).to_pylist()
        assert volume == sum(row["volume"] for row in base if row["session_date"] is not None)

        # Late bars of both at once: nothing that was there is lost.
        held = store.bars("A", longer).num_rows
        for name, calendar in (("A", own), ("B", other)):
            coordinator.load(bars(calendar, [2, 9, 14], 5.0), name, "15m")
        processor.process()
        assert store.verify().sound
        assert store.bars("A", longer).num_rows >= held
