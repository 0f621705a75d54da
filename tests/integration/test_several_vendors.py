"""Several vendors: whose bars stay where they contradict each other, which differences are none, and what is kept."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import pytest
from load_kit import Bench, line, minutes, unchanged

from barhouse.store.errors import InputError, OptionsError
from barhouse.store.model.reports import LoadReport

STRETCH = "2024-11-26 14:30", "2024-11-26 14:35"


def load(bench: Bench, close: float = 10.0, stretch: tuple[str, str] = STRETCH, **options: Any) -> LoadReport:
    """Load the minutes of a stretch, all with one close between 9 and 11."""
    rows = [line(stamp, close=close) for stamp in minutes(*stretch)]
    return bench.load_lines(*rows, timezone="UTC", **options)


def closes(bench: Bench) -> list[float]:
    return [bar["close"] for bar in bench.bars()]


def conflicts(bench: Bench) -> list[tuple[Any, ...]]:
    rows = bench.ask(
        "SELECT DISTINCT kept_vendor, kept_close, offered_vendor, offered_close, count(*) OVER (PARTITION BY"
        " offered_vendor) AS n FROM conflicts ORDER BY ALL"
    )
    return [tuple(row.values()) for row in rows]


def counts(report: LoadReport) -> tuple[int, ...]:
    return report.inserted, report.revised, report.unchanged, report.conflicts, report.tolerated


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        (("a", 10), ("b", 5), True),
        (("a", 5), ("b", 10), False),
        (("a", 5), ("b", 5), False),
        (("a", 5), ("a", 5), False),
        (("a", 5), (None, None), True),
        (("a", -5), (None, None), False),
        ((None, None), ("b", -5), True),
        ((None, None), ("b", None), False),
        ((None, None), (None, None), False),
    ],
)
@pytest.mark.parametrize("strategy", [None, "sessions"])
def test_of_vendors_that_contradict_each_other_the_greater_stays(
    bench: Bench,
    first: tuple[str | None, int | None],
    second: tuple[str | None, int | None],
    stays: bool,
    strategy: Any,
) -> None:
    kept, offered = ({"vendor": vendor, "priority": priority} for vendor, priority in (first, second))
    assert counts(load(bench, 10.0, **kept)) == (5, 0, 0, 0, 0)
    report = load(bench, 10.5, **offered, replace=strategy)
    assert counts(report) == ((0, 0, 5, 5, 0) if stays else (0, 5, 0, 0, 0))
    assert closes(bench) == [10.0 if stays else 10.5] * 5
    assert conflicts(bench) == ([(first[0], 10.0, second[0], 10.5, 5)] if stays else [])
    assert bench.ask("SELECT vendor FROM batches ORDER BY batch_id DESC LIMIT 2") == [
        {"vendor": second[0]},
        {"vendor": first[0]},
    ]
    bench.process()
    assert bench.store.verify().sound
    assert {bar["close"] for bar in bench.bars(interval="5m")} == {10.0 if stays else 10.5}


@pytest.mark.parametrize(("policy", "kept", "rows"), [("report", 10.0, 1), ("keep", 10.0, 0), ("replace", 10.5, 0)])
def test_a_load_says_what_becomes_of_its_conflicts(bench: Bench, policy: Any, kept: float, rows: int) -> None:
    load(bench, 10.0, vendor="a", priority=10)
    report = load(bench, 10.5, vendor="b", conflicts=policy)
    assert counts(report) == ((0, 5, 0, 0, 0) if policy == "replace" else (0, 0, 5, 5, 0))
    assert closes(bench) == [kept] * 5
    assert len(conflicts(bench)) == rows
    assert bench.store.verify().sound


def test_a_conflict_is_what_a_vendor_offered_last(bench: Bench) -> None:
    load(bench, 10.0, vendor="a", priority=10)
    first = load(bench, 10.5, vendor="b")
    load(bench, 10.5, vendor="b")
    assert conflicts(bench) == [("a", 10.0, "b", 10.5, 5)]
    assert bench.ask("SELECT DISTINCT offered_batch_id FROM conflicts") == [{"offered_batch_id": first.batch_id}]
    load(bench, 10.6, vendor="b")
    load(bench, 10.7, vendor="c")
    assert conflicts(bench) == [("a", 10.0, "b", 10.6, 5), ("a", 10.0, "c", 10.7, 5)]
    load(bench, 10.0, vendor="b")
    assert conflicts(bench) == [("a", 10.0, "c", 10.7, 5)]
    load(bench, 10.7, vendor="a")
    assert conflicts(bench) == []
    load(bench, 10.2, vendor="a")
    assert conflicts(bench) == [("a", 10.2, "c", 10.7, 5)]
    load(bench, 10.2, vendor="c", priority=20)
    assert conflicts(bench) == []
    assert bench.store.verify().sound


def test_what_a_greater_vendor_confirms_is_its_own(bench: Bench) -> None:
    """Whichever comes first, the same bars stay."""
    load(bench, 10.0, vendor="low", priority=1)
    assert counts(load(bench, 10.0, vendor="high", priority=10)) == (0, 0, 5, 0, 0)
    assert counts(load(bench, 10.5, vendor="middle", priority=5)) == (0, 0, 5, 5, 0)
    assert conflicts(bench) == [("high", 10.0, "middle", 10.5, 5)]
    assert counts(load(bench, 10.3, vendor="high")) == (0, 5, 0, 0, 0)
    assert bench.store.verify().sound


def test_a_session_sent_again_takes_no_bar_of_a_greater_vendor_away(bench: Bench) -> None:
    load(bench, 10.0, vendor="high", priority=10)
    load(bench, 10.0, ("2024-11-26 15:00", "2024-11-26 15:05"), vendor="low")
    report = load(bench, 10.0, ("2024-11-26 14:30", "2024-11-26 14:31"), vendor="low", replace="sessions")
    assert (report.deleted, report.unchanged) == (5, 1)
    assert bench.starts() == [f"2024-11-26 14:3{number}" for number in range(5)]
    report = load(bench, 10.0, ("2024-11-26 16:00", "2024-11-26 16:01"), vendor="low", replace="sessions")
    assert (report.deleted, report.inserted) == (0, 1)


def test_whose_bars_are_outlives_undos_and_changed_calendars(bench: Bench) -> None:
    load(bench, 10.0, vendor="high", priority=10)
    wrong = load(bench, 10.5, vendor="high")
    bench.coordinator.revert(wrong.batch_id)
    assert counts(load(bench, 10.6, vendor="low")) == (0, 0, 5, 5, 0)
    bench.coordinator.add_calendar("OWN", timezone="UTC", open="14:00", close="20:00")
    bench.coordinator.register("FX", ["1m", "5m"], "OWN")
    load(bench, 10.0, symbol="FX", vendor="high")
    bench.coordinator.add_calendar("OWN", timezone="UTC", open="14:00", close="20:00", holidays=["2024-11-26"])
    assert counts(load(bench, 10.5, symbol="FX", vendor="low")) == (0, 0, 5, 5, 0)
    assert bench.store.verify().sound


def test_priorities_are_kept_until_others_are_said(bench: Bench) -> None:
    load(bench, vendor="a", priority=10)
    load(bench, vendor="a")
    load(bench, vendor="b")
    asked = "SELECT vendor, priority, batch_count FROM vendors ORDER BY vendor"
    assert [tuple(row.values()) for row in bench.ask(asked)] == [("a", 10, 2), ("b", 0, 1)]
    load(bench, vendor="a", priority=-3)
    assert [tuple(row.values()) for row in bench.ask(asked)] == [("a", -3, 3), ("b", 0, 1)]


@pytest.mark.parametrize("strategy", [None, "sessions"])
@pytest.mark.parametrize("part", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize(("ratio", "within"), [(0.0, True), (0.9e-4, True), (-0.9e-4, True), (1.2e-4, False)])
def test_what_differs_within_the_tolerance_is_unchanged(
    bench: Bench, strategy: Any, part: str, ratio: float, within: bool
) -> None:
    values = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 5000.0}
    bench.load_lines(line("2024-11-26 14:30", **values), timezone="UTC")
    other = values | {part: values[part] * (1 + ratio)}
    report = bench.load_lines(line("2024-11-26 14:30", **other), timezone="UTC", tolerance=1e-4, replace=strategy)
    differs = not math.isclose(other[part], values[part], rel_tol=1e-12)
    assert counts(report) == ((0, 0, 1, 0, int(differs)) if within else (0, 1, 0, 0, 0))
    assert bench.bars()[0][part] == (values if within else other)[part]


@pytest.mark.parametrize("other", [None, 7])
def test_counts_and_what_is_unknown_are_never_within_a_tolerance(bench: Bench, other: int | None) -> None:
    header = "timestamp,open,high,low,close,volume,trade_count,vwap"
    for trade_count, vwap in ((5, 10.0), (other, 10.0), (5, 10.0), (5, None)):
        row = f"2024-11-26 14:30,10,11,9,10,100,{trade_count or ''},{vwap or ''}"
        report = bench.load(bench.write(row, header=header), timezone="UTC", tolerance=1e-3)
    assert bench.ask("SELECT sum(revised)::INTEGER AS n FROM batches") == [{"n": 3}]
    assert report.revised == 1


def test_files_that_are_known_are_so_with_their_vendor(bench: Bench) -> None:
    """A file whose rows were offered in vain is compared again: the bars may be others by now."""
    file = bench.write(*[line(stamp, close=10.5) for stamp in minutes(*STRETCH)], name="b.csv")
    load(bench, 10.0, vendor="a", priority=10)
    for _ in range(2):
        assert counts(bench.load(file, timezone="UTC", vendor="b")) == (0, 0, 5, 5, 0)
    assert counts(bench.load(file, timezone="UTC", vendor="b", priority=20)) == (0, 5, 0, 0, 0)
    assert counts(bench.load(file, timezone="UTC", vendor="b", priority=20)) == (0, 0, 5, 0, 0)
    assert bench.ask("SELECT vendor FROM batches ORDER BY batch_id DESC LIMIT 1") == [{"vendor": "b"}]
    near = bench.write(*[line(stamp, close=10.5 + 1e-7) for stamp in minutes(*STRETCH)], name="near.csv")
    for _ in range(2):
        report = bench.load(near, timezone="UTC", vendor="b", tolerance=1e-6)
        assert counts(report) == (0, 0, 5, 0, 5)


def test_a_file_is_compared_again_once_priorities_are_others(bench: Bench) -> None:
    """What it only confirmed before may be its own now."""
    file = bench.write(*[line(stamp, close=10.0) for stamp in minutes(*STRETCH)], name="a.csv")
    load(bench, 10.0, vendor="b", priority=10)
    for _ in range(2):
        assert counts(bench.load(file, timezone="UTC", vendor="a", priority=5)) == (0, 0, 5, 0, 0)
    load(bench, 10.0, ("2024-11-26 16:00", "2024-11-26 16:01"), vendor="b", priority=1)
    load(bench, 10.0, ("2024-11-26 16:00", "2024-11-26 16:01"), vendor="a", priority=-9)
    assert counts(bench.load(file, timezone="UTC", vendor="a", priority=5)) == (0, 0, 5, 0, 0)
    assert bench.ask("SELECT priority FROM vendors WHERE vendor = 'a'") == [{"priority": 5}]
    assert counts(load(bench, 10.5, vendor="b")) == (0, 0, 5, 5, 0)
    assert conflicts(bench) == [("a", 10.0, "b", 10.5, 5)]


def test_what_was_offered_counts_no_more_once_the_vendor_says_otherwise(bench: Bench) -> None:
    """Also where its bars are taken by then, for priorities are equal or no bar is there."""
    load(bench, 10.0, vendor="a", priority=10)
    load(bench, 10.5, vendor="b")
    load(bench, 10.6, vendor="b", priority=10)
    load(bench, 10.7, vendor="a")
    assert conflicts(bench) == []
    load(bench, 10.7, vendor="b", priority=0)
    load(bench, 10.5, vendor="b")
    bench.coordinator.delete_bars("SPY", "1m", "2024-11-26", rewind=True)
    assert counts(load(bench, 10.6, vendor="b")) == (5, 0, 0, 0, 0)
    load(bench, 10.7, vendor="a")
    assert conflicts(bench) == []
    assert bench.store.verify().sound


def test_what_vendors_say_goes_with_purged_bars_and_removed_symbols(bench: Bench) -> None:
    load(bench, 10.0, vendor="low", priority=1)
    load(bench, 10.0, vendor="high", priority=10)
    load(bench, 10.5, vendor="low")
    load(bench, 10.0, ("2024-11-27 14:30", "2024-11-27 21:00"), vendor="high")
    bench.process()
    assert len(bench.ask("FROM bar_vendor")) == len(bench.ask("FROM offered_bar")) == 5
    bench.coordinator.purge_bars("SPY", "1m", "2024-11-27")
    assert bench.ask("FROM bar_vendor") == bench.ask("FROM offered_bar") == []
    load(bench, 10.5, ("2024-11-27 14:30", "2024-11-27 14:35"), vendor="low")
    bench.coordinator.remove_symbol("SPY")
    assert bench.ask("FROM offered_bar") == []
    assert bench.store.verify().sound


PLANTED = {
    "an offer of no load": "UPDATE offered_bar SET batch_id = 99",
    "an offer of no interval": "UPDATE offered_bar SET interval_id = 99",
    "an offer twice": "INSERT INTO offered_bar FROM offered_bar",
    "a vendor of no bar": "UPDATE bar_vendor SET batch_id = 99",
    "two vendors of a bar": "INSERT INTO bar_vendor FROM bar_vendor",
    "a vendor without a priority": "DELETE FROM vendor WHERE vendor = 'low'",
}


@pytest.mark.parametrize("what", PLANTED)
def test_verify_finds_what_belongs_to_nothing(bench: Bench, what: str) -> None:
    load(bench, 10.0, vendor="low", priority=1)
    load(bench, 10.0, vendor="high", priority=10)
    load(bench, 10.5, vendor="low")
    assert bench.store.verify().sound
    path = bench.store.path
    bench.store.close()
    with duckdb.connect(str(path)) as connection:
        connection.execute(PLANTED[what])
    again = Bench(path, bench.folder)
    assert set(again.store.verify().totals) == {"vendor"}
    again.store.close()


def test_a_priority_is_a_vendors(bench: Bench) -> None:
    with (
        unchanged(bench),
        pytest.raises(OptionsError, match="priority=5 is a vendor's, and none is named; say vendor="),
    ):
        load(bench, priority=5)
    for wrong in ({"vendor": " "}, {"priority": 1.5}, {"priority": 2000}, {"tolerance": -1.0}, {"tolerance": 0.5}):
        with unchanged(bench), pytest.raises(InputError):
            load(bench, **{"vendor": "a", **wrong})
