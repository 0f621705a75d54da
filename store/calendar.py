"""Trading calendars, as session segments in UTC.

The only module that knows ``exchange_calendars``. That library, and the pandas it stands on, cost most of a
second to import, so they are imported inside the functions that need them: never for ``24/7`` or for a
calendar of one's own.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa
import pyarrow.compute as pc

from store.errors import CalendarError

ORIGIN: Final = date(2000, 1, 1)
"""Ordinal 0 is the first session on or after this date. It never moves: blocks of N days count from it."""

EARLIEST: Final = date(1800, 1, 1)
LATEST: Final = date(2200, 12, 31)
"""Days outside are never evaluated, so that one absurd stamp cannot cost minutes or overflow a date."""

ALWAYS_OPEN: Final = "24/7"
DAY_SECONDS: Final = 86_400
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

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
ZONE_PIECES: Final = pa.schema(
    {
        "local_day": pa.int32(),
        "local_from": pa.timestamp("us"),
        "local_to": pa.timestamp("us"),
        "offset_seconds": pa.int64(),
        "occurrence": pa.int8(),
    }
)


@dataclass(frozen=True)
class Sessions:
    """What a calendar says about a range of dates.

    Attributes
    ----------
    table
        One row per segment, schema ``SEGMENTS``, ordered by session_date and segment. Segments are half-open,
        never empty, never overlap; neighbours may touch. ``ordinal`` counts sessions, ``segment`` from 0.
    known_from, known_through
        First and last date (both included) for which ``table`` is complete: a date between them without a row
        has no session; about a date outside nothing is known.
    """

    table: pa.Table
    known_from: date
    known_through: date


@dataclass(frozen=True)
class CalendarDefinition:
    """A calendar of one's own: one trading day, in wall clock times of one zone.

    A close that is not after its open lies on the next day: the session spans midnight, and ``session_date``
    is the day it closes on. Midnight as a close is 24:00, the end of ``session_date`` itself, so 00:00 to
    00:00 is the plain day. Weekdays, holidays and early closes all name the session date.

    A wall time that a clock change skips becomes the instant of the change, and one that occurs twice is the
    first of the two. This keeps wall times in order in UTC too, so no change can make segments overlap; a
    segment that falls wholly into skipped time does not exist on that day.

    Attributes
    ----------
    timezone
        IANA name.
    breaks
        (start, end) in trading order; past midnight when the session spans it.
    weekdays
        ISO numbers, Monday is 1, ascending.
    early_closes
        (session_date, close). It may fall before a break or inside one: what comes later vanishes.
    """

    name: str
    timezone: str
    open: time
    close: time
    breaks: tuple[tuple[time, time], ...] = ()
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    holidays: tuple[date, ...] = ()
    early_closes: tuple[tuple[date, time], ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise CalendarError("a calendar needs a name; its name is empty")
        _zone(self.timezone)
        edges = self._edges()
        hours = f"open {_clock_text(self.open)} and close {_clock_text(self.close)}"
        if any(later <= earlier for earlier, later in pairwise(edges)):
            given = ", ".join(map(_break_text, self.breaks))
            raise self._refused(
                f"break {given} must lie between {hours}, in that order, none empty or touching"
            )
        for day, close in self.early_closes:
            if not self._trades(day):
                raise self._refused(
                    f"early_closes {day} has no session: a holiday or not one of the weekdays"
                )
            if edges[0] + self._after_open(close) >= edges[-1]:
                raise self._refused(f"early_closes {day} {_clock_text(close)} must lie between {hours}")

    @classmethod
    def parse(
        cls,
        name: str,
        *,
        timezone: str,
        open: str | time,
        close: str | time,
        break_: str | Iterable[str] | None = None,
        weekdays: str = "mon-fri",
        holidays: Iterable[str | date] = (),
        early_closes: Mapping[str, str | time] | Mapping[date, str | time] | None = None,
    ) -> CalendarDefinition:
        """Read a definition given as text.

        Parameters
        ----------
        open, close
            Local wall clock, ``"17:00"`` or ``"17:00:30"``; ``"24:00"`` is midnight.
        break_
            ``"12:00-13:00"``, or several.
        weekdays
            ``"mon-fri"``, ``"sun-thu"``, ``"mon,wed,fri"`` or ``"daily"``.
        holidays, early_closes
            ISO dates; the latter with the time of the close.

        Raises
        ------
        CalendarError
            Names the parameter, the value and what is allowed.
        """
        texts = [break_] if isinstance(break_, str) else list(break_ or ())
        return cls(
            name=name,
            timezone=timezone,
            open=_clock("open", open),
            close=_clock("close", close),
            breaks=tuple(map(_break, texts)),
            weekdays=_weekdays(weekdays),
            holidays=tuple(sorted({_date("holidays", day) for day in holidays})),
            early_closes=tuple(
                sorted(
                    (_date("early_closes", day), _clock("early_closes", close))
                    for day, close in (early_closes or {}).items()
                )
            ),
        )

    @classmethod
    def from_table(cls, name: str, table: Mapping[str, Any]) -> CalendarDefinition:
        """Read a definition from a TOML table: the parameters of `parse`, with ``break`` for ``break_``."""
        allowed = ("timezone", "open", "close", "break", "weekdays", "holidays", "early_closes")
        wrong = [f"{key!r} is unknown" for key in table if key not in allowed]
        wrong += [f"{key!r} is missing" for key in allowed[:3] if key not in table]
        if wrong:
            raise CalendarError(f"calendar {name!r}: {', '.join(wrong)}; allowed are {', '.join(allowed)}")
        return cls.parse(name, **{"break_" if key == "break" else key: value for key, value in table.items()})

    @classmethod
    def from_json(cls, text: str) -> CalendarDefinition:
        """Read what `to_json` wrote."""
        table = json.loads(text)
        return cls.from_table(table.pop("name"), table)

    def to_json(self) -> str:
        """Write the definition; equal definitions give equal text."""
        return json.dumps(
            {
                "name": self.name,
                "timezone": self.timezone,
                "open": _clock_text(self.open),
                "close": _clock_text(self.close),
                "break": list(map(_break_text, self.breaks)),
                "weekdays": ",".join(WEEKDAYS[number - 1] for number in self.weekdays),
                "holidays": [day.isoformat() for day in self.holidays],
                "early_closes": {day.isoformat(): _clock_text(close) for day, close in self.early_closes},
            }
        )

    def segments(self, first: date, last: date) -> Iterator[tuple[date, int, int, int]]:
        """Yield (session_date, segment, open, close) of each segment; the last two in seconds since 1970."""
        zone = _zone(self.timezone)
        early = dict(self.early_closes)
        edges = self._edges()
        # The wall clock runs on from the midnight before the open, which is the day before when past 24:00.
        lead_seconds = DAY_SECONDS if edges[-1] > DAY_SECONDS else 0
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            if not self._trades(day):
                continue
            midnight = _wall(day) - lead_seconds
            end = edges[0] + self._after_open(early[day]) if day in early else edges[-1]
            segment = 0
            for start, stop in zip(edges[::2], edges[1::2], strict=True):
                opened = _utc(zone, midnight + start)
                closed = _utc(zone, midnight + min(stop, end))
                if opened < closed:
                    yield day, segment, opened, closed
                    segment += 1

    def _trades(self, day: date) -> bool:
        return day.isoweekday() in self.weekdays and day not in self.holidays

    def _after_open(self, clock: time) -> int:
        """Seconds of wall clock from the open to the next such time, 1 to 86,400."""
        return (_seconds(clock) - _seconds(self.open)) % DAY_SECONDS or DAY_SECONDS

    def _edges(self) -> list[int]:
        """Open, breaks and close in order, in seconds from the midnight before the open."""
        clocks = [*(clock for pair in self.breaks for clock in pair), self.close]
        opened = _seconds(self.open)
        return [opened, *(opened + self._after_open(clock) for clock in clocks)]

    def _refused(self, why: str) -> CalendarError:
        return CalendarError(f"calendar {self.name!r}: {why}")


def canonical_name(name: str) -> str:
    """Return the one name of a built-in calendar: ``NYSE`` and ``xnys`` are ``XNYS``.

    Raises
    ------
    CalendarError
        There is no such calendar; calendars of one's own are not looked for here.
    """
    given = name.strip()
    if given == ALWAYS_OPEN:
        return given
    import exchange_calendars

    names = exchange_calendars.get_calendar_names(include_aliases=True)
    same = [given] if given in names else [known for known in names if known.casefold() == given.casefold()]
    resolved = {str(exchange_calendars.resolve_alias(known)) for known in same}
    if len(resolved) == 1:
        return resolved.pop()
    raise CalendarError(
        f"calendar {name!r} is unknown{_did_you_mean(given, names)}; "
        "define one of your own with `barhouse calendar add`"
    )


def sessions(calendar: str | CalendarDefinition, first: date, last: date) -> Sessions:
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
        calendar = CalendarDefinition.parse(
            name, timezone="UTC", open="00:00", close="24:00", weekdays="daily"
        )
    known_from = max(min(first, ORIGIN), EARLIEST)
    known_through = min(max(last, date(datetime.now(UTC).year + 1, 12, 31)), LATEST)
    rows = list(calendar.segments(known_from, known_through))
    columns = zip(*rows, strict=True) if rows else [()] * 4
    kinds = (pa.date32(), pa.int8(), pa.timestamp("s", "UTC"), pa.timestamp("s", "UTC"))
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return Sessions(_finished(calendar.name, *arrays), known_from, known_through)


def _exchange_sessions(name: str, first: date, last: date) -> Sessions:
    import pandas as pd
    from exchange_calendars.calendar_utils import global_calendar_dispatcher
    from pandas.tseries.holiday import AbstractHolidayCalendar as HolidayRules

    factory = global_calendar_dispatcher._calendar_factories[name]
    if hasattr(factory, "special_weekmasks") and not _weekmasks_work():
        raise CalendarError(
            f"calendar {name!r} would silently lose its weekend sessions with {_versions()}; "
            "install pandas < 3.1"
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
            schedule = factory(start=pd.Timestamp(known_from), end=pd.Timestamp(known_through)).schedule
        except (ValueError, NotImplementedError) as error:
            refusal = refusal or error
            continue
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
        return Sessions(table, known_from, known_through)
    raise CalendarError(f"calendar {name!r} cannot be evaluated with {_versions()}: {refusal}") from refusal


def _weekmasks_work() -> bool:
    """Try a week with an extra Saturday: pandas 3.1 ignores what exchange_calendars 4.13 overrides in it."""
    import pandas as pd
    from exchange_calendars.pandas_extensions.offsets import MultipleWeekmaskCustomBusinessDay as Days

    week = (pd.Timestamp("2024-01-15"), pd.Timestamp("2024-01-21"), "1111110")
    return bool(
        pd.Timestamp("2024-01-19") + Days(weekmask="1111100", weekmasks=[week]) == pd.Timestamp("2024-01-20")
    )


def _versions() -> str:
    return " and ".join(f"{package} {version(package)}" for package in ("exchange_calendars", "pandas"))


def _finished(name: str, *columns: pa.Array) -> pa.Table:
    """Order segments (date, number, open, close), count sessions, refuse what no later code could trust."""
    days = columns[0]
    before_origin = pc.count_distinct(days.filter(pc.less(days, pa.scalar(ORIGIN)))).as_py()
    ordinals = pc.subtract(pc.rank(days, tiebreaker="dense").cast(pa.int64()), before_origin + 1)
    cast = [
        column.cast(kind) for column, kind in zip([days, ordinals, *columns[1:]], SEGMENTS.types, strict=True)
    ]
    table = pa.table(cast, schema=SEGMENTS).sort_by([("session_date", "ascending"), ("segment", "ascending")])
    opens, closes = table["segment_open"], table["segment_close"]
    for sound in (pc.less(opens, closes), pc.less_equal(closes[:-1], opens[1:])):
        if (row := pc.index(sound, False).as_py()) >= 0:
            day = table["session_date"][row]
            raise CalendarError(f"calendar {name!r}: a segment of {day} is empty or overlaps the next one")
    return table


def zone_pieces(timezone: str, first: date, last: date) -> pa.Table:
    """Cut local days so that a join turns naive local stamps into UTC.

    Parameters
    ----------
    timezone
        IANA name.
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
    zone = _zone(timezone)
    begin, end = _wall(max(first, EARLIEST)), _wall(min(last, LATEST)) + DAY_SECONDS
    if begin >= end:
        return ZONE_PIECES.empty_table()
    # Two days more on either side: local time is never further from UTC. A day holds one change at most.
    marks = range(begin - 2 * DAY_SECONDS, end + 3 * DAY_SECONDS, DAY_SECONDS)
    changes = [
        _change(zone, *days) for days in pairwise(marks) if len({_offset(zone, mark) for mark in days}) > 1
    ]
    stretches = [
        (since + _offset(zone, since), until + _offset(zone, since), _offset(zone, since))
        for since, until in pairwise([marks[0], *changes, marks[-1]])
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


def _zone(name: str) -> ZoneInfo:
    if name not in _zones():
        raise CalendarError(f"timezone {name!r} is not an IANA name{_did_you_mean(name, _zones())}")
    return ZoneInfo(name)


def _offset(zone: ZoneInfo, instant: int) -> int:
    """Seconds to add to UTC at an instant (seconds since 1970) to get local time."""
    return _offset_shown((EPOCH + timedelta(seconds=instant)).astimezone(zone))


def _offset_shown(shown: datetime) -> int:
    return (shown.utcoffset() or timedelta()) // timedelta(seconds=1)


def _change(zone: ZoneInfo, since: int, until: int) -> int:
    """First second after ``since``, at most ``until``, whose offset is no longer that of ``since``."""
    old = _offset(zone, since)
    return since + bisect_left(
        range(until - since), True, key=lambda gone: _offset(zone, since + gone) != old
    )


def _utc(zone: ZoneInfo, wall: int) -> int:
    """Turn a wall clock into the first instant at which the clock shows it, or has passed it."""
    shown = datetime(1970, 1, 1, tzinfo=zone) + timedelta(seconds=wall)  # on the wall, not in UTC
    before, after = _offset_shown(shown), _offset_shown(shown.replace(fold=1))
    # Only in skipped time is the offset of fold 1 the larger (PEP 495); then the change lies between the two.
    return _change(zone, wall - after, wall - before) if after > before else wall - before


def _wall(day: date) -> int:
    """Seconds of a clock without a zone from 1970-01-01 to the start of the day."""
    return (day - EPOCH.date()).days * DAY_SECONDS


def _seconds(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second


def _clock_text(clock: time) -> str:
    return clock.isoformat("seconds").removesuffix(":00")


def _break_text(pause: tuple[time, time]) -> str:
    return "-".join(map(_clock_text, pause))


def _clock(parameter: str, value: str | time) -> time:
    if isinstance(value, time) and value.tzinfo is None and value.microsecond == 0:
        return value
    text = "00:00" if value == "24:00" else str(value).strip()
    for form in ("%H:%M", "%H:%M:%S"):
        try:
            return datetime.strptime(text, form).time()
        except ValueError:
            continue
    raise CalendarError(f"{parameter} {value!r} is not a wall clock time; give HH:MM or HH:MM:SS")


def _break(text: str) -> tuple[time, time]:
    start, dash, end = str(text).partition("-")
    if not dash:
        raise CalendarError(f"break {text!r} is not a stretch of time; give HH:MM-HH:MM")
    return _clock("break", start.strip()), _clock("break", end.strip())


def _date(parameter: str, value: str | date) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise CalendarError(f"{parameter} {value!r} is not a date; give YYYY-MM-DD") from None


def _weekdays(text: str) -> tuple[int, ...]:
    """Read ``mon-fri``, ``sun-thu`` (it may wrap), ``mon,wed`` or ``daily`` into ISO numbers."""
    numbers: set[int] = set()
    for part in ("mon-sun" if text.strip().casefold() == "daily" else text.casefold()).split(","):
        start, _, end = (piece.strip() for piece in part.partition("-"))
        if start not in WEEKDAYS or (end or start) not in WEEKDAYS:
            raise CalendarError(
                f"weekdays {text!r}: {part.strip()!r} is none of {', '.join(WEEKDAYS)}; "
                "give a range such as mon-fri, a list such as mon,wed,fri, or daily"
            )
        begin, stop = WEEKDAYS.index(start), WEEKDAYS.index(end or start)
        numbers.update((begin + step) % 7 + 1 for step in range((stop - begin) % 7 + 1))
    return tuple(sorted(numbers))


def _did_you_mean(given: str, known: Iterable[str]) -> str:
    folded = {name.casefold(): name for name in known}
    near = [folded[key] for key in get_close_matches(given.casefold(), folded)]
    return f" (did you mean {' or '.join(near)}?)" if near else ""
