"""On which weekday the weeks of a calendar start."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.calendars.exchange import sessions
from barhouse.store.calendars.week import week_origin
from barhouse.store.errors import CalendarError
from barhouse.store.model.anchor import WEEKDAYS

#: The first Monday after 1970-01-01 lies in the week that is counted from.
ORIGINS = {
    "mon": date(1970, 1, 5),
    "sun": date(1970, 1, 4),
    "sat": date(1970, 1, 3),
    "fri": date(1970, 1, 2),
    "thu": date(1970, 1, 1),
    "wed": date(1969, 12, 31),
    "tue": date(1969, 12, 30),
}


def days(weekdays: str, first: date, last: date) -> list[date]:
    every = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in every if WEEKDAYS[day.weekday()] in weekdays.split()]


YEARS = (date(2020, 1, 1), date(2023, 12, 31))
PATTERNS = [
    ("mon tue wed thu fri", "mon"),
    ("sun mon tue wed thu", "sun"),
    ("sat sun mon tue wed", "sat"),
    ("sat sun mon tue wed thu", "sat"),
    ("mon tue wed thu fri sat", "mon"),
    ("sun mon tue wed thu fri", "sun"),
    ("tue wed thu fri sat sun", "mon"),  # its weekend is Monday: the week from Monday holds what follows it
    ("mon wed fri", "mon"),
    ("fri", "mon"),
    ("mon tue wed thu fri sat sun", "mon"),  # no weekend
]


@pytest.mark.parametrize(("weekdays", "starts"), PATTERNS)
def test_a_week_starts_after_the_weekend(weekdays: str, starts: str) -> None:
    assert week_origin(days(weekdays, *YEARS)) == ORIGINS[starts]
    own = CalendarDefinition.parse(
        "OWN", timezone="UTC", open="09:00", close="17:00", weekdays=",".join(weekdays.split())
    )
    assert own.week_origin() == ORIGINS[starts]


def test_single_sessions_on_a_weekend_move_nothing() -> None:
    special = [
        date(2021, 11, 14),
        date(2022, 10, 23),
        date(2023, 11, 12),
        *days("sun", date(2022, 1, 1), date(2022, 1, 31)),
    ]
    assert week_origin([*days("mon tue wed thu fri", *YEARS), *special]) == ORIGINS["mon"]
    assert week_origin([*days("sun mon tue wed thu", *YEARS), date(2021, 3, 5), date(2021, 3, 6)]) == ORIGINS["sun"]


@pytest.mark.parametrize(
    ("before", "after", "starts"),
    [
        ("sun mon tue wed thu", "mon tue wed thu fri", "sun"),  # Tel Aviv 2026, the Emirates 2022
        ("sat sun mon tue wed", "sun mon tue wed thu", "sat"),  # Saudi Arabia 2013
        ("sat sun mon tue wed", "mon tue wed thu fri", "sat"),
        ("mon tue wed thu fri sat", "mon tue wed thu fri", "mon"),  # New York 1952
    ],
)
def test_one_week_holds_those_before_and_after_a_weekend_moved(before: str, after: str, starts: str) -> None:
    change = date(2022, 1, 1)
    known = days(before, YEARS[0], change - timedelta(days=1)) + days(after, change, YEARS[1])
    assert week_origin(known) == ORIGINS[starts]


@pytest.mark.parametrize(
    ("calendar", "starts"),
    [
        ("XTAE", "sun"),
        ("XSAU", "sun"),
        ("XNYS", "mon"),
        ("XSHG", "mon"),
        ("XBOM", "mon"),
        ("XKRX", "mon"),
        ("24/7", "mon"),
    ],
)
def test_weeks_of_exchanges(calendar: str, starts: str) -> None:
    assert sessions(calendar, date(2023, 1, 1), date(2024, 12, 31)).week_origin == ORIGINS[starts]


def test_the_day_can_be_said() -> None:
    hours = {"timezone": "Asia/Dubai", "open": "10:00", "close": "15:00", "weekdays": "sun-thu"}
    said = CalendarDefinition.from_table("DFM", {**hours, "week_starts": "Sat"})
    assert said.week_origin() == ORIGINS["sat"]
    assert CalendarDefinition.from_json(said.to_json()) == said
    assert "week_starts" not in CalendarDefinition.from_table("DFM", hours).to_json()
    with pytest.raises(CalendarError, match="week_starts 'sunday' is no weekday; give one of mon, tue"):
        CalendarDefinition.from_table("DFM", {**hours, "week_starts": "sunday"})
    with pytest.raises(CalendarError, match='week_starts = 7 is of the wrong type; write it as week_starts = "sun"'):
        CalendarDefinition.from_table("DFM", {**hours, "week_starts": 7})
