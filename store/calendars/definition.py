"""Calendars of one's own: what a user describes, read from text, TOML or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from barhouse.store.calendars.time_zone import DAY_SECONDS, utc_seconds, wall_seconds, zone_named
from barhouse.store.calendars.week import WEEKDAYS, first_weekday, origin_on
from barhouse.store.errors import CalendarError

#: How each key of a TOML table is written; TOML has times and dates of its own.
_TABLE_TYPES: dict[str, tuple[type, ...]] = {
    "timezone": (str,),
    "open": (str, time),
    "close": (str, time),
    "break": (str, list, tuple),
    "weekdays": (str,),
    "holidays": (list, tuple),
    "early_closes": (dict,),
    "week_starts": (str,),
}
_TABLE_EXAMPLES = {
    "timezone": '"America/New_York"',
    "open": '"09:30"',
    "close": '"16:00"',
    "break": '["12:00-13:00"]',
    "weekdays": '"mon-fri"',
    "holidays": '["2024-12-25"]',
    "early_closes": '{ 2024-12-24 = "13:00" }',
    "week_starts": '"sun"',
}


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
    week_starts
        ISO number of the weekday that weeks start on; None: as the weekdays have it.
    """

    name: str
    timezone: str
    open: time
    close: time
    breaks: tuple[tuple[time, time], ...] = ()
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    holidays: tuple[date, ...] = ()
    early_closes: tuple[tuple[date, time], ...] = ()
    week_starts: int | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip() or not self.name.isprintable():
            raise CalendarError(f"name {self.name!r} is no name for a calendar; give printable text such as 'FX'")
        zone_named(self.timezone)
        edges = self._edges()
        hours = f"open {_clock_text(self.open)} and close {_clock_text(self.close)}"
        if any(later <= earlier for earlier, later in pairwise(edges)):
            given = ", ".join(map(_break_text, self.breaks))
            raise self._refused(f"break {given} must lie between {hours}, in that order, none empty or touching")
        for day, close in self.early_closes:
            if not self._trades(day):
                raise self._refused(f"early_closes {day} has no session: a holiday or not one of the weekdays")
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
        holidays: str | date | Iterable[str | date] = (),
        early_closes: Mapping[str, str | time] | Mapping[date, str | time] | None = None,
        week_starts: str | None = None,
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
        week_starts
            The weekday that weeks start on, such as ``"sun"``; by default after the weekend that ``weekdays`` leave.

        Raises
        ------
        CalendarError
            Names the parameter, the value and what is allowed.
        """
        texts = [] if break_ is None else _several("break", break_)
        if not isinstance(name, str):
            raise CalendarError(f"name {name!r} is no name for a calendar; give printable text such as 'FX'")
        if not isinstance(early_closes, Mapping | None):
            raise CalendarError(f"early_closes {early_closes!r} is no mapping from dates to times")
        return cls(
            name=name.strip(),
            timezone=timezone,
            open=_clock("open", open),
            close=_clock("close", close),
            breaks=tuple(map(_break, texts)),
            weekdays=_weekdays(weekdays),
            holidays=tuple(sorted({_date("holidays", day) for day in _several("holidays", holidays)})),
            early_closes=tuple(
                sorted(
                    (_date("early_closes", day), _clock("early_closes", close))
                    for day, close in (early_closes or {}).items()
                )
            ),
            week_starts=None if week_starts is None else _weekday(week_starts),
        )

    @classmethod
    def from_table(cls, name: str, table: Mapping[str, Any]) -> CalendarDefinition:
        """Read a definition from a TOML table: the parameters of `parse`, with ``break`` for ``break_``."""
        allowed = tuple(_TABLE_TYPES)
        wrong = [f"{key!r} is unknown" for key in table if key not in allowed]
        wrong += [f"{key!r} is missing" for key in allowed[:3] if key not in table]
        if wrong:
            raise CalendarError(f"calendar {name!r}: {', '.join(wrong)}; allowed are {', '.join(allowed)}")
        for key, value in table.items():
            if not isinstance(value, _TABLE_TYPES[key]):
                raise CalendarError(
                    f"calendar {name!r}: {key} = {value!r} is of the wrong type; "
                    f"write it as {key} = {_TABLE_EXAMPLES[key]}"
                )
        return cls.parse(name, **{"break_" if key == "break" else key: value for key, value in table.items()})

    @classmethod
    def from_json(cls, text: str) -> CalendarDefinition:
        """Read what `to_json` wrote."""
        table = json.loads(text)
        return cls.from_table(table.pop("name"), table)

    def to_json(self) -> str:
        """Write the definition; equal definitions give equal text."""
        table = {
            "name": self.name,
            "timezone": self.timezone,
            "open": _clock_text(self.open),
            "close": _clock_text(self.close),
            "break": list(map(_break_text, self.breaks)),
            "weekdays": ",".join(WEEKDAYS[number - 1] for number in self.weekdays),
            "holidays": [day.isoformat() for day in self.holidays],
            "early_closes": {day.isoformat(): _clock_text(close) for day, close in self.early_closes},
        }
        if self.week_starts is not None:  # a key of later: stores have definitions without it, which stay as they are
            table["week_starts"] = WEEKDAYS[self.week_starts - 1]
        return json.dumps(table)

    def week_origin(self) -> date:
        """Return the date from which weeks count: they start as said, or after the weekend that the weekdays leave."""
        if self.week_starts is not None:
            return origin_on(self.week_starts)
        return origin_on(first_weekday({number for number in self.weekdays if (number - 2) % 7 + 1 in self.weekdays}))

    def segments(self, first: date, last: date) -> Iterator[tuple[date, int, int, int]]:
        """Yield (session_date, segment, open, close) of each segment; the last two in seconds since 1970."""
        zone = zone_named(self.timezone)
        early = dict(self.early_closes)
        edges = self._edges()
        # The wall clock runs on from the midnight before the open, which is the day before when past 24:00.
        lead_seconds = DAY_SECONDS if edges[-1] > DAY_SECONDS else 0
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            if not self._trades(day):
                continue
            midnight = wall_seconds(day) - lead_seconds
            end = edges[0] + self._after_open(early[day]) if day in early else edges[-1]
            segment = 0
            for start, stop in zip(edges[::2], edges[1::2], strict=True):
                opened = utc_seconds(zone, midnight + start)
                closed = utc_seconds(zone, midnight + min(stop, end))
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


def _several(parameter: str, given: object) -> list[Any]:
    """One or several; a text is one, never its letters."""
    if isinstance(given, str | date):
        return [given]
    if not isinstance(given, Iterable):
        raise CalendarError(f"{parameter} {given!r} is neither one nor a list of them")
    return list(given)


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


def _weekday(text: str) -> int:
    name = text.strip().casefold() if isinstance(text, str) else ""
    if name not in WEEKDAYS:
        raise CalendarError(f"week_starts {text!r} is no weekday; give one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(name) + 1


def _weekdays(text: str) -> tuple[int, ...]:
    """Read ``mon-fri``, ``sun-thu`` (it may wrap), ``mon,wed`` or ``daily`` into ISO numbers."""
    numbers: set[int] = set()
    if not isinstance(text, str):
        raise CalendarError(f"weekdays {text!r} is no text; give a range such as mon-fri, or daily")
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
