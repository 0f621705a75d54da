"""Bars without holes: each place that a calendar has room for has a bar, between the first and the last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from barhouse import DataProcessor, SessionCoordinator, SessionStore, open_store
from barhouse.store.errors import InputError

NOW = datetime(2024, 12, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """MIN has five half hours around a holiday and a half day, one of them outside; DAY a few days."""
    path = tmp_path_factory.mktemp("filled") / "store.duckdb"
    with open_store(path, clock=lambda: NOW) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("MIN", ["30m", "1h", "1d"], "XNYS", base="30m")
        coordinator.register("DAY", ["1d", "1w", "1mo"], "XNYS")
        stamps = [
            "2024-11-27T19:30Z",
            "2024-11-27T22:00Z",
            "2024-11-29T16:00Z",
            "2024-11-29T17:30Z",
            "2024-12-02T14:30Z",
        ]
        load(coordinator, "MIN", "30m", "timestamp", stamps, [100.0, 999.0, 101.0, 102.0, 103.0])
        days = ["2024-11-25", "2024-11-29", "2024-12-10"]
        load(coordinator, "DAY", "1d", "date", days, [10.0, 11.0, 12.0])
        DataProcessor(store).process()
        assert store.verify().sound
    return path.read_bytes()


def load(
    coordinator: SessionCoordinator, symbol: str, interval: str, stamp: str, at: list[str], prices: list[float]
) -> None:
    columns = {name: prices for name in ("open", "high", "low", "close", "vwap")}
    table = pa.table({stamp: at, **columns, "volume": [5.0] * len(at), "trades": [2] * len(at)})
    coordinator.load(table, symbol, interval, sparse=True)


@pytest.fixture
def store(made: bytes, tmp_path: Path) -> Iterator[SessionStore]:
    path = tmp_path / "store.duckdb"
    path.write_bytes(made)
    with open_store(path, clock=lambda: NOW) as opened:
        yield opened


def shown(table: pa.Table) -> list[tuple[str, float | None, float, bool]]:
    return [
        (f"{row['bar_start']:%m-%d %H:%M}", row["close"], row["volume"], row["filled"]) for row in table.to_pylist()
    ]


HALF_HOURS = [
    ("11-27 19:30", 100.0, 5.0, False),
    ("11-27 20:00", 100.0, 0.0, True),
    ("11-27 20:30", 100.0, 0.0, True),
    ("11-27 22:00", 999.0, 5.0, False),  # outside: shown, and no price to carry on
    ("11-29 14:30", 100.0, 0.0, True),  # the 28th is a holiday
    ("11-29 15:00", 100.0, 0.0, True),
    ("11-29 15:30", 100.0, 0.0, True),
    ("11-29 16:00", 101.0, 5.0, False),
    ("11-29 16:30", 101.0, 0.0, True),
    ("11-29 17:00", 101.0, 0.0, True),
    ("11-29 17:30", 102.0, 5.0, False),  # a half day, and the last before the weekend
    ("12-02 14:30", 103.0, 5.0, False),
]


def test_each_place_in_a_session_has_a_bar(store: SessionStore) -> None:
    bars = store.bars("MIN", "30m", fill="previous")
    assert shown(bars) == HALF_HOURS
    view = store.sql("FROM bars_filled WHERE symbol = 'MIN' AND interval = '30m' ORDER BY bar_start")
    assert view.equals(bars)
    filled: dict[str, Any] = bars.to_pylist()[1]
    assert {name: filled[name] for name in ("open", "high", "low", "trade_count", "vwap", "batch_id")} == {
        **dict.fromkeys(("open", "high", "low"), 100.0),
        **dict.fromkeys(("trade_count", "vwap", "batch_id")),
    }
    assert (filled["base_count"], filled["expected_count"], filled["complete"]) == (0, 1, False)
    assert filled["session_date"] == date(2024, 11, 27)


def test_without_a_price_nothing_is_carried_on(store: SessionStore) -> None:
    empty = [(at, None if filled else close, volume, filled) for at, close, volume, filled in HALF_HOURS]
    assert shown(store.bars("MIN", "30m", fill="zero_volume")) == empty


def test_a_range_knows_the_close_before_it_and_last_counts_what_is_filled(store: SessionStore) -> None:
    assert shown(store.bars("MIN", "30m", "2024-11-29", "2024-12-01", fill="previous")) == HALF_HOURS[4:11]
    middle = store.bars("MIN", "30m", "2024-11-29T15:00Z", "2024-11-29T16:00Z", fill="previous")
    assert shown(middle) == HALF_HOURS[5:7]
    assert shown(store.bars("MIN", "30m", last=4, fill="previous")) == HALF_HOURS[-4:]
    assert store.bars("MIN", "30m", "2024-12-03", fill="previous").num_rows == 0
    assert store.bars("MIN", "30m", end="2024-11-20", fill="previous").num_rows == 0


def test_every_interval_is_filled_along_its_own_places(store: SessionStore) -> None:
    assert [row[0] for row in shown(store.bars("MIN", "1h", fill="previous")) if row[3]] == [
        *("11-27 20:30", "11-29 14:30", "11-29 16:30"),
    ]
    days = shown(store.bars("DAY", "1d", fill="previous"))
    assert [at[:5] for at, _, _, filled in days if filled] == [
        *("11-26", "11-27"),
        *("12-02", "12-03", "12-04", "12-05", "12-06", "12-09"),
    ]
    assert [close for _, close, _, filled in days if filled] == [10.0] * 2 + [11.0] * 6
    weeks = store.bars("DAY", "1w", fill="previous")
    assert shown(weeks) == [
        ("11-25 14:30", 11.0, 10.0, False),
        ("12-02 14:30", 11.0, 0.0, True),
        ("12-09 14:30", 12.0, 5.0, False),
    ]
    assert weeks["expected_count"].to_pylist() == [4, 5, 5]
    for interval in ("1d", "1w", "1mo"):
        view = store.sql(
            "FROM bars_filled WHERE symbol = 'DAY' AND interval = $interval ORDER BY bar_start", {"interval": interval}
        )
        assert view.equals(store.bars("DAY", interval, fill="previous"))


def test_an_adjusted_close_is_carried_on(store: SessionStore) -> None:
    coordinator = SessionCoordinator(store)
    coordinator.load_actions(pa.table({"ex_date": ["2024-11-29", "2024-12-05"], "ratio": [2.0, 4.0]}), "DAY")
    bars = store.bars("DAY", "1d", fill="previous", adjust="split")
    assert [round(close, 6) for close in bars["close"].to_pylist()] == [1.25] * 3 + [2.75] * 7 + [12.0]
    assert bars["split_factor"].to_pylist() == [8.0] * 3 + [4.0] * 4 + [1.0] * 4


def test_frames_are_filled_and_adjusted(store: SessionStore) -> None:
    coordinator = SessionCoordinator(store)
    coordinator.load_actions(pa.table({"ex_date": ["2024-11-29", "2024-12-05"], "ratio": [2.0, 4.0]}), "DAY")
    frame = store.frame("DAY", "1d", fill="previous", adjust="split", columns=["close", "filled"])
    closes = [1.25] * 3 + [2.75] * 7 + [12.0]
    assert frame["close"].round(6).tolist() == closes
    assert frame["filled"].tolist() == [False, True, True, False, *[True] * 6, False]
    wide = store.frame(["DAY"], "1d", fill="previous", adjust="split", wide="close", kind="polars")
    assert [round(close, 6) for close in wide["DAY"].to_list()] == closes
    with pytest.raises(InputError, match="complete and fill exclude each other"):
        store.frame("DAY", "1d", fill="previous", complete=True)
    with pytest.raises(InputError, match="adjust='splits' is nothing to adjust for"):
        store.frame("DAY", "1d", adjust="splits")


def test_a_chart_is_filled_and_adjusted_and_says_so(store: SessionStore) -> None:
    coordinator = SessionCoordinator(store)
    coordinator.load_actions(pa.table({"ex_date": ["2024-11-29", "2024-12-05"], "ratio": [2.0, 4.0]}), "DAY")
    chart = store.chart("DAY", "1d", fill="previous", adjust="split")
    assert "11 bars from 2024-11-25 to 2024-12-10: closes go from 1.25 to 12 " in chart.summary
    assert "DAY 1d, adjusted for splits, holes filled with the close before" in repr(chart)
    assert "adjusted for splits and dividends" in repr(store.chart("DAY", "1d", adjust="all", last=2))
    assert "2 bars from 2024-12-09 to 2024-12-10" in store.chart("DAY", "1d", fill="previous", last=2).summary
    with pytest.raises(InputError, match="cannot be drawn; give fill='previous'"):
        store.chart("DAY", "1d", fill="zero_volume")


def test_any_instant_has_what_was_known_then(store: SessionStore) -> None:
    before = store.sql("SELECT max(committed_at) AS at FROM batches").to_pylist()[0]["at"]
    coordinator = SessionCoordinator(store)
    told = {interval: store.bars("DAY", interval, fill="previous") for interval in ("1d", "1w")}
    load(coordinator, "DAY", "1d", "date", ["2024-11-26", "2024-12-12"], [20.0, 21.0])
    DataProcessor(store).process()
    for interval, table in told.items():
        assert store.bars("DAY", interval, fill="previous", as_of=before).equals(table)
        assert not store.bars("DAY", interval, fill="previous").equals(table)
    assert store.bars(["DAY", "MIN"], "1d", fill="previous", columns=["symbol", "filled"]).num_rows == 16


def test_other_ways_to_fill_are_refused(store: SessionStore) -> None:
    with pytest.raises(InputError, match="fill='zero' is nothing to fill with; give 'previous' or 'zero_volume'"):
        store.bars("DAY", "1d", fill="zero")
