"""Data that starts in the middle of a week, or of a longer block of sessions: what is expected of the first one."""

from __future__ import annotations

from datetime import date

import pytest
from load_kit import NEW_YORK, Bench, lines, minutes

# XNYS in November and December 2024: the 28th is a holiday, the 29th closes at 13:00. A week of the sessions of
# Monday to Friday: 25, 26, 27 and 29 November, then 2 to 6 and 9 to 13 December.
DAILY = ["2024-11-27", "2024-11-29", "2024-12-02", "2024-12-03", "2024-12-04", "2024-12-05", "2024-12-06"]


@pytest.fixture
def daily(bench: Bench) -> Bench:
    """SPX, of daily bars from Wednesday 27 November on."""
    bench.coordinator.register("SPX", ["1d", "2d", "3d", "1w", "1mo"], "XNYS", base="1d")
    bench.load_lines(*lines(DAILY), interval="1d", symbol="SPX")
    bench.process()
    return bench


def account(bench: Bench, interval: str, symbol: str = "SPX") -> list[tuple[date, int, int]]:
    rows = bench.ask(f"FROM coverage WHERE symbol = '{symbol}' AND interval = '{interval}' ORDER BY session_date")
    return [(row["session_date"], row["present_count"], row["expected_count"]) for row in rows]


def gap_dates(bench: Bench, interval: str, symbol: str = "SPX") -> list[date]:
    rows = bench.ask(f"FROM gaps WHERE symbol = '{symbol}' AND interval = '{interval}' ORDER BY session_date")
    return [row["session_date"] for row in rows]


def test_a_week_that_began_before_the_data_is_incomplete_and_no_gap(daily: Bench) -> None:
    weeks = daily.bars("SPX", "1w")
    assert [(bar["session_date"], bar["base_count"], bar["expected_count"], bar["complete"]) for bar in weeks] == [
        (date(2024, 11, 25), 2, 4, False),
        (date(2024, 12, 2), 5, 5, True),
    ]
    assert account(daily, "1w") == [(date(2024, 12, 2), 1, 1)]
    assert gap_dates(daily, "1w") == []
    (row,) = daily.ask("SELECT quality_pct, gap_count FROM intervals WHERE symbol = 'SPX' AND interval = '1w'")
    assert row == {"quality_pct": 100.0, "gap_count": 0}
    assert daily.store.verify().differences == ()


def test_what_is_missing_since_then_is_a_gap_of_the_weeks_after(daily: Bench) -> None:
    daily.load_lines(*lines(["2024-12-09", "2024-12-10", "2024-12-12", "2024-12-13"]), interval="1d", symbol="SPX")
    daily.process()
    assert account(daily, "1w") == [(date(2024, 12, 2), 1, 1), (date(2024, 12, 9), 0, 1)]
    assert gap_dates(daily, "1w") == [date(2024, 12, 9)]
    assert daily.store.verify().differences == ()


def test_a_store_of_nothing_but_a_partial_week_expects_no_week(bench: Bench) -> None:
    bench.coordinator.register("SPX", ["1d", "1w"], "XNYS", base="1d")
    bench.load_lines(*lines(DAILY[:2]), interval="1d", symbol="SPX")
    bench.process()
    assert len(bench.bars("SPX", "1w")) == 1
    assert account(bench, "1w") == [] == gap_dates(bench, "1w")
    (row,) = bench.ask("SELECT quality_pct, gap_count FROM intervals WHERE symbol = 'SPX' AND interval = '1w'")
    assert row == {"quality_pct": None, "gap_count": 0}
    assert bench.store.verify().differences == ()


def test_earlier_data_make_the_week_count(daily: Bench) -> None:
    daily.load_lines(*lines(["2024-11-26"]), interval="1d", symbol="SPX")
    daily.process()
    assert account(daily, "1w") == [(date(2024, 12, 2), 1, 1)], "it still begins before the data"
    daily.load_lines(*lines(["2024-11-25"]), interval="1d", symbol="SPX")
    daily.process()
    assert account(daily, "1w") == [(date(2024, 11, 25), 1, 1), (date(2024, 12, 2), 1, 1)]
    daily.coordinator.delete_bars("SPX", "1d", start="2024-11-26", end="2024-11-27")
    daily.process()
    assert account(daily, "1w") == [(date(2024, 11, 25), 0, 1), (date(2024, 12, 2), 1, 1)], "a hole since the first bar"
    assert gap_dates(daily, "1w") == [date(2024, 11, 25)]
    assert daily.store.verify().differences == ()


