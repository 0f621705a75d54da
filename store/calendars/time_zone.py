"""Time zones: wall clocks turned into UTC, one by one or, as a table to join with, many at a time."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa

from barhouse.store.errors import CalendarError
from barhouse.store.hints import did_you_mean

EARLIEST: Final = date(1800, 1, 1)
LATEST: Final = date(2200, 12, 31)
"""Days outside are never evaluated, so that one absurd stamp cannot cost minutes or overflow a date."""

DAY_SECONDS: Final = 86_400
_SAMPLED_DAYS: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_FARTHEST_HOURS: Final = 14
_MOVED: Final = re.compile(r"(?P<zone>.*?)(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2})", re.DOTALL)

ZONE_PIECES: Final = pa.schema(
    {
        "local_day": pa.int32(),
        "local_from": pa.timestamp("us"),
        "local_to": pa.timestamp("us"),
        "offset_seconds": pa.int64(),
        "occurrence": pa.int8(),
    }
)


def zone_pieces(timezone: str, first: date, last: date) -> pa.Table:
    """Cut local days so that a join turns naive local stamps into UTC.

    Parameters
    ----------
    timezone
        As ``clock_named`` takes it.
    first, last
        Local days, both included.

    Returns
    -------
    pyarrow.Table
        Schema ``ZONE_PIECES``, ordered by local_from and occurrence. A stamp belongs to the pieces with its
        ``local_day`` (days since 1970-01-01) and ``local_from <= stamp < local_to``, and UTC is the stamp
        minus ``offset_seconds``. One piece, ``occurrence`` 0: the stamp is clear. Two, ``occurrence`` 1
        and 2: the clock went back, they are the earlier and the later instant. None: the clock skipped it.
        Days before EARLIEST and after LATEST have no pieces.

    Raises
    ------
    CalendarError
        There is no such time zone.
    """
    clock = clock_named(timezone)
    zone, ahead = clock.zone, clock.ahead_seconds
    begin, end = wall_seconds(max(first, EARLIEST)), wall_seconds(min(last, LATEST)) + DAY_SECONDS
    if begin >= end:
        return ZONE_PIECES.empty_table()
    # Two days more on either side: local time is never further from UTC. A day holds one change at most.
    marks = range(begin - 2 * DAY_SECONDS, end + 3 * DAY_SECONDS, DAY_SECONDS)
    changes = [_change(zone, *days) for days in pairwise(marks) if len({_offset(zone, mark) for mark in days}) > 1]
    stretches = [
        (since + offset, until + offset, offset)
        for since, until in pairwise([marks[0], *changes, marks[-1]])
        for offset in [_offset(zone, since) + ahead]
    ]
    edges = {edge for since, until, _ in stretches for edge in (since, until) if begin < edge < end}
    cuts = sorted(edges.union(range(begin, end + 1, DAY_SECONDS)))
    offsets: defaultdict[int, list[int]] = defaultdict(list)
    for since, until, offset in stretches:  # in UTC order, so the earlier instant comes first
        for cut in cuts[bisect_left(cuts, since) : bisect_left(cuts, until)]:
            offsets[cut].append(offset)
    rows = [
        (since // DAY_SECONDS, since, until, offset, place if len(offsets[since]) > 1 else 0)
        for since, until in pairwise(cuts)
        for place, offset in enumerate(offsets[since], start=1)
    ]
    columns = [pa.array([row[place] for row in rows], pa.int64()) for place in range(len(ZONE_PIECES))]
    columns[1:3] = [column.cast(pa.timestamp("s")) for column in columns[1:3]]
    return pa.table(columns, names=ZONE_PIECES.names).cast(ZONE_PIECES)


@cache
def _zones() -> frozenset[str]:
    # Two are the machine's own; and ZoneInfo alone would also open folders and leap-second variants.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises
    ------
    CalendarError
        There is no such time zone; names those that come close.
    """
    if not isinstance(name, str):
        raise CalendarError(f"timezone {name!r} is no IANA name; give a text such as 'America/New_York'")
    if name not in _zones():
        raise CalendarError(f"timezone {name!r} is not an IANA name{did_you_mean(name, _zones())}")
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Clock:
    """What a clock on a wall shows: the time of a zone, and so much more."""

    zone: ZoneInfo
    ahead_seconds: int = 0


def clock_named(name: str) -> Clock:
    """Return the clock of a zone, or one that always is so far from it: ``America/New_York+07:00``, ``UTC-03:00``.

    Raises
    ------
    CalendarError
        There is no such time zone, or it is moved by more than a day has.
    """
    found = _MOVED.fullmatch(name) if isinstance(name, str) and name not in _zones() else None
    if found is None:
        return Clock(zone_named(name))
    zone = zone_named(found["zone"] or "UTC")
    hours, minutes = int(found["hours"]), int(found["minutes"])
    most = _FARTHEST_HOURS
    if hours > most or minutes > 59:
        raise CalendarError(f"timezone {name!r} is no clock: it is moved by {most} hours at most, as in +07:00")
    return Clock(zone, (hours * 3600 + minutes * 60) * (-1 if found["sign"] == "-" else 1))


@cache
def abbreviations(timezone: str) -> Mapping[str, int]:
    """What a zone's own clock has been called since 1970, such as EST and EDT, with the seconds it was ahead of UTC.

    Names that stood for several offsets are left out.

    Raises
    ------
    CalendarError
        There is no such time zone.
    """
    clock = clock_named(timezone)
    if clock.ahead_seconds:  # nobody calls it so
        return {}
    zone = clock.zone
    found: defaultdict[str, set[int]] = defaultdict(set)
    for day in range(0, wall_seconds(LATEST) // DAY_SECONDS, _SAMPLED_DAYS):
        shown = (_EPOCH + timedelta(days=day)).astimezone(zone)
        found[shown.tzname() or ""].add(_offset_shown(shown))
    return {name: min(offsets) for name, offsets in found.items() if name.isalpha() and len(offsets) == 1}


def _offset(zone: ZoneInfo, instant: int) -> int:
    """Seconds to add to UTC at an instant (seconds since 1970) to get local time."""
    return _offset_shown((_EPOCH + timedelta(seconds=instant)).astimezone(zone))


def _offset_shown(shown: datetime) -> int:
    return (shown.utcoffset() or timedelta()) // timedelta(seconds=1)


def _change(zone: ZoneInfo, since: int, until: int) -> int:
    """First second after ``since``, at most ``until``, whose offset is no longer that of ``since``."""
    old = _offset(zone, since)
    return since + bisect_left(range(until - since), True, key=lambda gone: _offset(zone, since + gone) != old)


def utc_seconds(zone: ZoneInfo, wall: int) -> int:
    """Turn a wall clock into the first instant at which the clock shows it, or has passed it."""
    shown = datetime(1970, 1, 1, tzinfo=zone) + timedelta(seconds=wall)  # on the wall, not in UTC
    before, after = _offset_shown(shown), _offset_shown(shown.replace(fold=1))
    # Only in skipped time is the offset of fold 1 the larger (PEP 495); then the change lies between the two.
    return _change(zone, wall - after, wall - before) if after > before else wall - before


def wall_seconds(day: date) -> int:
    """Seconds of a clock without a zone from 1970-01-01 to the start of the day."""
    return (day - _EPOCH.date()).days * DAY_SECONDS
