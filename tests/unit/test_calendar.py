"""Exchange sessions, against facts written down by hand (`tests/answers/calendars.csv`)."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.metadata import version
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from barhouse.store.calendars import exchange as calendar_module
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.calendars.exchange import ORIGIN, SEGMENTS, CalendarSessions, canonical_name, sessions
from barhouse.store.errors import CalendarError

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
def known(calendar: str | CalendarDefinition) -> CalendarSessions:
    return sessions(calendar, date(2024, 1, 1), date(2024, 12, 31))


def segments(calendar: str | CalendarDefinition, day: str) -> list[Segment]:
    """The segments of one day of a table; their numbers are checked on the way."""
    table = known(calendar).table
    rows = table.filter(pc.equal(table["session_date"], pa.scalar(date.fromisoformat(day)))).to_pylist()
    assert [row["segment"] for row in rows] == list(range(len(rows)))
    return [(row["segment_open"], row["segment_close"]) for row in rows]


def ordinals(answer: CalendarSessions) -> dict[date, int]:
    rows = answer.table.select(["session_date", "ordinal"]).to_pylist()
    by_day = {row["session_date"]: row["ordinal"] for row in rows}
    assert all(by_day[row["session_date"]] == row["ordinal"] for row in rows), "one ordinal per session"
    return by_day


def define(**changes: Any) -> CalendarDefinition:
    plain: dict[str, Any] = {"timezone": "America/New_York", "open": "09:30", "close": "16:00"}
    return CalendarDefinition.parse("MINE", **(plain | changes))


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

    class Contradictory(type(exchange_calendars.get_calendar("XNYS"))):
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
    with pytest.raises(CalendarError, match=r"'XKRX' would silently lose its weekend sessions.*pandas < 3\.1"):
        sessions("XKRX", date(2025, 1, 1), date(2025, 2, 1))
    assert sessions("XLON", date(2025, 1, 1), date(2025, 2, 1)).table.num_rows > 6000, "others are not touched"


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
    assert repr(given) in message and "add_calendar()" in message
    assert hint in message and ("did you mean" in message) == bool(hint)


def test_the_slow_libraries_are_imported_only_for_exchanges() -> None:
    lines = [
        "import sys; from datetime import date",
        "from barhouse.store.calendars.exchange import *; from barhouse.store.calendars.time_zone import zone_pieces",
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


def test_the_table_holds_what_the_definition_describes() -> None:
    lunch = define(
        break_="12:00-13:00",
        holidays=["2024-12-25"],
        early_closes={"2024-12-24": "12:00", "2024-12-30": "14:00"},
    )
    answer = known(lunch)
    assert answer.table.schema == SEGMENTS
    columns = (answer.table[name].to_pylist() for name in SEGMENTS.names if name != "ordinal")
    instants = [(day, segment, *stamps) for day, segment, *stamps in zip(*columns, strict=True)]
    assert [(*key, opened.timestamp(), closed.timestamp()) for *key, opened, closed in instants] == list(
        lunch.segments(answer.known_from, answer.known_through)
    )
    days = ordinals(answer)
    assert days[date(2000, 1, 3)] == 0, "a Monday, after the weekend of the origin"
    assert days[date(2024, 12, 26)] == days[date(2024, 12, 24)] + 1


def test_a_calendar_that_never_opens_is_empty() -> None:
    never = CalendarDefinition("NEVER", "UTC", time(8), time(16), weekdays=())
    answer = sessions(never, ORIGIN, ORIGIN)
    assert (answer.table.num_rows, answer.table.schema) == (0, SEGMENTS)


def test_the_pause_is_in_every_session_that_had_none() -> None:
    """What opens when the session before closes does no longer; all else is as without the pause."""
    with_pause, without = (known(name).table.to_pylist() for name in ("cmes_pause", "CMES"))
    assert known("CMES_PAUSE").timezone == "America/Chicago"
    hour = timedelta(hours=1)
    assert [row | {"segment_close": None} for row in with_pause] == [row | {"segment_close": None} for row in without]
    shorter = [
        before["segment_close"] - after["segment_close"] for before, after in zip(without, with_pause, strict=True)
    ]
    assert set(shorter) == {hour, timedelta(0)}
    assert all(later["segment_open"] - one["segment_close"] >= hour for one, later in pairwise(with_pause))
