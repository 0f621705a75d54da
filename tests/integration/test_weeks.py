"""Bars of weeks on calendars whose week does not start on Monday."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from load_kit import Bench

from barhouse.store.errors import RejectedBarsError

HEADER = "date,open,high,low,close,volume"
#: Sunday 2024-01-07 to Thursday the 11th, and the week after: a price for each session, counted from 1.
SESSIONS = [date(2024, 1, 7) + timedelta(days=7 * week + day) for week in (0, 1) for day in range(5)]
DAILY = [f"{day},{price},{price},{price},{price},1" for price, day in enumerate(SESSIONS, 1)]
DFM = {"timezone": "Asia/Dubai", "open": "10:00", "close": "15:00", "weekdays": "sun-thu"}


def load(bench: Bench, rows: list[str], symbol: str, interval: str, **options: str) -> None:
    bench.load(bench.write(*rows, header=HEADER), interval, symbol, **options)


def weeks(bench: Bench, symbol: str, interval: str = "1w") -> list[tuple[str, float, float, float, int]]:
    """Each bar: the date of its first session, its open and close, its volume, how many sessions it has room for."""
    rows = bench.store.bars(symbol, interval).to_pylist()
    return [(str(row["session_date"]), row["open"], row["close"], row["volume"], row["expected_count"]) for row in rows]


@pytest.mark.parametrize("calendar", ["XSAU", "XTAE", "DFM"])
def test_the_week_is_that_of_the_market(bench: Bench, calendar: str) -> None:
    if calendar == "DFM":
        bench.coordinator.add_calendar("DFM", **DFM)
    bench.coordinator.register("X", ["1d", "1w", "2w", "1mo"], calendar)
    load(bench, DAILY, "X", "1d")
    bench.process()
    assert weeks(bench, "X") == [("2024-01-07", 1.0, 5.0, 5.0, 5), ("2024-01-14", 6.0, 10.0, 5.0, 5)]
    # Of two weeks: 1970-01-04 was a Sunday, and 2024-01-07 is 19726 days, or 2818 weeks, after it.
    assert weeks(bench, "X", "2w") == [("2024-01-07", 1.0, 10.0, 10.0, 10)]
    assert bench.store.verify().sound
    kept = {row["calendar"]: row["week_starts"] for row in bench.store.calendars().to_pylist()}
    assert (kept[calendar], kept["XNYS"]) == ("sun", "mon")


@pytest.mark.parametrize(
    ("stamp", "label", "session"),
    [
        ("2024-01-07", "start", "2024-01-07"),  # a Sunday, the week's first day
        ("2024-01-14T00:00:00+03:00", "end", "2024-01-07"),  # the midnight at which the next begins
        ("2024-01-12T00:00:00+03:00", "end", "2024-01-07"),  # the midnight after its last session
        ("2024-01-14", "start", "2024-01-15"),  # its first day again, a holiday
        ("2024-01-15", "start", "2024-01-15"),  # its first session
    ],
)
def test_loaded_weeks_are_named_by_their_first_day(bench: Bench, stamp: str, label: str, session: str) -> None:
    bench.coordinator.add_calendar("DFM", **DFM, holidays=["2024-01-14"])
    bench.coordinator.register("X", ["1w"], "DFM", base="1w")
    load(bench, [f"{stamp},1,1,1,1,1"], "X", "1w", label=label)
    assert [row[0] for row in weeks(bench, "X")] == [session]


def test_the_monday_of_such_a_week_is_no_name_of_it(bench: Bench) -> None:
    """A vendor that means weeks from Monday has the Sunday after them in their bars."""
    bench.coordinator.register("X", ["1w"], "XSAU", base="1w")
    with pytest.raises(RejectedBarsError, match="no session is named by this stamp"):
        load(bench, ["2024-01-08,1,1,1,1,1"], "X", "1w")


def test_another_day_derives_the_weeks_again_and_keeps_the_old_ones(bench: Bench) -> None:
    bench.coordinator.add_calendar("DFM", **DFM, week_starts="mon")
    bench.coordinator.register("X", ["1d", "1w", "1mo"], "DFM")
    load(bench, DAILY, "X", "1d")
    bench.process()
    from_monday = [
        ("2024-01-01", 1.0, 1.0, 1.0, 5),
        ("2024-01-08", 2.0, 6.0, 5.0, 5),
        ("2024-01-15", 7.0, 10.0, 4.0, 5),
    ]
    assert weeks(bench, "X") == from_monday
    then = bench.ask("SELECT max(committed_at) AS at FROM batches")[0]["at"]
    report = bench.coordinator.add_calendar("DFM", **DFM)
    assert (report.week_starts, report.changes) == ("sun", ())
    assert (report.inserted, report.revised, report.deleted) == (2, 0, 3)
    assert weeks(bench, "X") == [("2024-01-07", 1.0, 5.0, 5.0, 5), ("2024-01-14", 6.0, 10.0, 5.0, 5)]
    assert bench.store.verify().sound
    old = bench.store.bars("X", "1w", as_of=then).to_pylist()
    assert [str(row["session_date"]) for row in old] == [row[0] for row in from_monday]
    assert bench.coordinator.add_calendar("DFM", **DFM).batch_id is None


@pytest.mark.parametrize("zone", ["BST", "EST", "IST", "Japan"])
def test_the_past_is_not_asked_for_by_an_abbreviation(bench: Bench, zone: str) -> None:
    with pytest.raises(Exception, match="an instant with its zone is needed"):
        bench.ask(f"FROM bars_as_of('2026-06-01 12:00:00 {zone}')")


@pytest.mark.parametrize("zone", [" UTC", " gmt", "Z", "+00", "+00:00", " Africa/Abidjan"])
def test_the_past_is_asked_for_by_a_zone(bench: Bench, zone: str) -> None:
    assert bench.ask(f"FROM bars_as_of('2026-06-01 12:00:00{zone}')") == []
