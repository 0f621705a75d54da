"""Single sessions of calendars: added, removed, given other hours, and what becomes of bars by that."""

from __future__ import annotations

import re
from datetime import date

import pytest
from load_kit import Bench, lines, unchanged

from barhouse.store.calendars.known import corrected_calendars, known_corrections
from barhouse.store.errors import CalendarError

EVENING = {"open": "18:00", "close": "19:00", "reason": "Diwali: https://www.bseindia.com"}
#: Minutes from 18:00 to 18:04 in Mumbai, on a day without a session in exchange_calendars.
MUHURAT = [f"2024-11-01T18:0{minute}:00+05:30" for minute in range(5)]


def sessions(bench: Bench, calendar: str, day: str) -> list[tuple[str, str]]:
    rows = bench.store.sessions(calendar, day, str(date.fromordinal(date.fromisoformat(day).toordinal() + 1)))
    return [(f"{row['segment_open']:%H:%M}", f"{row['segment_close']:%H:%M}") for row in rows.to_pylist()]


def test_a_session_is_added_and_its_bars_come_into_it(bench: Bench) -> None:
    bench.coordinator.register("X", ["1m", "5m", "1d"], "XBOM")
    assert bench.load_lines(*lines(MUHURAT), symbol="X").outside == 5
    then = bench.ask("SELECT max(committed_at) AS at FROM batches")[0]["at"]
    planned = bench.coordinator.correct_calendar("XBOM", {"2024-11-01": EVENING}, apply=False)
    assert [(change.session_date, change.before) for change in planned.changes] == [(date(2024, 11, 1), None)]
    assert sessions(bench, "XBOM", "2024-11-01") == []
    report = bench.coordinator.correct_calendar("XBOM", {date(2024, 11, 1): EVENING})
    assert report.changes == planned.changes
    assert (report.revised, report.deleted) == (5, 0)
    assert sessions(bench, "XBOM", "2024-11-01") == [("12:30", "13:30")]
    bench.process()
    (five,) = bench.bars("X", "5m")
    assert (str(five["session_date"]), five["volume"], five["complete"]) == ("2024-11-01", 500.0, True)
    assert bench.bars("X", "1d")[0]["expected_count"] == 60
    assert bench.store.verify().sound
    assert [bar["session_date"] for bar in bench.store.bars("X", "1m", as_of=then).to_pylist()] == [None] * 5
    assert bench.coordinator.correct_calendar("XBOM", {"2024-11-01": EVENING}).batch_id is None


def test_a_correction_survives_refreshing_and_extending(bench: Bench) -> None:
    bench.coordinator.register("X", ["1d"], "XBOM")
    bench.coordinator.correct_calendar("XBOM", {"2024-11-01": EVENING, "2024-11-04": False})
    assert bench.coordinator.refresh_calendar("XBOM").batch_id is None
    before = bench.ask("SELECT known_from FROM trading_calendar WHERE calendar = 'XBOM'")
    header = "date,open,high,low,close,volume"
    bench.load(bench.write("1999-06-01,1,1,1,1,1", "2024-11-01,2,2,2,2,1", header=header), "1d", "X")
    assert bench.ask("SELECT known_from FROM trading_calendar WHERE calendar = 'XBOM'") != before
    assert sessions(bench, "XBOM", "2024-11-01") == [("12:30", "13:30")]
    assert sessions(bench, "XBOM", "2024-11-04") == []
    kept = bench.store.corrections("XBOM").to_pylist()
    assert [(str(row["session_date"]), row["hours"] is None) for row in kept] == [
        ("2024-11-01", False),
        ("2024-11-04", True),
    ]
    assert bench.store.verify().sound


def test_a_correction_is_taken_back(bench: Bench) -> None:
    bench.coordinator.register("X", ["1m", "1d"], "XBOM")
    bench.coordinator.correct_calendar("XBOM", {"2024-11-01": EVENING, "2024-11-04": False})
    bench.load_lines(*lines(MUHURAT), symbol="X")
    bench.process()
    report = bench.coordinator.correct_calendar("XBOM", {"2024-11-01": None, "2024-11-04": None})
    assert [str(change.session_date) for change in report.changes] == ["2024-11-01", "2024-11-04"]
    assert (report.revised, report.deleted) == (5, 1)  # and the day's derived bar goes
    assert sessions(bench, "XBOM", "2024-11-04") == [("03:45", "10:00")]
    assert [bar["session_date"] for bar in bench.bars("X", "1m")] == [None] * 5
    assert bench.store.corrections().num_rows == 0
    assert bench.store.verify().sound


def test_an_ordinal_moves_by_a_session_that_comes(bench: Bench) -> None:
    """Blocks of days count sessions: those after it are others."""
    bench.coordinator.add_calendar("OWN", timezone="UTC", open="09:00", close="17:00")
    bench.coordinator.register("X", ["1d", "2d"], "OWN")
    days = [f"2024-01-{day:02},{day},{day},{day},{day},1" for day in (8, 9, 10, 11, 12)]
    bench.load(bench.write(*days, header="date,open,high,low,close,volume"), "1d", "X")
    bench.process()
    before = [bar["close"] for bar in bench.bars("X", "2d")]
    bench.coordinator.correct_calendar("OWN", {"2024-01-06": {"open": "10:00", "close": "12:00"}})
    bench.process()
    assert [bar["close"] for bar in bench.bars("X", "2d")] != before
    assert bench.store.verify().sound


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"2024-11-01": {"open": "18:00"}}, "'close' is missing"),
        ({"2024-11-01": {"open": "18:00", "close": "19:00", "noon": "x"}}, "'noon' is unknown"),
        ({"2024-11-01": {"open": "18:00", "close": "19:00", "break": ["12:00-13:00"]}}, "must lie between"),
        ({"2024-11-01": {"open": "25:00", "close": "19:00"}}, "open '25:00' is not a wall clock time"),
        ({"2024-11-01": True}, "is neither hours nor false"),
        ({"November": False}, "is not a date"),
        ({"2024-11-01": False, date(2024, 11, 1): False}, "names a date twice"),
        ("2024-11-01", "is of the wrong type"),
        ({"2024-11-01": {"open": "12:00", "close": "10:00"}}, "is empty or overlaps the next one"),
        ({"2190-01-01": False}, "where nobody knows its sessions"),
    ],
)
def test_what_is_no_correction_is_refused(bench: Bench, given: object, message: str) -> None:
    bench.coordinator.register("X", ["1m"], "XBOM")
    with unchanged(bench), pytest.raises(CalendarError, match=message):
        bench.coordinator.correct_calendar("XBOM", given)  # as a caller without types might


