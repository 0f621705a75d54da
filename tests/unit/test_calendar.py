"""Calendars, against facts written down by hand (`tests/answers/calendars.csv`) and an independent oracle."""

from __future__ import annotations

import csv
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from store import calendar as calendar_module
from store.calendar import (
    ORIGIN,
    SEGMENTS,
    ZONE_PIECES,
    CalendarDefinition,
    Sessions,
    canonical_name,
    sessions,
    zone_pieces,
)
from store.errors import CalendarError

ANSWERS = Path(__file__).parents[1] / "answers" / "calendars.csv"
DAY = timedelta(days=1)
Segment = tuple[datetime, datetime]


def answers() -> list[Any]:
    with ANSWERS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        pytest.param(*key, [_expected(row) for row in group if row["segment"]], id="-".join(key))
        for key, group in groupby(rows, key=lambda row: (row["calendar"], row["session_date"]))
    ]


def _expected(row: dict[str, str]) -> Segment:
    return _utc(row["segment_open"]), _utc(row["segment_close"])


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def known(calendar: str | CalendarDefinition) -> Sessions:
    return sessions(calendar, date(2024, 1, 1), date(2024, 12, 31))


def segments(calendar: str | CalendarDefinition, day: str) -> list[Segment]:
    """The segments of one day of a table; their numbers are checked on the way."""
    table = known(calendar).table
    rows = table.filter(pc.equal(table["session_date"], pa.scalar(date.fromisoformat(day)))).to_pylist()
    assert [row["segment"] for row in rows] == list(range(len(rows)))
    return [(row["segment_open"], row["segment_close"]) for row in rows]


def described(definition: CalendarDefinition, day: str) -> list[Segment]:
    """The segments of one day straight from the definition: the table takes longer."""
    rows = list(definition.segments(date.fromisoformat(day), date.fromisoformat(day)))
    assert [row[:2] for row in rows] == [(date.fromisoformat(day), number) for number in range(len(rows))]
    return [(datetime.fromtimestamp(row[2], UTC), datetime.fromtimestamp(row[3], UTC)) for row in rows]


def ordinals(answer: Sessions) -> dict[date, int]:
    rows = answer.table.select(["session_date", "ordinal"]).to_pylist()
    by_day = {row["session_date"]: row["ordinal"] for row in rows}
    assert all(by_day[row["session_date"]] == row["ordinal"] for row in rows), "one ordinal per session"
    return by_day


def define(**changes: Any) -> CalendarDefinition:
    plain: dict[str, Any] = {"timezone": "America/New_York", "open": "09:30", "close": "16:00"}
    return CalendarDefinition.parse("MINE", **(plain | changes))


def stretch(*texts: str) -> Segment:
    first, last = texts
    return _utc(first), _utc(last)


# ---------------------------------------------------------------- built-in calendars


@pytest.mark.parametrize(("calendar", "day", "expected"), answers())
def test_segments_are_the_known_ones(calendar: str, day: str, expected: list[Segment]) -> None:
    answer = known(calendar)
    assert answer.known_from <= date.fromisoformat(day) <= answer.known_through
    assert segments(calendar, day) == expected


def test_new_york_has_the_sessions_it_had() -> None:
    days = ordinals(known("XNYS"))
    counts = {year: sum(day.year == year for day in days) for year in range(2000, 2025)}
    assert list(counts.values()) == [
        *(252, 248, 252, 252, 252, 252, 251, 251, 253, 252),
        *(252, 252, 250, 252, 252, 252, 252, 251, 251, 252),
        *(253, 252, 251, 250, 252),
    ]
    assert days[date(2024, 1, 2)] == 6037, "the sessions of 2000 to 2023"


@pytest.mark.parametrize("calendar", ["XNYS", "XHKG", "CMES", "24/7"])
def test_tables_are_ordered_and_sound(calendar: str) -> None:
    table = known(calendar).table
    assert table.schema == SEGMENTS
    keys = list(zip(*(table[name].to_pylist() for name in ("session_date", "segment")), strict=True))
    assert keys == sorted(set(keys))
    assert_sound(*(table[name].cast(pa.int64()).to_pylist() for name in ("segment_open", "segment_close")))
    numbers = [number for number, key in zip(table["ordinal"].to_pylist(), keys, strict=True) if key[1] == 0]
    assert numbers == list(range(len(numbers)))


def assert_sound(opens: list[int], closes: list[int]) -> None:
    assert opens
    assert all(opened < closed for opened, closed in zip(opens, closes, strict=True))
    assert all(closed <= opened for closed, opened in zip(closes, opens[1:], strict=False))


