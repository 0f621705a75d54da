"""Bars of weeks, months and days that count from elsewhere: worked out by hand, and at every door."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from load_kit import Bench

from barhouse import DataProcessor, InputError
from barhouse.store.errors import IntervalError

#: Every day of 2023 and 2024: the price of each is its number, its volume 1.
DAYS = [date(2023, 1, 1) + timedelta(days=number) for number in range(731)]
ANCHORED = ["1w@sun", "1q@feb", "1y@oct", "10d@month", "1q", "1y", "3d@week"]


def daily(days: list[date], price: float | None = None) -> pa.Table:
    """Bars of some days."""
    prices = [float((day - DAYS[0]).days + 1) if price is None else price for day in days]
    table = dict.fromkeys(("open", "high", "low", "close"), prices)
    return pa.table({"date": pa.array(days, pa.date32()), **table, "volume": [1.0] * len(days)})


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """A store with those days and all such intervals, derived."""
    bench.coordinator.register("X", ["1d", *ANCHORED], "24/7")
    bench.coordinator.load(daily(DAYS), "X", "1d")
    bench.process()
    return bench


def shown(bench: Bench, interval: str, first: str, last: str) -> list[tuple[str, str, float, float, int, int]]:
    """The bars that begin between two dates: first session, end, open, close, what they have and have room for."""
    query = (
        "SELECT session_date::VARCHAR AS day, strftime(bar_end AT TIME ZONE 'UTC', '%Y-%m-%d') AS over, open, close, "
        "base_count, expected_count FROM bars WHERE symbol = 'X' AND interval = $interval "
        "AND session_date BETWEEN $first::DATE AND $last::DATE ORDER BY bar_start"
    )
    asked: dict[str, object] = {"interval": interval, "first": first, "last": last}
    return [tuple(row.values()) for row in bench.store.sql(query, asked).to_pylist()]


def number(day: str) -> float:
    return float((date.fromisoformat(day) - DAYS[0]).days + 1)


def test_bars_lie_where_they_count_from(filled: Bench) -> None:
    assert shown(filled, "1w@sun", "2024-02-20", "2024-03-05") == [
        ("2024-02-25", "2024-03-03", number("2024-02-25"), number("2024-03-02"), 7, 7),
        ("2024-03-03", "2024-03-10", number("2024-03-03"), number("2024-03-09"), 7, 7),
    ]
    assert shown(filled, "1q@feb", "2023-11-01", "2024-03-01") == [
        ("2023-11-01", "2024-02-01", number("2023-11-01"), number("2024-01-31"), 92, 92),
        ("2024-02-01", "2024-05-01", number("2024-02-01"), number("2024-04-30"), 90, 90),
    ]
    assert shown(filled, "1y@oct", "2022-01-01", "2024-12-31") == [
        ("2022-10-01", "2023-10-01", 1.0, number("2023-09-30"), 273, 365),
        ("2023-10-01", "2024-10-01", number("2023-10-01"), number("2024-09-30"), 366, 366),
        ("2024-10-01", "2025-10-01", number("2024-10-01"), number("2024-12-31"), 92, 365),
    ]
    assert shown(filled, "10d@month", "2024-02-01", "2024-03-31") == [
        ("2024-02-01", "2024-02-11", number("2024-02-01"), number("2024-02-10"), 10, 10),
        ("2024-02-11", "2024-02-21", number("2024-02-11"), number("2024-02-20"), 10, 10),
        ("2024-02-21", "2024-03-01", number("2024-02-21"), number("2024-02-29"), 9, 9),
        ("2024-03-01", "2024-03-11", number("2024-03-01"), number("2024-03-10"), 10, 10),
        ("2024-03-11", "2024-03-21", number("2024-03-11"), number("2024-03-20"), 10, 10),
        ("2024-03-21", "2024-03-31", number("2024-03-21"), number("2024-03-30"), 10, 10),
        ("2024-03-31", "2024-04-01", number("2024-03-31"), number("2024-03-31"), 1, 1),
    ]
    assert [row[4] for row in shown(filled, "3d@week", "2024-02-26", "2024-03-03")] == [3, 3, 1]
    assert filled.store.verify().sound


def test_a_late_day_derives_again_the_bars_that_hold_it(filled: Bench) -> None:
    then = filled.store.sql("SELECT max(committed_at) AS at FROM batches").to_pylist()[0]["at"]
    before = {one: shown(filled, one, "2022-01-01", "2024-12-31") for one in ANCHORED}
    filled.coordinator.load(daily([date(2024, 2, 29)], 9999.0), "X", "1d")
    report = DataProcessor(filled.store).process()
    assert {one.interval: one.revised for one in report.intervals} == dict.fromkeys(ANCHORED, 1)
    assert shown(filled, "10d@month", "2024-02-21", "2024-02-21")[0][3] == 9999.0
    assert filled.store.verify().sound
    for one in ANCHORED:
        past = filled.store.bars("X", one, as_of=then)
        assert past["close"].to_pylist() == [row[3] for row in before[one]]


def test_days_that_are_missing_are_gaps_of_their_blocks(filled: Bench) -> None:
    filled.coordinator.delete_bars("X", "1d", start="2024-02-12", end="2024-02-14")
    filled.process()
    gaps = filled.store.gaps("X", "10d@month").to_pylist()
    assert [(str(row["session_date"]), row["missing_count"]) for row in gaps] == [("2024-02-11", 1)]
    (row,) = shown(filled, "10d@month", "2024-02-11", "2024-02-11")
    assert row[4:] == (8, 10)
    assert filled.store.verify().sound


def test_blocks_that_begin_anew_follow_a_calendar_that_changes(bench: Bench) -> None:
    own = {"timezone": "UTC", "open": "00:00", "close": "24:00", "weekdays": "daily"}
    bench.coordinator.add_calendar("DAYS", **own)
    bench.coordinator.register("X", ["1d", "10d@month"], "DAYS")
    bench.coordinator.load(daily([day for day in DAYS if day != date(2024, 2, 5)]), "X", "1d")
    bench.process()
    bench.coordinator.add_calendar("DAYS", **own, holidays=["2024-02-05"])
    bench.process()
    assert [row[0] for row in shown(bench, "10d@month", "2024-02-01", "2024-03-10")] == [
        *("2024-02-01", "2024-02-12", "2024-02-22", "2024-03-01"),
    ]
    assert bench.store.verify().sound


def test_exports_hold_them_and_read_back(filled: Bench, tmp_path: Path) -> None:
    filled.store.export(tmp_path / "out", intervals=["1w@sun", "10d@month"])
    again = filled.store.export(tmp_path / "out", intervals=["1w@sun", "10d@month"])
    assert not again.written
    (tmp_path / "out" / "symbol=X" / "interval=1w@sun" / "month=2024-02").is_dir()
    query = "SELECT count(*) AS n FROM read_parquet($path, hive_partitioning = true) WHERE interval = '1w@sun'"
    path = str(tmp_path / "out" / "*" / "*" / "*" / "*.parquet")
    (row,) = duckdb.execute(query, {"path": path}).fetchall()
    assert row[0] == len(filled.store.bars("X", "1w@sun"))


@pytest.mark.parametrize(
    ("base", "derived", "stamp", "expected"),
    [
        ("1w@sun", "2w@sun", date(2024, 2, 25), "2024-02-25"),
        ("1q@feb", "1y@nov", date(2024, 2, 1), "2024-02-01"),
        ("1y@oct", "2y@oct", date(2023, 10, 1), "2023-10-01"),
    ],
)
def test_bars_that_count_from_elsewhere_are_loaded(
    bench: Bench, base: str, derived: str, stamp: date, expected: str
) -> None:
    bench.coordinator.register("X", [base, derived], "24/7", base=base)
    bench.coordinator.load(daily([stamp]), "X", base)
    bench.process()
    assert [row[0] for row in shown(bench, base, "2023-01-01", "2024-12-31")] == [expected]
    assert bench.store.verify().sound


def test_blocks_that_begin_anew_are_not_loaded(bench: Bench) -> None:
    with pytest.raises(InputError, match=r"no source brings bars of 10d@month.* bars of 1d or shorter"):
        bench.coordinator.register("X", ["10d@month"], "24/7", base="10d@month")
    assert bench.coordinator.register("X", ["10d@month"], "24/7")[0].base_interval == "1d"


def test_spellings_of_one_length_are_one_interval(bench: Bench) -> None:
    bench.coordinator.register("X", ["1d", "3mo", "12mo@oct", "1q@jul"], "24/7")
    kept = {row["interval"] for row in bench.ask("SELECT interval FROM intervals WHERE symbol = 'X'")}
    assert kept == {"1d", "1q", "1y@oct"}
    with pytest.raises(IntervalError, match=r"days of a zone.*in the zone America/New_York"):
        bench.coordinator.register("Y", ["1d@America/New_York"], "24/7")


def test_a_live_day_closes_the_blocks_that_end_with_it(bench: Bench) -> None:
    """Bars as they come take the fast path; what they close is what the calendar says."""
    bench.coordinator.register("X", ["1d", *ANCHORED], "24/7")
    for day in DAYS[618:650]:
        bench.now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        bench.coordinator.load(daily([day]), "X", "1d")
        bench.process()
    assert [row[0] for row in shown(bench, "10d@month", "2024-09-01", "2024-10-31")] == [
        *("2024-09-01", "2024-09-11", "2024-09-21", "2024-10-01"),
    ]
    assert datetime(2024, 10, 1, tzinfo=UTC) in bench.store.bars("X", "1y@oct")["bar_end"].to_pylist()
    assert bench.store.verify().sound