def test_a_week_that_loses_its_first_session_is_expected_no_more(daily: Bench) -> None:
    daily.load_lines(*lines(["2024-11-25", "2024-11-26"]), interval="1d", symbol="SPX")
    daily.process()
    assert account(daily, "1w")[0] == (date(2024, 11, 25), 1, 1)
    daily.coordinator.delete_bars("SPX", "1d", end="2024-11-26")
    daily.process()
    assert account(daily, "1w") == [(date(2024, 12, 2), 1, 1)]
    assert daily.bars("SPX", "1w")[0]["complete"] is False
    assert daily.store.verify().differences == ()


def test_months_and_blocks_of_days_alike(daily: Bench) -> None:
    assert [bar["complete"] for bar in daily.bars("SPX", "1mo")] == [False, False]
    assert account(daily, "1mo") == [(date(2024, 12, 2), 0, 1)], "November began before, of December most is missing"
    assert gap_dates(daily, "1mo") == [date(2024, 12, 2)]
    torn = 0
    for interval in ("2d", "3d"):
        blocks = daily.bars("SPX", interval)
        begun = [bar for bar in blocks if bar["session_date"] >= date(2024, 11, 27)]
        torn += len(blocks) - len(begun)
        assert account(daily, interval) == [(bar["session_date"], int(bar["complete"]), 1) for bar in begun]
    assert torn, "one of them at least began before the data"


def test_minutes_are_counted_from_the_open_of_the_first_session(bench: Bench) -> None:
    """The range starts with a session, not with a bar: what its first minutes lack is a gap, of base and derived."""
    bench.load_lines(*lines(minutes("2024-11-29 10:00", "2024-11-29 13:00")), timezone=NEW_YORK)
    bench.load_lines(*lines(minutes("2024-12-02 09:30", "2024-12-02 16:00")), timezone=NEW_YORK)
    bench.process()
    assert account(bench, "1m", "SPY") == [(date(2024, 11, 29), 180, 210), (date(2024, 12, 2), 390, 390)]
    assert account(bench, "1d", "SPY") == [(date(2024, 11, 29), 0, 1), (date(2024, 12, 2), 1, 1)]
    assert bench.store.verify().differences == ()


def test_a_closing_bar_alone_makes_the_week_count_too(bench: Bench) -> None:
    """It is a bar of its session, though it counts for none: the range starts there, and the whole week lies in it."""
    bench.coordinator.register("AUC", ["1m", "1w"], "XNYS", closing_bar="include")
    bench.load_lines(*lines(minutes("2024-12-03 09:30", "2024-12-03 16:00")), symbol="AUC", timezone=NEW_YORK)
    bench.load_lines(*lines(minutes("2024-12-09 09:30", "2024-12-09 16:00")), symbol="AUC", timezone=NEW_YORK)
    bench.process()
    assert account(bench, "1w", "AUC") == [(date(2024, 12, 9), 0, 1)]
    bench.load_lines("2024-12-02 16:00,9,9,9,9,1", symbol="AUC", timezone=NEW_YORK)
    bench.process()
    assert account(bench, "1w", "AUC") == [(date(2024, 12, 2), 0, 1), (date(2024, 12, 9), 0, 1)]
    assert bench.store.verify().differences == ()
    bench.coordinator.delete_bars("AUC", "1m", end="2024-12-03")
    bench.process()
    assert account(bench, "1w", "AUC") == [(date(2024, 12, 9), 0, 1)]
    assert bench.store.verify().differences == ()


def test_a_purge_begins_with_a_whole_week_as_before(bench: Bench) -> None:
    bench.coordinator.register("SPX", ["1d", "1w"], "XNYS", base="1d")
    bench.load_lines(*lines([*DAILY, "2024-12-09"]), interval="1d", symbol="SPX")
    bench.process()
    bench.coordinator.purge_bars(["SPX"], "1d", "2024-12-05")
    assert account(bench, "1w") == [(date(2024, 12, 2), 1, 1), (date(2024, 12, 9), 0, 1)]
    assert min(bar["session_date"] for bar in bench.bars("SPX", "1d")) == date(2024, 12, 2)
    assert bench.store.verify().differences == ()


def test_gaps_of_two_lengths_of_seven_days_come_one_length_after_the_other(bench: Bench) -> None:
    bench.coordinator.register("COIN", ["1d", "7d", "1w"], "24/7", base="1d")
    bench.load_lines(*lines([f"2024-01-{day:02}" for day in range(1, 32, 2)]), interval="1d", symbol="COIN")
    bench.process()
    gaps = bench.store.gaps("COIN").select(["interval", "gap_start"]).to_pylist()
    of_a_week = [gap["interval"] for gap in gaps if gap["interval"] != "1d"]
    assert {"7d", "1w"} == {*of_a_week} and of_a_week == sorted(of_a_week, key=["7d", "1w"].index)