@pytest.mark.parametrize("calendar", ["XNYS", "XHKG", define(weekdays="mon,thu")])
def test_ordinals_do_not_depend_on_the_range(calendar: str | CalendarDefinition) -> None:
    wide = ordinals(sessions(calendar, date(1990, 5, 5), date(2035, 5, 5)))
    narrow = ordinals(sessions(calendar, date(2024, 6, 3), date(2024, 6, 3)))
    past = ordinals(sessions(calendar, date(1995, 1, 1), date(1995, 2, 1)))
    assert min(wide) < date(1990, 6, 1) < date(1995, 1, 1) <= min(past)
    assert max(wide) > date(2035, 4, 1) > max(narrow)
    assert {day: wide[day] for day in narrow} == narrow
    assert {day: wide[day] for day in past} == past
    first = min(day for day in wide if day >= ORIGIN)
    assert (wide[first], wide[max(day for day in wide if day < ORIGIN)]) == (0, -1)
    assert sorted(wide.values()) == list(range(min(wide.values()), max(wide.values()) + 1))


@pytest.mark.parametrize("calendar", ["XNYS", "24/7", define()])
def test_the_answer_reaches_from_the_origin_to_next_year(calendar: str | CalendarDefinition) -> None:
    answer = sessions(calendar, date(2024, 6, 3), date(2024, 6, 3))
    assert answer.known_from == ORIGIN
    assert answer.known_through >= datetime.now(UTC).date() + timedelta(days=360)
    days = answer.table["session_date"].to_pylist()
    assert answer.known_through - 5 * DAY <= max(days) <= answer.known_through


def test_what_is_not_known_is_said() -> None:
    kazakh = sessions("AIXK", date(2010, 1, 1), date(2010, 2, 1))
    assert kazakh.known_from == date(2017, 1, 1)
    assert ordinals(kazakh)[min(ordinals(kazakh))] == 0, "no session at the origin: the first known is 0"
    assert sessions("XTKS", date(1980, 1, 1), date(2024, 1, 1)).known_from == date(1997, 1, 1)
    hong_kong = sessions("XHKG", date(2024, 1, 1), date(2150, 1, 1))
    assert max(ordinals(hong_kong)) <= hong_kong.known_through < date(2150, 1, 1)
    # Before 1970 pandas has no holiday rules: every weekday, Christmas too, would be a session.
    new_york = sessions("XNYS", date(1950, 1, 1), date(2024, 1, 1))
    assert new_york.known_from == min(ordinals(new_york)) - DAY == date(1970, 1, 1)
    with pytest.raises(CalendarError, match="first 2024-02-01 is after last 2024-01-01"):
        sessions("24/7", date(2024, 2, 1), date(2024, 1, 1))


def test_a_calendar_that_refuses_early_years_starts_at_a_fixed_later_one() -> None:
    import exchange_calendars
    import pandas as pd

    class Contradictory(type(exchange_calendars.get_calendar("XNYS"))):  # type: ignore[misc]
        name = "XTST"

        def __init__(self, start: pd.Timestamp, end: pd.Timestamp) -> None:
            if start < pd.Timestamp("2006-06-06"):
                raise ValueError("Special dates are not sessions")
            super().__init__(start=start, end=end)

    class Hopeless(Contradictory):
        name = "XNIL"

        def __init__(self, start: pd.Timestamp, end: pd.Timestamp) -> None:
            raise ValueError("Special dates are not sessions")

    exchange_calendars.register_calendar_type("XTST", Contradictory)
    exchange_calendars.register_calendar_type("XNIL", Hopeless)
    try:
        for first in (date(1985, 1, 1), date(2003, 3, 3), date(2024, 1, 1)):
            answer = sessions("XTST", first, date(2024, 2, 1))
            assert answer.known_from == date(2010, 1, 1)
            assert ordinals(answer)[date(2010, 1, 4)] == 0
        with pytest.raises(CalendarError, match=r"'XNIL' cannot be evaluated with .*pandas.*Special dates"):
            sessions("XNIL", date(2024, 1, 1), date(2024, 2, 1))
    finally:
        exchange_calendars.deregister_calendar("XTST")
        exchange_calendars.deregister_calendar("XNIL")


