"""Calendars of one's own, against sessions written down by hand."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.errors import CalendarError

Segment = tuple[datetime, datetime]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def described(definition: CalendarDefinition, day: str) -> list[Segment]:
    """The segments of one day straight from the definition: the table takes longer."""
    rows = list(definition.segments(date.fromisoformat(day), date.fromisoformat(day)))
    assert [row[:2] for row in rows] == [(date.fromisoformat(day), number) for number in range(len(rows))]
    return [(datetime.fromtimestamp(row[2], UTC), datetime.fromtimestamp(row[3], UTC)) for row in rows]


def define(**changes: Any) -> CalendarDefinition:
    plain: dict[str, Any] = {"timezone": "America/New_York", "open": "09:30", "close": "16:00"}
    return CalendarDefinition.parse("MINE", **(plain | changes))


def stretch(*texts: str) -> Segment:
    first, last = texts
    return _utc(first), _utc(last)


def assert_sound(opens: list[int], closes: list[int]) -> None:
    assert opens
    assert all(opened < closed for opened, closed in zip(opens, closes, strict=True))
    assert all(closed <= opened for closed, opened in zip(closes, opens[1:], strict=False))


FX = define(open="17:00", close="17:00")
CRYPTO = define(timezone="Asia/Singapore", open="08:00", close="08:00", weekdays="daily")
FUTURES = define(timezone="America/Chicago", open="17:00", close="16:00")
LUNCH = define(
    timezone="Asia/Hong_Kong",
    close="16:00",
    break_="12:00-13:00",
    holidays=["2024-12-25"],
    early_closes={"2024-12-24": "12:00", "2024-12-27": "12:30", "2024-12-30": "14:00", "2024-12-31": "11:00"},
)
NIGHT = define(
    timezone="Asia/Shanghai",
    open="21:00",
    close="15:00",
    break_=["02:30 - 09:00", "10:15-10:30", "11:30-13:30"],
    early_closes={"2024-06-05": "23:30", "2024-06-06": "01:00"},
)


@pytest.mark.parametrize(
    ("definition", "day", "expected"),
    [
        (FX, "2024-03-08", [("2024-03-07T22:00", "2024-03-08T22:00")]),
        (FX, "2024-03-11", [("2024-03-10T21:00", "2024-03-11T21:00")]),  # opens on Sunday
        (FX, "2024-03-10", []),
        (FX, "2024-11-04", [("2024-11-03T22:00", "2024-11-04T22:00")]),
        (CRYPTO, "2024-06-02", [("2024-06-01T00:00", "2024-06-02T00:00")]),  # named by the day it closes
        (FUTURES, "2024-06-03", [("2024-06-02T22:00", "2024-06-03T21:00")]),
        (FUTURES, "2024-06-04", [("2024-06-03T22:00", "2024-06-04T21:00")]),  # an hour of maintenance
        (FUTURES, "2024-06-08", []),
        (
            LUNCH,
            "2024-12-23",
            [("2024-12-23T01:30", "2024-12-23T04:00"), ("2024-12-23T05:00", "2024-12-23T08:00")],
        ),
        (LUNCH, "2024-12-24", [("2024-12-24T01:30", "2024-12-24T04:00")]),  # closes as the break starts
        (LUNCH, "2024-12-25", []),
        (LUNCH, "2024-12-27", [("2024-12-27T01:30", "2024-12-27T04:00")]),  # closes inside the break
        (
            LUNCH,
            "2024-12-30",
            [("2024-12-30T01:30", "2024-12-30T04:00"), ("2024-12-30T05:00", "2024-12-30T06:00")],
        ),
        (LUNCH, "2024-12-31", [("2024-12-31T01:30", "2024-12-31T03:00")]),  # closes before the break
        (
            NIGHT,
            "2024-06-04",
            [
                ("2024-06-03T13:00", "2024-06-03T18:30"),  # the break starts past midnight
                ("2024-06-04T01:00", "2024-06-04T02:15"),
                ("2024-06-04T02:30", "2024-06-04T03:30"),
                ("2024-06-04T05:30", "2024-06-04T07:00"),
            ],
        ),
        (NIGHT, "2024-06-05", [("2024-06-04T13:00", "2024-06-04T15:30")]),  # closes before midnight
        (NIGHT, "2024-06-06", [("2024-06-05T13:00", "2024-06-05T17:00")]),  # closes past midnight
        (define(open="18:00", close="24:00"), "2024-06-03", [("2024-06-03T22:00", "2024-06-04T04:00")]),
        (define(weekdays="sun-thu"), "2024-06-02", [("2024-06-02T13:30", "2024-06-02T20:00")]),
        (define(weekdays="sun-thu"), "2024-06-07", []),
        (
            define(open="00:00:30", close="00:01:30", weekdays="daily"),
            "2024-06-03",
            [("2024-06-03T04:00:30", "2024-06-03T04:01:30")],
        ),
    ],
)
def test_a_definition_gives_the_sessions_it_describes(
    definition: CalendarDefinition, day: str, expected: list[tuple[str, str]]
) -> None:
    assert described(definition, day) == [stretch(*texts) for texts in expected]


@pytest.mark.parametrize(
    ("changes", "day", "expected"),
    [
        # New York skips 02:00 to 03:00 on 2024-03-10, at 07:00 UTC, and shows 01:00 to 02:00 twice on 11-03.
        ({"open": "00:00", "close": "24:00"}, "2024-03-10", [("2024-03-10T05:00", "2024-03-11T04:00")]),
        ({"open": "00:00", "close": "24:00"}, "2024-11-03", [("2024-11-03T04:00", "2024-11-04T05:00")]),
        ({"open": "02:30", "close": "03:30"}, "2024-03-10", [("2024-03-10T07:00", "2024-03-10T07:30")]),
        ({"open": "01:30", "close": "02:30"}, "2024-03-10", [("2024-03-10T06:30", "2024-03-10T07:00")]),
        ({"open": "02:10", "close": "02:50"}, "2024-03-10", []),
        ({"open": "02:10", "close": "02:50"}, "2024-03-11", [("2024-03-11T06:10", "2024-03-11T06:50")]),
        ({"open": "01:30", "close": "02:30"}, "2024-11-03", [("2024-11-03T05:30", "2024-11-03T07:30")]),
        (
            {"open": "01:00", "close": "04:00", "break_": "02:15-02:45"},
            "2024-03-10",
            [("2024-03-10T06:00", "2024-03-10T07:00"), ("2024-03-10T07:00", "2024-03-10T08:00")],
        ),
        (  # the part between two breaks falls out of the day, and the count closes up
            {"open": "01:00", "close": "04:00", "break_": ["01:30-02:15", "02:45-03:15"]},
            "2024-03-10",
            [("2024-03-10T06:00", "2024-03-10T06:30"), ("2024-03-10T07:15", "2024-03-10T08:00")],
        ),
    ],
)
def test_clock_changes_inside_a_session(changes: dict[str, Any], day: str, expected: list[tuple[str, str]]) -> None:
    assert described(define(weekdays="daily", **changes), day) == [stretch(*texts) for texts in expected]


def test_a_day_that_never_was_has_no_session() -> None:
    samoa = define(timezone="Pacific/Apia", open="00:00", close="24:00", weekdays="daily")
    assert described(samoa, "2011-12-29") == [stretch("2011-12-29T10:00", "2011-12-30T10:00")]
    assert described(samoa, "2011-12-30") == []
    assert described(samoa, "2011-12-31") == [stretch("2011-12-30T10:00", "2011-12-31T10:00")]


@pytest.mark.parametrize(
    ("timezone", "year"),
    [
        ("Australia/Lord_Howe", 2024),
        ("America/Sao_Paulo", 2018),
        ("Pacific/Apia", 2011),
        ("Asia/Beirut", 2022),
        ("Antarctica/Troll", 2024),
    ],
)
@pytest.mark.parametrize(
    "hours",
    [
        {"open": "00:00", "close": "00:00", "break_": ["00:10-00:20", "01:45-02:05", "23:20-23:40"]},
        {"open": "02:15", "close": "02:15", "break_": ["23:30-00:15", "01:30-02:00"]},
        {"open": "23:45", "close": "00:15"},
    ],
)
def test_segments_stay_sound_through_every_clock_change(timezone: str, year: int, hours: dict[str, Any]) -> None:
    definition = define(timezone=timezone, weekdays="daily", **hours)
    rows = list(definition.segments(date(year, 1, 1), date(year, 12, 31)))
    assert_sound([row[2] for row in rows], [row[3] for row in rows])
    assert len({row[0] for row in rows}) >= 364


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timezone": "America/NewYork"}, r"timezone 'America/NewYork' is not .*America/New_York"),
        ({"timezone": "America"}, "timezone 'America' is not an IANA name"),
        ({"timezone": "localtime"}, "timezone 'localtime' is not an IANA name"),
        ({"open": "9.30"}, r"open '9\.30' is not a wall clock time; give HH:MM"),
        ({"close": "25:00"}, "close '25:00' is not"),
        ({"close": time(16, tzinfo=UTC)}, "close .* is not a wall clock time"),
        ({"break_": "noon"}, "break 'noon' is not a stretch of time; give HH:MM-HH:MM"),
        ({"break_": "08:00-10:00"}, "break 08:00-10:00 must lie between open 09:30 and close 16:00"),
        ({"break_": "09:30-10:00"}, "break 09:30-10:00 must lie between"),
        ({"break_": "15:00-16:00"}, "break 15:00-16:00 must lie between"),
        ({"break_": "13:00-12:00"}, "break 13:00-12:00 must lie between"),
        ({"break_": ["12:00-13:00", "12:30-14:00"]}, "break 12:00-13:00, 12:30-14:00 must lie"),
        ({"break_": ["12:00-13:00", "13:00-14:00"]}, "touching"),
        ({"weekdays": "mon-funday"}, "weekdays 'mon-funday': 'mon-funday' is none of mon, tue"),
        ({"weekdays": ""}, "weekdays ''"),
        ({"holidays": ["2024-13-01"]}, "holidays '2024-13-01' is not a date; give YYYY-MM-DD"),
        ({"holidays": [datetime(2024, 1, 1)]}, "holidays .* is not a date"),
        (
            {"early_closes": {"2024-12-24": "16:30"}},
            "early_closes 2024-12-24 16:30 must lie between open 09:30",
        ),
        ({"early_closes": {"2024-12-24": "16:00"}}, "early_closes 2024-12-24 16:00 must lie"),
        ({"early_closes": {"2024-12-24": "09:30"}}, "early_closes 2024-12-24 09:30 must lie"),
        ({"early_closes": {"2024-12-24": "09:00"}}, "early_closes 2024-12-24 09:00 must lie"),
        ({"early_closes": {"2024-12-22": "13:00"}}, "early_closes 2024-12-22 has no session"),
        (
            {"holidays": ["2024-12-24"], "early_closes": {"2024-12-24": "13:00"}},
            "early_closes 2024-12-24 has no session: a holiday",
        ),
    ],
)
def test_a_definition_without_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CalendarError, match=message):
        define(**changes)


@pytest.mark.parametrize("name", ["", " ", "two\nlines", None])
def test_a_calendar_needs_a_name(name: Any) -> None:
    with pytest.raises(CalendarError, match="no name for a calendar; give printable text"):
        CalendarDefinition.parse(name, timezone="UTC", open="08:00", close="16:00")


def test_a_name_has_no_blanks_around_it() -> None:
    """Whoever asks for a calendar is answered without them."""
    assert CalendarDefinition.parse(" FX ", timezone="UTC", open="08:00", close="16:00").name == "FX"
    with pytest.raises(CalendarError, match="' FX ' is no name"):
        CalendarDefinition(" FX ", "UTC", time(8), time(16))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("mon-fri", (1, 2, 3, 4, 5)),
        ("sun-thu", (1, 2, 3, 4, 7)),
        ("Mon, Wed,fri", (1, 3, 5)),
        ("sat-mon,wed", (1, 3, 6, 7)),
        ("daily", (1, 2, 3, 4, 5, 6, 7)),
        ("sun", (7,)),
    ],
)
def test_weekdays_are_read(text: str, numbers: tuple[int, ...]) -> None:
    assert define(weekdays=text).weekdays == numbers


@pytest.mark.parametrize("definition", [FX, CRYPTO, FUTURES, LUNCH, NIGHT, define(open="09:30:15")])
def test_a_definition_survives_json(definition: CalendarDefinition) -> None:
    assert CalendarDefinition.from_json(definition.to_json()) == definition


def test_equal_definitions_are_written_alike() -> None:
    one = define(weekdays="wed,mon", holidays=["2024-12-25", "2024-07-04"], early_closes={})
    two = define(weekdays="mon,wed", holidays=[date(2024, 7, 4), "2024-12-25", "2024-07-04"], open=time(9, 30))
    assert one == two and one.to_json() == two.to_json()
    assert one.holidays == (date(2024, 7, 4), date(2024, 12, 25))


def test_a_toml_table_is_a_definition() -> None:

    table = tomllib.loads("""
        timezone = "Asia/Hong_Kong"
        open = "09:30"
        close = 16:00:00
        break = "12:00-13:00"
        holidays = [2024-12-25]
        [early_closes]
        2024-12-24 = "12:00"
        "2024-12-27" = "12:30"
        2024-12-30 = "14:00"
        2024-12-31 = 11:00:00
    """)
    assert CalendarDefinition.from_table("MINE", table) == LUNCH
    with pytest.raises(CalendarError, match="'opens' is unknown, 'open' is missing; allowed are timezone, open"):
        CalendarDefinition.from_table("MINE", {"timezone": "UTC", "close": "16:00", "opens": 8})


WEEK = {"timezone": "UTC", "open": "09:00", "close": "17:00", "break": "12:00-13:00"}


@pytest.mark.parametrize(
    ("more", "day", "expected"),
    [
        ({"late_opens": {"2024-12-27": "10:30"}}, "2024-12-27", ["10:30-12:00", "13:00-17:00"]),
        ({"late_opens": {"2024-12-27": "12:30"}}, "2024-12-27", ["13:00-17:00"]),
        ({"late_opens": {"2024-12-27": "14:00"}}, "2024-12-27", ["14:00-17:00"]),
        (
            {"late_opens": {"2024-12-27": "10:00"}, "early_closes": {"2024-12-27": "11:00"}},
            "2024-12-27",
            ["10:00-11:00"],
        ),
        ({"hours": {"fri": {"open": "09:00", "close": "12:00"}}}, "2024-12-27", ["09:00-12:00"]),
        ({"hours": {"fri": {"open": "09:00", "close": "12:00"}}}, "2024-12-26", ["09:00-12:00", "13:00-17:00"]),
        ({"changes": [{"from": "2024-12-27", "close": "15:00", "break": []}]}, "2024-12-27", ["09:00-15:00"]),
        ({"changes": [{"from": "2024-12-27", "close": "15:00"}]}, "2024-12-26", ["09:00-12:00", "13:00-17:00"]),
        ({"changes": [{"from": "2024-12-27", "weekdays": "sun-thu"}]}, "2024-12-27", []),
        ({"changes": [{"from": "2024-12-27", "weekdays": "sun-thu"}]}, "2024-12-29", ["09:00-12:00", "13:00-17:00"]),
        ({"sessions": {"2024-12-28": {"open": "10:00", "close": "11:00"}}}, "2024-12-28", ["10:00-11:00"]),
        ({"sessions": {"2024-12-27": False}}, "2024-12-27", []),
    ],
)
def test_days_have_hours_of_their_own(more: dict[str, Any], day: str, expected: list[str]) -> None:
    definition = CalendarDefinition.from_table("OWN", WEEK | more)
    asked = datetime.fromisoformat(day).date()
    found = [
        "-".join(f"{datetime.fromtimestamp(edge, UTC):%H:%M}" for edge in edges)
        for _, _, *edges in definition.segments(asked, asked)
    ]
    assert found == expected
    assert CalendarDefinition.from_json(definition.to_json()) == definition


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"late_opens": {"2024-12-28": "10:00"}}, "late_opens 2024-12-28 has no session"),
        ({"late_opens": {"2024-12-27": "18:00"}}, "late_opens 2024-12-27 18:00 must lie between"),
        ({"hours": {"sat": {"open": "09:00", "close": "12:00"}}}, "hours of sat, which is not one of the weekdays"),
        ({"hours": {"fri": "09:00-12:00"}}, "is no table; write hours as"),
        ({"changes": [{"close": "15:00"}]}, "each is a table that says from which date on"),
        ({"changes": [{"from": "2025-01-06"}, {"from": "2024-01-08"}]}, "write them in the order of time"),
        ({"changes": [{"from": "2025-01-06", "holidays": []}]}, "'holidays' is unknown; allowed are from, open"),
        ({"sessions": {"2024-12-28": "10:00"}}, "is neither hours nor false"),
    ],
)
def test_hours_of_days_that_make_no_sense_are_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(CalendarError, match=message):
        CalendarDefinition.from_table("OWN", WEEK | more)


def test_weeks_hold_sessions_before_and_after_a_weekend_moved() -> None:
    moved = {"weekdays": "sun-thu", "changes": [{"from": "2022-01-03", "weekdays": "mon-fri"}]}
    assert CalendarDefinition.from_table("DFM", WEEK | moved).week_origin().isoformat() == "1970-01-04"
