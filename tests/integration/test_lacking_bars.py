"""Base bars that may lack trades: one counts one less than it would, is missing to coverage, and loads replace it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from load_kit import Bench, line

from barhouse.coordinator.load.door import load_bars
from barhouse.store.model.bar import COLUMNS
from barhouse.store.model.interval import Interval

OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)  # of a half day; it closes at 18:00
CLOSE = 210


def minute(at: int, symbol: str, **given: Any) -> dict[str, Any]:
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 100.0, "trade_count": 3, "vwap": 10.5}
    return {"symbol": symbol, "bar_start": OPEN + timedelta(minutes=at), **prices, **given}


def load(
    bench: Bench, symbol: str, minutes: list[int], lacking: Sequence[int] = (), *, doubted: bool = False, **given: Any
) -> tuple[int, int]:
    """Load minutes, of which some may lack trades; how many bars are new and how many revised."""
    bars = pa.Table.from_pylist([minute(at, symbol, **given) for at in minutes], COLUMNS)
    with bench.store.transaction() as transaction:
        (row,) = transaction.execute(
            "SELECT interval_id FROM definition WHERE symbol = $symbol AND NOT derived", {"symbol": symbol}
        )
        starts = [OPEN + timedelta(minutes=at) for at in lacking]
        ids = pa.array([row.interval_id] * len(starts), pa.int32())
        columns = {"interval_id": ids, "bar_start": pa.array(starts, COLUMNS.field("bar_start").type)}
        table = transaction.attach("lacking_bars", pa.table(columns))
        report = load_bars(transaction, bars, Interval.parse("1m"), "test", table, doubted=doubted).report
    verified = bench.store.verify()
    assert verified.sound, str(verified)
    return report.inserted, report.revised


def counts(bench: Bench, interval: str, symbol: str = "SPY") -> dict[str, tuple[int, int, bool | None]]:
    return {
        f"{bar['bar_start']:%H:%M}": (bar["base_count"], bar["expected_count"], bar["complete"])
        for bar in bench.bars(symbol, interval)
    }


def gaps(bench: Bench, interval: str) -> list[tuple[str, str, int, str]]:
    rows = bench.ask(f"FROM gaps WHERE symbol = 'SPY' AND interval = '{interval}' ORDER BY gap_start")
    return [(f"{gap['gap_start']:%H:%M}", f"{gap['gap_end']:%H:%M}", gap["missing_count"], gap["kind"]) for gap in rows]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one load", "appended to others"])
def test_a_bar_that_lacks_trades_is_incomplete_and_a_gap_until_a_load_brings_it_whole(
    bench: Bench, at_once: bool
) -> None:
    for part in [list(range(10))] if at_once else [[0, 1], [2, 3], [4, 5, 6], [7, 8, 9]]:
        load(bench, "SPY", part, [at for at in (3, 8) if at in part])
    bench.process()
    assert bench.store.verify().sound
    assert counts(bench, "1m")["14:33"] == (0, 1, False)
    assert sum(complete for *_, complete in counts(bench, "1m").values()) == 8
    assert gaps(bench, "1m") == [("14:33", "14:34", 1, "inside"), ("14:38", "14:39", 1, "inside")]
    bench.coordinator.end_session("2024-11-29", ["SPY"])
    bench.process()
    assert list(counts(bench, "5m").items()) == [("14:30", (4, 5, False)), ("14:35", (4, 5, False))]
    assert counts(bench, "1d")["14:30"] == (8, 210, False)
    (before,) = bench.ask("SELECT quality_pct, present_count FROM coverage WHERE interval = '1m'")
    assert before == {"quality_pct": 100 * 8 / 210, "present_count": 8}

    assert load(bench, "SPY", [3]) == (0, 1), "with the same values, yet it is known to be whole"
    assert load(bench, "SPY", [3]) == (0, 0)
    bench.process()
    assert bench.store.verify().sound
    assert counts(bench, "1m")["14:33"] == (1, 1, True)
    assert counts(bench, "5m")["14:30"] == (5, 5, True)
    assert gaps(bench, "1m")[0] == ("14:38", "14:39", 1, "inside")
    assert [one["base_count"] for one in bench.ask("FROM revisions WHERE interval = '1m'")] == [0]


def test_a_session_of_which_no_bar_is_whole_is_no_session_without_bars(bench: Bench) -> None:
    load(bench, "SPY", [0, 1], [0, 1])
    assert gaps(bench, "1m") == [("14:30", "14:32", 2, "incomplete")]


def test_what_is_forming_counts_whole_bars_alone(bench: Bench) -> None:
    """The first bar of a bucket belongs to it, whole or not; it is no closing bar of the bucket before."""
    bench.now = OPEN + timedelta(minutes=7)
    load(bench, "SPY", list(range(7)), [5])
    bench.process()
    (forming,) = bench.ask("FROM bars_live WHERE forming AND interval = '5m'")
    assert f"{forming['bar_start']:%H:%M}" == "14:35"
    assert (forming["base_count"], forming["volume"], forming["complete"]) == (1, 200.0, False)


def test_a_late_bar_that_lacks_trades_changes_its_own_bucket_alone(bench: Bench) -> None:
    load(bench, "SPY", [0, 1, 2, 3, 4, 6, 7, 8, 9])
    bench.process()
    load(bench, "SPY", [5], [5])
    rows = bench.ask("SELECT range_start, range_end FROM invalidation")
    assert [(f"{row['range_start']:%H:%M}", f"{row['range_end']:%H:%M}") for row in rows] == [("14:35", "14:36")]
    bench.process()
    assert counts(bench, "5m") == {"14:30": (5, 5, True), "14:35": (4, 5, False)}
    assert bench.store.verify().sound


def test_a_closing_bar_that_lacks_trades_leaves_its_bucket_incomplete(bench: Bench) -> None:
    """Nothing is expected of it, so that it counts below nothing; the bucket it belongs to comes one short."""
    minutes = list(range(CLOSE - 5, CLOSE + 2))
    load(bench, "AUCTION", minutes, [CLOSE, CLOSE + 1])
    bench.process()
    assert counts(bench, "1m", "AUCTION")["18:00"] == (-1, 0, None)
    assert counts(bench, "1m", "AUCTION")["18:01"] == (0, 0, None), "an outside bar"
    assert counts(bench, "5m", "AUCTION")["17:55"] == (4, 5, False)
    assert bench.store.verify().sound
    assert load(bench, "AUCTION", minutes) == (0, 2)
    bench.process()
    assert counts(bench, "5m", "AUCTION")["17:55"] == (5, 5, True)
    assert bench.store.verify().sound


def test_a_calendar_edit_and_a_repair_leave_it_as_it_is(bench: Bench) -> None:
    bench.coordinator.add_calendar("MINE", timezone="America/New_York", open="09:30", close="13:00")
    bench.coordinator.register("OWN", ["1m", "5m"], "MINE", closing_bar="include")
    load(bench, "OWN", [3, 4, CLOSE, CLOSE + 1, CLOSE + 30], [4, CLOSE, CLOSE + 1])
    bench.process()
    before = counts(bench, "1m", "OWN")
    assert before == {
        "14:33": (1, 1, True),
        "14:34": (0, 1, False),
        "18:00": (-1, 0, None),
        "18:01": (0, 0, None),
        "18:30": (1, 0, None),
    }
    bench.coordinator.repair(["OWN"])
    assert counts(bench, "1m", "OWN") == before
    bench.coordinator.add_calendar("MINE", timezone="America/New_York", open="09:30", close="14:00")
    assert counts(bench, "1m", "OWN") == {
        "14:33": (1, 1, True),
        "14:34": (0, 1, False),
        "18:00": (0, 1, False),
        "18:01": (0, 1, False),
        "18:30": (1, 1, True),
    }
    assert bench.store.verify().sound


def of_vendor(bench: Bench, vendor: str | None, priority: int | None, close: float, **options: Any) -> tuple[int, int]:
    """Load the first minute of a vendor, whole; how many bars are new and how many revised."""
    row = line(OPEN.strftime("%Y-%m-%d %H:%M"), high=11, low=9, close=close, volume=100) + ",3,10.5"
    path = bench.write(row, header="timestamp,open,high,low,close,volume,trade_count,vwap")
    report = bench.load(path, timezone="UTC", vendor=vendor, priority=priority, **options)
    return report.inserted, report.revised


def lend(bench: Bench, vendor: str, priority: int) -> None:
    """Say that the last batch was of a vendor, as if its trades had been loaded."""
    with bench.store.transaction() as transaction:
        transaction.execute("INSERT INTO vendor VALUES ($vendor, $priority)", {"vendor": vendor, "priority": priority})
        asked = {"vendor": vendor}
        transaction.execute(
            "UPDATE batch SET vendor = $vendor WHERE batch_id = (SELECT max(batch_id) FROM batch)", asked
        )


def first(bench: Bench) -> tuple[float, int, bool | None]:
    bar = bench.bars()[0]
    return bar["close"], bar["base_count"], bar["complete"]


@pytest.mark.parametrize("priority", [-5, 5])
@pytest.mark.parametrize("close", [10.0, 10.00001, 10.5], ids=["equal", "within the tolerance", "another"])
@pytest.mark.parametrize(("conflicts", "strategy"), [("report", None), ("replace", None), ("keep", "sessions")])
def test_a_whole_bar_replaces_one_that_lacks_trades_whoever_has_the_greater_priority(
    bench: Bench, priority: int, close: float, conflicts: Any, strategy: Any
) -> None:
    load(bench, "SPY", [0], [0])
    lend(bench, "trades", priority)
    options = {"tolerance": 1e-4, "conflicts": conflicts, "replace": strategy}
    assert of_vendor(bench, "other", 1, close, **options) == (0, 1)
    assert first(bench) == (close, 1, True)
    assert bench.ask("FROM conflicts") == []
    healing = bench.ask("SELECT max(batch_id) AS batch_id FROM batches")[0]["batch_id"]
    bench.coordinator.revert(healing)
    assert first(bench) == (10.0, 0, False), "an undo brings back that it lacks trades"
    assert gaps(bench, "1m") == [("14:30", "14:31", 1, "incomplete")]
    assert bench.store.verify().sound


@pytest.mark.parametrize("priority", [-5, None, 5])
@pytest.mark.parametrize("close", [10.0, 10.00001, 10.5], ids=["equal", "close by", "another"])
def test_a_bar_that_lacks_trades_never_takes_the_place_of_a_whole_one(
    bench: Bench, priority: int | None, close: float
) -> None:
    vendor = None if priority is None else "whole"
    assert of_vendor(bench, vendor, priority, 10.0) == (1, 0)
    before = bench.bars()
    assert load(bench, "SPY", [0, 1], [0], close=close) == (1, 0)
    assert bench.bars()[:1] == before
    assert bench.ask("FROM conflicts") == []
    assert bench.ask("FROM bar_vendor") == [], "nor does it confirm anybody's"


@pytest.mark.parametrize(("priority", "stays"), [(None, False), (-5, False), (5, True)])
def test_what_is_doubted_lacks_trades_unless_a_greater_vendor_says_the_same(
    bench: Bench, priority: int | None, stays: bool
) -> None:
    load(bench, "SPY", [0])
    of_vendor(bench, None if priority is None else "whole", priority, 10.0)
    load(bench, "SPY", [0], [0], doubted=True)
    assert first(bench) == (10.0, int(stays), stays)


@pytest.mark.parametrize("priority", [-5, 0, 5])
def test_of_two_bars_that_lack_trades_priorities_decide(bench: Bench, priority: int) -> None:
    load(bench, "SPY", [0], [0])
    lend(bench, "trades", priority)
    assert load(bench, "SPY", [0], [0], close=10.5) == (0, int(priority <= 0))
    assert first(bench) == (10.0 if priority > 0 else 10.5, 0, False)