def test_weekend_sessions_are_there_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # pandas 3.1 makes exchange_calendars 4.13 forget them without a word.
    try:
        seoul = ordinals(sessions("XKRX", date(1998, 11, 1), date(2024, 1, 1)))
        assert date(1998, 11, 28) in seoul, "Seoul traded on Saturdays until 1998-12-05"
        assert date(1998, 12, 12) not in seoul
    except CalendarError as error:
        assert "pandas < 3.1" in str(error)
        assert tuple(int(part) for part in version("pandas").split(".")[:2]) >= (3, 1)
    monkeypatch.setattr(calendar_module, "_weekmasks_work", lambda: False)
    with pytest.raises(
        CalendarError, match=r"'XKRX' would silently lose its weekend sessions.*pandas < 3\.1"
    ):
        sessions("XKRX", date(2025, 1, 1), date(2025, 2, 1))
    assert sessions("XLON", date(2025, 1, 1), date(2025, 2, 1)).table.num_rows > 6000, (
        "others are not touched"
    )


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("XNYS", "XNYS"),
        ("NYSE", "XNYS"),
        ("NASDAQ", "XNYS"),
        ("xnys", "XNYS"),
        (" lse ", "XLON"),
        ("US_Futures", "us_futures"),
        ("24/5", "24/5"),
        ("24/7", "24/7"),
    ],
)
def test_a_calendar_has_one_name(given: str, name: str) -> None:
    assert canonical_name(given) == name


@pytest.mark.parametrize(
    ("given", "hint"),
    [("NYES", "NYSE"), ("XNY", "XNYS"), ("24x7", "24/7"), ("", ""), ("Rhubarb Exchange", "")],
)
def test_an_unknown_calendar_is_named_with_a_way_out(given: str, hint: str) -> None:
    with pytest.raises(CalendarError) as caught:
        sessions(given, date(2024, 1, 1), date(2024, 1, 2))
    message = str(caught.value)
    assert repr(given) in message and "barhouse calendar add" in message
    assert hint in message and ("did you mean" in message) == bool(hint)


def test_the_slow_libraries_are_imported_only_for_exchanges() -> None:
    lines = [
        "import sys; from datetime import date; from store.calendar import *",
        "assert 'pandas' not in sys.modules",
        "sessions('24/7', date(2024, 1, 1), date(2024, 1, 2)); zone_pieces('UTC', ORIGIN, ORIGIN)",
        "sessions(CalendarDefinition.parse('A', timezone='UTC', open='08:00', close='9:00'), ORIGIN, ORIGIN)",
        "assert 'exchange_calendars' not in sys.modules",
        "canonical_name('XNYS')",
        "assert 'exchange_calendars' in sys.modules",
    ]
    root = Path(str(calendar_module.__file__)).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], check=False, cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- calendars of one's own

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


def test_the_table_holds_what_the_definition_describes() -> None:
    assert known(LUNCH).table.schema == SEGMENTS
    for day in ("2000-01-03", "2024-12-23", "2024-12-24", "2024-12-25", "2024-12-28", "2024-12-30"):
        assert segments(LUNCH, day) == described(LUNCH, day)
    days = ordinals(known(LUNCH))
    assert days[date(2000, 1, 3)] == 0, "a Monday, after the weekend of the origin"
    assert days[date(2024, 12, 26)] == days[date(2024, 12, 24)] + 1


def test_a_calendar_that_never_opens_is_empty() -> None:
    never = CalendarDefinition("NEVER", "UTC", time(8), time(16), weekdays=())
    answer = sessions(never, ORIGIN, ORIGIN)
    assert (answer.table.num_rows, answer.table.schema) == (0, SEGMENTS)


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
def test_clock_changes_inside_a_session(
    changes: dict[str, Any], day: str, expected: list[tuple[str, str]]
) -> None:
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
def test_segments_stay_sound_through_every_clock_change(
    timezone: str, year: int, hours: dict[str, Any]
) -> None:
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


def test_a_calendar_needs_a_name() -> None:
    with pytest.raises(CalendarError, match="needs a name"):
        CalendarDefinition.parse(" ", timezone="UTC", open="08:00", close="16:00")


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
    two = define(
        weekdays="mon,wed", holidays=[date(2024, 7, 4), "2024-12-25", "2024-07-04"], open=time(9, 30)
    )
    assert one == two and one.to_json() == two.to_json()
    assert one.holidays == (date(2024, 7, 4), date(2024, 12, 25))


def test_a_toml_table_is_a_definition() -> None:
    import tomllib

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
    with pytest.raises(
        CalendarError, match="'hours' is unknown, 'open' is missing; allowed are timezone, open"
    ):
        CalendarDefinition.from_table("MINE", {"timezone": "UTC", "close": "16:00", "hours": 8})


# ---------------------------------------------------------------- local stamps to UTC


def pieces(timezone: str, first: str, last: str) -> list[dict[str, Any]]:
    table = zone_pieces(timezone, date.fromisoformat(first), date.fromisoformat(last))
    assert table.schema == ZONE_PIECES
    return table.to_pylist()


def _every_minute(first: datetime, last: datetime) -> Iterator[datetime]:
    while first < last:
        yield first
        first += timedelta(minutes=1)


