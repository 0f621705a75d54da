"""Counterexamples that random histories once found, each by its name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import oracle
import pytest
from oracle import SECOND, Row, Terms
from world import CORRECTIONS, OWN_CALENDARS, World

HOUR = 3600 * SECOND


@pytest.fixture
def world(blank_store: Path, tmp_path: Path) -> Iterator[World]:
    made = World(blank_store, tmp_path / "bars.duckdb", at(2025, 1, 31))
    yield made
    made.check_past()
    made.close()


def at(*parts: int) -> int:
    return oracle.micros(datetime(*parts, tzinfo=UTC))


def bar(start: int | date, high: float = 2.0) -> Row:
    return Row(start, 1.0, high, 1.0, 1.0, 5.0)


def test_rows_that_are_rejected_are_counted(world: World) -> None:
    world.register("A", "24/7", "1h", [])
    world.load("A", [bar(at(2024, 3, 1, 0)), bar(at(2024, 3, 1, 1), high=0.0)])
    world.load("A", [bar(at(2024, 3, 1, 1), high=0.0)])


def test_an_interval_without_a_closed_bucket_has_no_work(world: World) -> None:
    world.register("A", "24/7", "1h", ["2h"])
    world.load("A", [bar(at(2024, 3, 1, 0))])
    world.process(at(2024, 3, 1, 0, 30))


def test_a_symbol_is_removed_twice_at_one_reading_of_the_clock(world: World) -> None:
    for _ in range(2):
        world.register("A", "24/7", "1h", ["2h"])
        world.load("A", [bar(at(2024, 3, 1, 0))])
        world.remove("A")


def test_a_late_range_that_reaches_past_derived_through_gives_each_bar_once(world: World) -> None:
    """1d is closed by the clock and so ahead of 1h; the late range lies below the one, across the end of the other."""
    world.register("A", "XNYS", "30m", ["1h", "1d"])
    world.load("A", [bar(at(2024, 11, 27, 14, 30)), bar(at(2024, 11, 27, 15))])
    world.process()
    late = [bar(at(2024, 11, 27, 15), high=3.0), bar(at(2024, 11, 27, 15, 30)), bar(at(2024, 11, 27, 16))]
    world.load("A", late)
    world.process()


@pytest.mark.parametrize("derived", [["1w", "2w"], ["2d", "4d"], ["1mo", "2mo"], ["1mo", "1q"], ["3d", "9d"]])
def test_a_block_keeps_the_shorter_block_that_began_before_the_first_bar(world: World, derived: list[str]) -> None:
    """Where 2w is summed from 1w, the week that holds the first bar began on a day before it."""
    world.register("A", "24/7", "1d", derived)
    world.load("A", [bar(date(2024, 1, 17) + timedelta(days=number)) for number in range(100)])
    world.process()


def test_a_late_bar_rederives_a_block_of_blocks_whole(world: World) -> None:
    world.register("A", "24/7", "1h", ["1w", "2w"])
    world.load("A", [bar(at(2024, 2, 28) + number * HOUR) for number in range(24 * 14)])
    world.process()
    world.load("A", [bar(at(2024, 2, 28, 3), high=4.0)])
    world.process()


def test_when_only_outside_bars_are_purged_the_range_starts_with_the_first_session_retained(world: World) -> None:
    world.register("A", "XNYS", "30m", ["1h", "1d"])
    early, regular = at(2024, 11, 25, 10), [bar(at(2024, 11, 27, 14, 30)), bar(at(2024, 11, 27, 15))]
    world.load("A", [bar(early), *regular])
    world.process()
    assert world.purge("A", "30m", at(2024, 11, 26, 20)) == 1
    world.load("A", [bar(at(2024, 11, 27, 15, 30))])
    world.process()


def test_a_bar_derived_again_beside_others_going_forward_counts_once(world: World) -> None:
    for symbol, hours in (("A", 6), ("B", 2)):
        world.register(symbol, "24/7", "1h", ["2h"])
        world.load(symbol, [bar(at(2024, 3, 1, hour)) for hour in range(hours)])
    world.process(at(2024, 3, 1, 6))
    world.load("A", [bar(at(2024, 3, 1, 2), high=3.0)])
    for symbol, hours in (("A", 6), ("B", 2)):
        world.load(symbol, [bar(at(2024, 3, 1, hour)) for hour in range(hours, 8)])
    world.process(at(2024, 3, 1, 8))


def test_a_deletion_beyond_what_is_derived_takes_the_range_of_derived_intervals_along(world: World) -> None:
    """The bucket of the only bar is open still; the empty ones before it were handled, and are missing no more."""
    world.register("A", "XNYS", "1m", ["5m", "1d"])
    world.load("A", [bar(at(2024, 3, 4, 20, 58))])
    world.process(at(2024, 3, 4, 20, 59))
    assert world.store.gaps("A", "5m")["missing_count"].to_pylist() == [77]
    world.delete("A", at(2024, 3, 4, 20, 58), None)
    world.process(at(2024, 3, 4, 20, 59))
    world.verify()


def test_a_deletion_beyond_what_is_derived_has_the_range_start_with_a_later_session(world: World) -> None:
    world.register("A", "XNYS", "1m", ["5m", "1w"])
    world.load("A", [bar(at(2024, 3, 4, 20, 58)), bar(at(2024, 3, 4, 20, 59))])
    world.process(at(2024, 3, 4, 14, 31))
    world.load("A", [bar(at(2024, 3, 5, 14, 30))])
    world.delete("A", at(2024, 3, 4), at(2024, 3, 5))
    world.verify()
    world.process()
    world.verify()


def test_a_session_that_has_not_begun_is_not_declared_over(world: World) -> None:
    """Where it has begun for some symbols, these alone move on; so does one whose session ends earlier than planned."""
    world.register("A", "XNYS", "1m", ["5m"], "include")
    world.register("B", "XHKG", "1m", ["5m"])
    world.now = at(2024, 3, 4, 14, 31)
    world.load("A", [bar(at(2024, 3, 4, 14, 30))])
    world.load("B", [bar(at(2024, 3, 4, 2, 0))])
    world.end_session(date(2024, 3, 6))
    world.now = at(2024, 3, 5, 1, 29, 54)
    world.end_session(date(2024, 3, 5))
    assert world.model.symbols["B"].complete_through == at(2024, 3, 4, 2, 1)
    world.now = at(2024, 3, 5, 1, 29, 55)
    world.end_session(date(2024, 3, 5))
    world.end_session(date(2024, 3, 5), ["A"])
    assert world.model.symbols["B"].complete_through == at(2024, 3, 5, 8)
    assert world.model.symbols["A"].complete_through == at(2024, 3, 4, 14, 31)


def test_a_calendar_edit_that_adds_the_first_session_derives_it(world: World) -> None:
    world.register("A", "LUNCH", "1h", ["4h", "1d", "1w"])
    world.edit_calendar("LUNCH", 0, date(2024, 4, 2))
    world.load("A", [bar(at(2024, 4, day, hour)) for day in (2, 3, 4) for hour in (7, 8, 9, 11, 12, 13)])
    world.process()
    world.edit_calendar("LUNCH", 0)
    world.verify()
    assert world.store.bars("A", "1d").num_rows == 3
    world.process()


def test_a_calendar_edit_that_takes_the_first_session_away_leaves_the_other_bars(world: World) -> None:
    world.register("A", "LUNCH", "1h", ["4h", "1d", "1w"])
    world.load("A", [bar(at(2024, 4, day, hour)) for day in (2, 3, 4) for hour in (7, 8, 9, 11, 12, 13)])
    world.process()
    world.edit_calendar("LUNCH", 0, date(2024, 4, 2))
    world.verify()
    assert world.store.bars("A", "1d").num_rows == 2
    world.process()


def test_a_calendar_edit_that_moves_the_first_session_of_a_block_keeps_what_is_made_of_it(world: World) -> None:
    """The first of July 2023 is a Saturday."""
    world.register("A", "LUNCH", "1mo", ["2mo"])
    world.load("A", [bar(date(2023, month, 1)) for month in (7, 8, 9)])
    world.process()
    for number in (6, 0):
        world.edit_calendar("LUNCH", number)
        world.verify()
        assert world.store.bars("A", "2mo").num_rows == 2


@pytest.mark.parametrize(("calendar", "base"), [("XNYS", "1d"), ("24/7", "1h"), ("NIGHT", "1d"), ("LUNCH", "1h")])
def test_blocks_that_begin_before_a_calendar_was_known_are_whole(world: World, calendar: str, base: str) -> None:
    """Calendars are known from 2000 on at first, and are asked for the dates of bars with a little room."""
    world.register("A", calendar, base, ["1w", "3w", "1mo", "2mo", "30d"])
    late, early = [(date(1999, 11, 29), date(1998, 6, 1)), (at(1999, 11, 29, 15), at(1998, 6, 1, 15))][base == "1h"]
    world.load("A", [bar(late)])
    world.register("A", calendar, base, ["2q", "5w", "50d"])
    world.process()
    world.verify()
    world.register("B", calendar, base, ["1mo"])
    world.load("B", [bar(early)])
    world.verify()
    world.load("A", [bar(late, high=3.0)])
    world.process()
    world.verify()
    assert world.store.bars("A", "1mo").num_rows == 1


LOW, HIGH = Terms("low", -5), Terms("high", 10)


def test_bars_of_nobody_outlive_a_session_sent_again_by_a_vendor_of_lesser_priority(world: World) -> None:
    world.register("A", "24/7", "1h", ["2h"])
    world.load("A", [bar(at(2024, 3, 1, hour)) for hour in range(4)])
    world.load("A", [bar(at(2024, 3, 1, 1))], resend=True, terms=LOW)
    assert len(world.model.symbols["A"].bars) == 4
    world.load("A", [bar(at(2024, 3, 1, 1))], resend=True, terms=Terms("low", conflicts="replace"))
    assert len(world.model.symbols["A"].bars) == 1
    world.verify()


def test_a_known_file_counts_again_after_other_rows_of_its_vendor_were_offered_in_vain(world: World) -> None:
    world.register("A", "24/7", "1h", ["2h"])
    world.load("A", [bar(at(2024, 3, 1, 0))], terms=HIGH)
    world.load("A", [bar(at(2024, 3, 1, 0))], file="same.parquet", terms=LOW)
    world.load("A", [bar(at(2024, 3, 1, 0), high=3.0)], terms=LOW)
    assert len(world.model.conflicts()) == 1
    world.load("A", [bar(at(2024, 3, 1, 0))], file="same.parquet", terms=LOW)
    assert world.model.conflicts() == set()


def test_what_was_taken_or_tolerated_in_the_end_is_no_conflict_later(world: World) -> None:
    world.register("A", "24/7", "1h", ["2h"])
    start = at(2024, 3, 1, 0)
    world.load("A", [bar(start)], terms=HIGH)
    world.load("A", [bar(start, high=3.0)], terms=LOW)
    world.load("A", [bar(start, high=3.0)], terms=Terms("low", 10))
    world.load("A", [bar(start + HOUR)], terms=LOW)
    world.load("A", [bar(start)], terms=HIGH)
    assert world.model.conflicts() == set()
    world.load("A", [bar(start, high=2.001)], terms=LOW)
    assert len(world.model.conflicts()) == 1
    world.load("A", [bar(start, high=2.001)], terms=Terms("low", tolerance=1e-3))
    assert world.model.conflicts() == set()


@pytest.mark.parametrize("base", ["1d", "1w", "1mo"])
def test_whose_a_bar_is_and_what_was_offered_goes_with_it_where_a_calendar_moves_it(world: World, base: str) -> None:
    """The first session of the first week, of the month and of the bars becomes a holiday, or opens an hour earlier."""
    world.register("A", "LUNCH", base, [])
    days = {"1d": [date(2024, 4, 2), date(2024, 4, 3)], "1w": [date(2024, 4, 2)], "1mo": [date(2024, 4, 2)]}[base]
    world.load("A", [bar(day) for day in days], terms=HIGH)
    world.load("A", [bar(day, high=3.0) for day in days], terms=LOW)
    world.edit_calendar("LUNCH", 5)
    if base != "1d":
        world.edit_calendar("LUNCH", 0, date(2024, 4, 2))
    assert len(world.model.conflicts()) == len(days)
    symbol = world.model.symbols["A"]
    world.load("A", [bar(symbol.stamp(start), high=4.0) for start in symbol.bars], terms=LOW)
    assert {row.row.owner for row in symbol.bars.values()} == {"high"}
    world.verify()


def test_what_was_offered_for_a_deleted_bar_comes_back_with_it(world: World) -> None:
    world.register("A", "LUNCH", "1w", [])
    world.load("A", [bar(date(2024, 4, 2))], terms=HIGH)
    world.load("A", [bar(date(2024, 4, 2), high=3.0)], terms=LOW)
    world.delete("A", at(2024, 4, 1), at(2024, 4, 8))
    world.edit_calendar("LUNCH", 5)
    world.revert(0)
    assert len(world.model.conflicts()) == 1
    world.verify()


def test_whose_bars_are_outlives_copies_and_a_repair(world: World) -> None:
    world.register("A", "LUNCH", "1h", ["2h", "1d"])
    hours = [at(2024, 4, 2, hour) for hour in (7, 8, 9, 11, 12, 13)]
    world.load("A", [bar(hour) for hour in hours], terms=LOW)
    world.load("A", [bar(hour) for hour in hours[2:]], terms=HIGH)
    world.load("A", [bar(hour, high=3.0) for hour in hours])
    world.process()
    for step in (world.compact, world.back_up, lambda: world.repair("A")):
        step()
        assert len(world.model.conflicts()) == 4
        world.verify()
    world.load("A", [bar(hour, high=4.0) for hour in hours])
    assert len(world.model.conflicts()) == 4


def test_bars_that_lack_trades_yield_to_whole_ones_of_any_vendor(world: World) -> None:
    world.register("A", "XNYS", "1m", ["5m", "1d"], "include")
    minutes = [at(2024, 3, 4, 20, 57) + number * 60 * SECOND for number in range(5)]
    world.load("A", [bar(minute) for minute in minutes], lacking=minutes[1:])
    world.process()
    world.load("A", [bar(minutes[1]), bar(minutes[3])], terms=LOW)
    world.load("A", [bar(minute, high=3.0) for minute in minutes], lacking=minutes)
    world.load("A", [bar(minute, high=4.0) for minute in minutes[:4]], terms=Terms("low", tolerance=1e-3))
    world.repair("A")
    world.process()
    world.verify()


def test_an_edit_by_which_the_first_block_begins_before_what_the_calendar_is_known_for_extends_it(world: World) -> None:
    """Weeks of the Gulf start on Sunday at first, and on Monday after it: the first two weeks begin earlier by then."""
    world.register("A", "GULF", "2w", [])
    world.load("A", [bar(date(1999, 11, 14))])
    world.edit_calendar("GULF", 5)
    world.verify()


@pytest.mark.parametrize("name", ["XNYS", "24/7", "NIGHT", "GULF"])
def test_corrected_sessions_are_as_the_model_has_them(world: World, name: str) -> None:
    """A Saturday and two days after it; corrections stay when the calendar's own hours change."""
    world.register("A", name, "1m", ["7m", "1h", "1d", "3d", "1w"])
    days = [date(2024, 3, 2), date(2024, 3, 4), date(2024, 3, 5)]
    starts = [at(2024, 3, day.day, hour, minute) for day in days for hour in range(7, 23) for minute in (0, 31)]
    world.load("A", [bar(start) for start in starts])
    world.process()
    for day, hours in zip(days, CORRECTIONS[1:], strict=True):
        world.correct_calendar(name, day, hours)
    world.correct_calendar(name, days[1], ())
    world.correct_calendar(name, days[1], ())
    if name in OWN_CALENDARS:
        world.edit_calendar(name, 1)
    world.refresh_calendar(name)
    world.correct_calendar(name, days[0], None)
    world.verify()


def test_an_undo_that_is_only_tried_asks_no_calendar_for_more(world: World) -> None:
    world.register("A", "24/7", "3d", ["6d"])
    world.load("A", [bar(date(1999, 11, day)) for day in (20, 23, 26)], label="end")
    world.revert(0)