def test_bars_that_come_out_of_a_session_off_the_grid_are_not_left_there(bench: Bench) -> None:
    """Bars of 7 minutes from 09:00 are on no grid counted back from 09:01 or 10:00, or on from the day before."""
    bench.coordinator.add_calendar("OWN", timezone="UTC", open="09:00", close="17:00")
    bench.coordinator.register("X", ["7m"], "OWN", base="7m")
    bench.load_lines(*lines(["2024-01-09T09:00Z", "2024-01-09T09:07Z"]), interval="7m", symbol="X")
    with unchanged(bench), pytest.raises(CalendarError, match="would leave 2 base bars without a place"):
        bench.coordinator.correct_calendar("OWN", {"2024-01-09": {"open": "09:01", "close": "17:00"}})
    with unchanged(bench), pytest.raises(CalendarError, match="would leave 2 base bars without a place"):
        bench.coordinator.correct_calendar("OWN", {"2024-01-09": {"open": "10:00", "close": "17:00"}})
    # 09:14 is the end of both, and 09:00 to 09:14 two widths: the grid counted back from the open.
    assert bench.coordinator.correct_calendar("OWN", {"2024-01-09": {"open": "09:14", "close": "17:00"}}).revised == 2
    assert bench.store.verify().sound


def test_verify_finds_outside_bars_off_every_grid(bench: Bench) -> None:
    bench.load_lines(*lines(["2024-11-26T08:00Z"]))
    assert bench.store.verify().sound
    with bench.store.transaction() as transaction:
        transaction.execute("UPDATE bar SET bar_start = bar_start + INTERVAL 7 SECOND WHERE session_date IS NULL")
    found = bench.store.verify().differences
    assert "misplaced" in {one.kind for one in found}
    assert "a bar on a grid between sessions" in {one.expected for one in found}


# What is known


@pytest.mark.parametrize("calendar", corrected_calendars())
def test_what_is_known_differs_from_the_library_and_says_who_says_so(bench: Bench, calendar: str) -> None:
    """An entry that exchange_calendars has by now would be needed no longer."""
    bench.coordinator.register("X", ["1d"], calendar)
    (kept,) = (row for row in bench.store.calendars().to_pylist() if row["calendar"] == calendar)
    known = [one for one in known_corrections(calendar) if one.session_date <= kept["known_through"]]
    planned = bench.coordinator.correct_calendar(calendar, known=True, apply=False)
    assert [one.session_date for one in planned.changes] == [one.session_date for one in known]
    assert all(re.search(r": .*https?://", one.reason) for one in known if one.reason is not None)
    assert all(one.reason for one in known)
    assert bench.coordinator.correct_calendar(calendar, known=True).changes == planned.changes
    assert bench.coordinator.correct_calendar(calendar, known=True).batch_id is None
    assert bench.coordinator.refresh_calendar(calendar).batch_id is None
    assert bench.store.verify().sound


def test_hours_of_what_is_known(bench: Bench) -> None:
    bench.coordinator.register(["X", "Y"], ["1d"], "XBOM")
    bench.coordinator.register("Z", ["1d"], "XHKG")
    for calendar in ("XBOM", "xhkg"):
        bench.coordinator.correct_calendar(calendar, known=True)
    assert sessions(bench, "XBOM", "2024-11-01") == [("12:30", "13:30")]  # 18:00 in Mumbai
    assert sessions(bench, "XBOM", "2024-03-02") == [("03:45", "04:30"), ("06:00", "07:00")]
    assert sessions(bench, "XHKG", "2023-09-01") == []
    assert sessions(bench, "XHKG", "2020-08-19") == [("05:30", "08:00")]  # 13:30 in Hong Kong


def test_what_somebody_said_stays_where_more_is_known(bench: Bench) -> None:
    bench.coordinator.register("X", ["1d"], "XBOM")
    bench.coordinator.correct_calendar("XBOM", {"2024-11-01": False})
    bench.coordinator.correct_calendar("XBOM", {"2023-11-12": {"open": "18:00", "close": "18:30"}}, known=True)
    assert sessions(bench, "XBOM", "2024-11-01") == []
    assert sessions(bench, "XBOM", "2023-11-12") == [("12:30", "13:00")]
    assert sessions(bench, "XBOM", "2022-10-24") == [("12:45", "13:45")]


def test_of_most_calendars_nothing_is_known(bench: Bench) -> None:
    with unchanged(bench), pytest.raises(CalendarError, match="nothing is known to be wrong with the calendar XNYS"):
        bench.coordinator.correct_calendar("XNYS", known=True)
    with unchanged(bench):
        assert bench.coordinator.correct_calendar("XNYS").changes == ()