@pytest.mark.parametrize(
    ("timezone", "first", "last", "ambiguous_minutes", "skipped_minutes"),
    [
        ("UTC", "2024-03-09", "2024-03-11", 0, 0),
        ("Asia/Kolkata", "2024-03-09", "2024-03-11", 0, 0),
        ("America/New_York", "2024-03-09", "2024-03-11", 0, 60),
        ("America/New_York", "2024-11-02", "2024-11-04", 60, 0),
        ("Europe/Dublin", "2024-10-26", "2024-10-28", 60, 0),
        ("Australia/Lord_Howe", "2024-04-06", "2024-04-08", 30, 0),
        ("Australia/Lord_Howe", "2024-10-05", "2024-10-07", 0, 30),
        ("America/Sao_Paulo", "2018-02-16", "2018-02-18", 60, 0),  # the hour before midnight, twice
        ("America/Sao_Paulo", "2018-11-03", "2018-11-05", 0, 60),  # the day starts at 01:00
        ("Asia/Beirut", "2022-03-26", "2022-03-28", 0, 60),
        ("Asia/Beirut", "2022-10-29", "2022-10-31", 60, 0),
        ("Pacific/Apia", "2011-12-28", "2012-01-01", 0, 1440),  # a day skipped whole
        ("America/Caracas", "2007-12-08", "2007-12-10", 30, 0),
        ("Africa/Casablanca", "2024-03-09", "2024-03-11", 60, 0),
        ("Antarctica/Troll", "2024-03-30", "2024-04-01", 0, 120),
        ("Pacific/Kwajalein", "1993-08-20", "1993-08-22", 0, 1440),
    ],
)
def test_zone_pieces_match_every_minute(
    timezone: str, first: str, last: str, ambiguous_minutes: int, skipped_minutes: int
) -> None:
    zone = ZoneInfo(timezone)
    begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last) + DAY
    # The oracle goes the other way: every UTC minute is shown on the local clock.
    shown: dict[datetime, list[datetime]] = {local: [] for local in _every_minute(begin, end)}
    for instant in _every_minute(begin.replace(tzinfo=UTC) - 2 * DAY, end.replace(tzinfo=UTC) + 2 * DAY):
        local = instant.astimezone(zone).replace(tzinfo=None)
        if local in shown:
            shown[local].append(instant)
    assert sum(len(instants) == 2 for instants in shown.values()) == ambiguous_minutes
    assert sum(len(instants) == 0 for instants in shown.values()) == skipped_minutes

    rows = pieces(timezone, first, last)
    starts = [row["local_from"] for row in rows]
    for local, instants in shown.items():
        near = rows[max(0, bisect_right(starts, local) - 2) : bisect_right(starts, local)]
        found = [row for row in near if row["local_from"] <= local < row["local_to"]]
        assert all(row["local_day"] == (local.date() - date(1970, 1, 1)).days for row in found)
        utc = [(local - timedelta(seconds=row["offset_seconds"])).replace(tzinfo=UTC) for row in found]
        assert utc == instants, local
        assert [row["occurrence"] for row in found] == ([0], [1, 2])[len(found) > 1][: len(found)]


def test_zone_pieces_of_a_plain_day_is_one_row() -> None:
    assert pieces("Asia/Tokyo", "2024-06-03", "2024-06-03") == [
        {
            "local_day": 19877,
            "local_from": datetime(2024, 6, 3),
            "local_to": datetime(2024, 6, 4),
            "offset_seconds": 9 * 3600,
            "occurrence": 0,
        }
    ]


def test_zone_pieces_cut_at_the_second() -> None:
    # Liberia went from 44 minutes and 30 seconds behind UTC to UTC on 1972-01-07.
    rows = pieces("Africa/Monrovia", "1972-01-06", "1972-01-07")
    assert [(row["local_from"], row["local_to"], row["offset_seconds"]) for row in rows] == [
        (datetime(1972, 1, 6), datetime(1972, 1, 7), -2670),
        (datetime(1972, 1, 7, 0, 44, 30), datetime(1972, 1, 8), 0),
    ]


def test_zone_pieces_ignore_absurd_days() -> None:
    rows = pieces("UTC", "0001-01-01", "1800-01-02")
    assert [row["local_from"].date() for row in rows] == [date(1800, 1, 1), date(1800, 1, 2)]
    assert pieces("UTC", "9998-01-01", "9999-12-31") == []
    assert pieces("UTC", "2024-01-02", "2024-01-01") == []
    assert pieces("Pacific/Apia", "2011-12-30", "2011-12-30") == [], "a day that never was"


@pytest.mark.parametrize("given", ["Europe/Londn", "europe/london", "EUROPE/LONDON"])
def test_an_unknown_zone_is_named_with_near_ones(given: str) -> None:
    with pytest.raises(CalendarError, match=rf"timezone '{given}' .*did you mean .*Europe/London"):
        zone_pieces(given, ORIGIN, ORIGIN)
