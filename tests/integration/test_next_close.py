"""An interval knows when its next bucket can close, and is derived at once whatever has moved that."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from load_kit import NEW_YORK, Bench, lines, minutes

from barhouse import DataProcessor, SessionCoordinator, open_store


def at(bench: Bench, clock: str) -> None:
    """Have the clock show so much of New York's 2024-11-26."""
    bench.now = datetime.fromisoformat(f"2024-11-26T{clock}-05:00")


def take(bench: Bench, start: str, end: str, symbol: str = "SPY") -> None:
    bench.load_lines(*lines(minutes(start, end)), symbol=symbol, timezone=NEW_YORK)


def next_close(bench: Bench, symbol: str, interval: str) -> str | None:
    (row,) = bench.ask(
        "SELECT next_close FROM interval_definition JOIN symbol USING (symbol_id) "
        f"WHERE symbol = '{symbol}' AND interval = '{interval}'"
    )
    return row["next_close"] and f"{row['next_close']:%m-%d %H:%M}"


def test_it_is_the_end_of_the_bucket_after_what_is_derived(bench: Bench) -> None:
    at(bench, "09:40:00")
    take(bench, "2024-11-26 09:30", "2024-11-26 09:37")
    bench.process()
    bench.process()  # looks ahead for those that had nothing to derive
    assert [next_close(bench, "SPY", one) for one in ("1m", "5m", "1h", "1d")] == [
        *(None, "11-26 14:40", "11-26 15:30", "11-26 21:00")
    ]
    at(bench, "16:10:00")
    take(bench, "2024-11-26 09:37", "2024-11-26 16:00")
    bench.process()
    assert [next_close(bench, "SPY", one) for one in ("5m", "1h", "1d")] == [
        *("11-27 14:35", "11-27 15:30", "11-27 21:00")
    ]
    assert bench.store.verify().sound


def test_older_bars_are_derived_before_the_first_bucket_of_the_newer_ones_closes(bench: Bench) -> None:
    at(bench, "09:40:00")
    take(bench, "2024-11-26 09:30", "2024-11-26 09:34")
    bench.process()
    assert bench.starts(interval="1d") == []
    take(bench, "2024-11-22 09:30", "2024-11-22 16:00")
    bench.process()
    assert bench.starts(interval="1d") == ["2024-11-22 14:30"]
    assert len(bench.starts(interval="5m")) == 78 + 1
    assert bench.store.verify().sound


def test_a_first_bucket_said_to_close_later_is_found(bench: Bench) -> None:
    at(bench, "09:40:00")
    take(bench, "2024-11-26 09:30", "2024-11-26 09:34")
    bench.process()
    bench.process()
    assert next_close(bench, "SPY", "1h") == "11-26 15:30"
    with bench.store.transaction() as transaction:
        transaction.execute(
            "UPDATE interval_definition SET next_close = next_close + INTERVAL 1 HOUR WHERE interval = '1h'"
        )
    report = bench.store.verify()
    assert report.totals == {"watermark": 1}
    assert "next_close 2024-11-26 15:30:00+00 or earlier" in str(report)


def test_an_interval_that_is_registered_later_catches_up(bench: Bench) -> None:
    at(bench, "10:25:00")
    take(bench, "2024-11-26 09:30", "2024-11-26 10:21")
    bench.process()
    bench.coordinator.register("SPY", ["15m"], "XNYS")
    bench.process()
    assert bench.starts(interval="15m") == ["2024-11-26 14:30", "2024-11-26 14:45", "2024-11-26 15:00"]


@pytest.mark.parametrize("how", ["by the clock", "by a bar", "by its declared end"])
def test_a_bucket_closes(bench: Bench, how: str) -> None:
    at(bench, "09:40:00")
    take(bench, "2024-11-26 09:30", "2024-11-26 09:38")
    bench.process()
    assert len(bench.starts(interval="5m")) == 1
    if how == "by the clock":
        at(bench, "09:41:00")
    elif how == "by a bar":
        take(bench, "2024-11-26 09:39", "2024-11-26 09:40")
    else:
        bench.coordinator.end_session(date(2024, 11, 26))
    bench.process()
    assert len(bench.starts(interval="5m")) == 2
    assert bench.store.verify().sound


def test_a_closing_bar_is_waited_for(bench: Bench) -> None:
    at(bench, "16:00:30")
    take(bench, "2024-11-26 09:30", "2024-11-26 16:00", "AUCTION")
    bench.process()
    assert len(bench.starts("AUCTION", "5m")) == 77
    bench.now += timedelta(minutes=2)
    take(bench, "2024-11-26 16:00", "2024-11-26 16:01", "AUCTION")
    bench.process()
    assert len(bench.starts("AUCTION", "5m")) == 78
    assert bench.bars("AUCTION", "1d")[0]["base_count"] == 390


def test_a_session_that_ends_earlier_by_an_edit_is_derived_at_once() -> None:
    hours = {"timezone": "UTC", "open": "09:00", "weekdays": "mon-fri"}
    now = datetime(2024, 11, 26, 13, 30, tzinfo=UTC)
    with open_store(":memory:", clock=lambda: now) as store:
        coordinator = SessionCoordinator(store)
        coordinator.add_calendar("DESK", close="17:00", **hours)
        coordinator.register("X", ["1m", "1h", "1d"], "DESK")
        stamps = minutes("2024-11-26 09:00", "2024-11-26 12:00")
        rows = [
            dict(zip(("timestamp", "open", "high", "low", "close", "volume"), (one, 1, 1, 1, 1, 1), strict=True))
            for one in stamps
        ]
        coordinator.load(pa.Table.from_pylist(rows), "X", "1m", timezone="UTC")
        DataProcessor(store).process()
        assert store.bars("X", "1d").num_rows == 0
        coordinator.add_calendar("DESK", close="12:30", **hours)
        DataProcessor(store).process()
        assert store.bars("X", "1d").num_rows == 1
        assert store.verify().sound


def test_a_removed_symbol_is_not_waited_for(bench: Bench) -> None:
    at(bench, "09:40:00")
    take(bench, "2024-11-26 09:30", "2024-11-26 09:37")
    bench.coordinator.remove_symbol("SPY")
    bench.coordinator.register("SPY", ["1m", "5m"], "XNYS")
    bench.process()
    assert bench.starts(interval="5m") == []
    take(bench, "2024-11-26 09:30", "2024-11-26 09:37")
    bench.process()
    assert bench.starts(interval="5m") == ["2024-11-26 14:30"]
