"""Exchange sessions, as segments in UTC.

The only module that knows ``exchange_calendars``. That library, and the pandas it stands on, cost most of a
second to import, so they are imported inside the functions that need them: never for ``24/7`` or for a
calendar of one's own. Nor is pyarrow.compute, by those who only read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

import pyarrow as pa

from barhouse.store.calendars.correction import SessionCorrection
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.calendars.time_zone import EARLIEST, LATEST, zone_named
from barhouse.store.calendars.week import week_origin
from barhouse.store.errors import CalendarError
from barhouse.store.hints import Action, did_you_mean

ORIGIN: Final = date(2000, 1, 1)
"""Ordinal 0 is the first session on or after this date. It never moves: blocks of N days count from it."""

ALWAYS_OPEN: Final = "24/7"
#: The futures of CME with their daily pause: what closes at 17:00 in Chicago in ``_UNPAUSED``, where the next session
#: opens, closes at 16:00 in it. https://www.cmegroup.com/activetrader/Products/EquityIndex?s=EP
PAUSED: Final = "CMES_PAUSE"
_UNPAUSED = "CMES"

_UTC = pa.timestamp("us", "UTC")
SEGMENTS: Final = pa.schema(
    {
        "session_date": pa.date32(),
        "ordinal": pa.int32(),
        "segment": pa.int8(),
        "segment_open": _UTC,
        "segment_close": _UTC,
    }
)


@dataclass(frozen=True)
class CalendarSessions:
    """What a calendar says about a range of dates.

    Attributes
    ----------
    table
        One row per segment, schema ``SEGMENTS``, ordered by session_date and segment. Segments are half-open,
        never empty, never overlap; neighbours may touch. ``ordinal`` counts sessions, ``segment`` from 0.
    known_from, known_through
        First and last date (both included) for which ``table`` is complete: a date between them without a row
        has no session; about a date outside nothing is known.
    timezone
        IANA name of the zone the calendar's wall clock is in.
    week_origin
        From which date its weeks count: the first day of one of them.
    """

    table: pa.Table
    known_from: date
    known_through: date
    timezone: str
    week_origin: date


def canonical_name(name: str, others: Iterable[str] = ()) -> str:
    """Return the one name of a built-in calendar: ``NYSE`` and ``xnys`` are ``XNYS``.

    ``others`` are names that the error for an unknown one may suggest as well.

    Raises
    ------
    CalendarError
        There is no such calendar; calendars of one's own are not looked for here.
    """
    given = name.strip()
    if given == ALWAYS_OPEN:
        return given
    if given.casefold() == PAUSED.casefold():
        return PAUSED
    import exchange_calendars

    names = [PAUSED, *exchange_calendars.get_calendar_names(include_aliases=True)]
    same = [given] if given in names else [known for known in names if known.casefold() == given.casefold()]
    resolved = {str(exchange_calendars.resolve_alias(known)) for known in same}
    if len(resolved) == 1:
        return resolved.pop()
    meant = did_you_mean(given, [*others, *names])
    raise CalendarError(
        f"calendar {name!r} is unknown{meant}; take {ALWAYS_OPEN} for what trades all the time, an "
        f"exchange by its code such as XNYS, or define one of your own with {Action('add_calendar')}"
    )


def timezone_of(name: str) -> str:
    """Return the IANA name of the zone that a built-in calendar's wall clock is in; the name must be canonical.

    Raises
    ------
    CalendarError
        There is no such calendar any more.
    """
    if name == ALWAYS_OPEN:
        return "UTC"
    from exchange_calendars.calendar_utils import global_calendar_dispatcher

    factory = global_calendar_dispatcher._calendar_factories.get(_UNPAUSED if name == PAUSED else name)
    if factory is None:
        raise CalendarError(f"calendar {name!r} is not known to {_versions()}")
    return str(factory.tz)


def sessions(calendar: str | CalendarDefinition, first: date, last: date) -> CalendarSessions:
    """Return the sessions of a calendar.

    The answer covers more than was asked: from ORIGIN at the latest, so that ordinals never depend on the
    range, to about a year ahead at least. It can also cover less, where the calendar is not known: compare
    ``known_from`` and ``known_through``.

    Ordinal 0 is the first session on or after ORIGIN (for an exchange known only from a later day, its first
    known session); sessions before it count down from -1.

    Parameters
    ----------
    calendar
        A built-in name or alias, or a definition.
    first, last
        Session dates, both included.

    Raises
    ------
    CalendarError
        The calendar is unknown, or the installed libraries cannot evaluate it.
    """
    if first > last:
        raise CalendarError(f"calendar range: first {first} is after last {last}")
    if isinstance(calendar, str):
        name = canonical_name(calendar)
        if name != ALWAYS_OPEN:
            return _exchange_sessions(name, first, last)
        calendar = CalendarDefinition.parse(name, timezone="UTC", open="00:00", close="24:00", weekdays="daily")
    known_from = max(min(first, ORIGIN), EARLIEST)
    known_through = min(max(last, date(datetime.now(UTC).year + 1, 12, 31)), LATEST)
    return _laid_out(calendar, known_from, known_through)


@lru_cache(maxsize=16)
def _laid_out(calendar: CalendarDefinition, known_from: date, known_through: date) -> CalendarSessions:
    """The sessions of a definition between two dates."""
    rows = list(calendar.segments(known_from, known_through))
    table = _finished(calendar.name, *_as_arrays(rows))
    return CalendarSessions(table, known_from, known_through, calendar.timezone, calendar.week_origin())


def corrected(name: str, answer: CalendarSessions, corrections: Iterable[SessionCorrection]) -> CalendarSessions:
    """Return sessions with those that are otherwise than their calendar says, within the dates it is known for.

    Raises
    ------
    CalendarError
        Where a session would overlap another.
    """
    known = [one for one in corrections if answer.known_from <= one.session_date <= answer.known_through]
    if not known:
        return answer
    zone = zone_named(answer.timezone)
    rows = [
        (one.session_date, segment, *edges)
        for one in known
        for segment, edges in enumerate(one.hours.segments(zone, one.session_date) if one.hours else ())
    ]
    return replace(answer, table=replaced(name, answer.table, {one.session_date for one in known}, _as_arrays(rows)))


def replaced(name: str, table: pa.Table, days: Collection[date], segments: Iterable[pa.Array]) -> pa.Table:
    """Return segments, schema ``SEGMENTS``, with those of some days replaced by others, and counted anew.

    Parameters
    ----------
    segments
        Of those days: session_date, segment, segment_open, segment_close.
    """
    import pyarrow.compute as pc

    kept = table.filter(pc.invert(pc.is_in(table["session_date"], pa.array(sorted(days), pa.date32()))))
    columns = ("session_date", "segment", "segment_open", "segment_close")
    both = [
        pa.concat_arrays([kept[column].cast(kind).combine_chunks(), more.cast(kind)])
        for column, more in zip(columns, segments, strict=True)
        for kind in [SEGMENTS.field(column).type]
    ]
    return _finished(name, *both)


def segments_of(table: pa.Table, days: Collection[date]) -> list[pa.Array]:
    """Return the segments of some days, as ``replaced`` takes them."""
    import pyarrow.compute as pc

    found = table.filter(pc.is_in(table["session_date"], pa.array(sorted(days), pa.date32())))
    return [found[name].combine_chunks() for name in ("session_date", "segment", "segment_open", "segment_close")]


def _as_arrays(rows: Collection[tuple[date, int, int, int]]) -> list[pa.Array]:
    """Segments (date, number, open, close in seconds since 1970) as arrays."""
    columns = zip(*rows, strict=True) if rows else [()] * 4
    kinds = (pa.date32(), pa.int8(), pa.timestamp("s", "UTC"), pa.timestamp("s", "UTC"))
    return [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]


def _exchange_sessions(name: str, first: date, last: date) -> CalendarSessions:
    from exchange_calendars.calendar_utils import global_calendar_dispatcher
    from pandas.tseries.holiday import AbstractHolidayCalendar as HolidayRules

    factory = global_calendar_dispatcher._calendar_factories[_UNPAUSED if name == PAUSED else name]
    if hasattr(factory, "special_weekmasks") and not _weekmasks_work():
        raise CalendarError(
            f"calendar {name!r} would silently lose its weekend sessions with {_versions()}; install pandas < 3.1"
        )
    # Holiday rules end where pandas says, without a word: beyond, every weekday would look like a session.
    bounds = (factory.bound_min(), factory.bound_max())
    floor = max(stamp.date() for stamp in (HolidayRules.start_date, bounds[0]) if stamp is not None)
    ceiling = min(stamp.date() for stamp in (HolidayRules.end_date, bounds[1]) if stamp is not None)
    known_through = min(max(last, factory.default_end().date()), ceiling)
    asked_from = max(min(first, ORIGIN), floor)
    # Some calendars contradict themselves in early years and refuse. Fixed steps keep the ordinals the same.
    steps = (date(year, 1, 1) for year in range(floor.year, known_through.year + 1) if year % 5 == 0)
    refusal: Exception | None = None
    for known_from in (asked_from, *(step for step in steps if asked_from < step)):
        try:
            return _worked_out(name, factory, known_from, known_through)
        except CalendarError:
            raise
        except (ValueError, NotImplementedError) as error:
            refusal = refusal or error
    raise CalendarError(f"calendar {name!r} cannot be evaluated with {_versions()}: {refusal}") from refusal


@lru_cache(maxsize=16)
def _worked_out(name: str, factory: Any, known_from: date, known_through: date) -> CalendarSessions:
    """The sessions between two dates; decades of holiday rules take half a second, so a process works them out once."""
    import pandas as pd
    import pyarrow.compute as pc

    schedule = factory(start=pd.Timestamp(known_from), end=pd.Timestamp(known_through)).schedule
    if name == PAUSED:
        by_the_clock = schedule["close"].dt.tz_convert(str(factory.tz)).dt.time
        schedule["close"] -= pd.Timedelta(hours=1) * (by_the_clock == time(17))
    days = pa.array(schedule.index).cast(pa.date32())
    opens, break_starts, break_ends, closes = (
        pa.array(schedule[column]).cast(_UTC) for column in ("open", "break_start", "break_end", "close")
    )
    paused = pc.is_valid(break_starts)
    table = _finished(
        name,
        pa.concat_arrays([days, days.filter(paused)]),
        pa.array([0] * len(days) + [1] * pc.sum(paused).as_py()),
        pa.concat_arrays([opens, break_ends.filter(paused)]),
        pa.concat_arrays([pc.coalesce(break_starts, closes), closes.filter(paused)]),
    )
    return CalendarSessions(table, known_from, known_through, str(factory.tz), week_origin(schedule.index.date))


def _weekmasks_work() -> bool:
    """Try a week with an extra Saturday: pandas 3.1 ignores what exchange_calendars 4.13 overrides in it."""
    import pandas as pd
    from exchange_calendars.pandas_extensions.offsets import MultipleWeekmaskCustomBusinessDay as Days

    week = (pd.Timestamp("2024-01-15"), pd.Timestamp("2024-01-21"), "1111110")
    return bool(pd.Timestamp("2024-01-19") + Days(weekmask="1111100", weekmasks=[week]) == pd.Timestamp("2024-01-20"))


def _versions() -> str:
    return " and ".join(f"{package} {version(package)}" for package in ("exchange_calendars", "pandas"))


def _finished(name: str, *columns: pa.Array) -> pa.Table:
    """Order segments (date, number, open, close), count sessions, refuse what no later code could trust."""
    import pyarrow.compute as pc

    days = columns[0]
    before_origin = pc.count_distinct(days.filter(pc.less(days, pa.scalar(ORIGIN)))).as_py()
    ordinals = pc.subtract(pc.rank(days, tiebreaker="dense").cast(pa.int64()), before_origin + 1)
    cast = [column.cast(kind) for column, kind in zip([days, ordinals, *columns[1:]], SEGMENTS.types, strict=True)]
    table = pa.table(cast, schema=SEGMENTS).sort_by([("session_date", "ascending"), ("segment", "ascending")])
    opens, closes = table["segment_open"], table["segment_close"]
    for sound in (pc.less(opens, closes), pc.less_equal(closes[:-1], opens[1:])):
        if (row := pc.index(sound, False).as_py()) >= 0:
            day = table["session_date"][row]
            raise CalendarError(f"calendar {name!r}: a segment of {day} is empty or overlaps the next one")
    return table
