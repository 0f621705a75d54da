"""Local stamps turned into UTC, against an oracle that goes the other way."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from barhouse.store.calendars.time_zone import ZONE_PIECES, zone_pieces
from barhouse.store.errors import CalendarError

DAY = timedelta(days=1)


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
        zone_pieces(given, date(2000, 1, 1), date(2000, 1, 1))
