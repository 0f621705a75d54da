"""Hours of one session, in wall clock times, and how they are read from text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cached_property
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from barhouse.store.calendars.time_zone import DAY_SECONDS, utc_seconds, wall_seconds
from barhouse.store.errors import CalendarError

_TYPES: dict[str, tuple[type, ...]] = {"open": (str, time), "close": (str, time), "break": (str, list, tuple)}


@dataclass(frozen=True)
class DayHours:
    """When a session opens and closes, and its breaks.

    A close that is not after its open lies on the next day, which names the session. Midnight as a close is 24:00.

    Attributes
    ----------
    breaks
        (start, end) in trading order; past midnight when the session spans it.
    """

    open: time
    close: time
    breaks: tuple[tuple[time, time], ...] = ()

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in pairwise(self._edges)):
            given = ", ".join(map(break_text, self.breaks))
            raise CalendarError(f"break {given} must lie between {self}, in that order, none empty or touching")

    def __str__(self) -> str:
        return f"open {clock_text(self.open)} and close {clock_text(self.close)}"

    @classmethod
    def parse(cls, open: object, close: object, break_: object = None) -> DayHours:
        """Read them given as text."""
        pauses = tuple(_break(text) for text in several("break", () if break_ is None else break_))
        return cls(clock("open", open), clock("close", close), pauses)

    @classmethod
    def from_table(cls, what: str, table: object, more: Iterable[str] = ()) -> DayHours:
        """Read them from a TOML table; ``more`` are keys of it that are read elsewhere."""
        if not isinstance(table, Mapping):
            raise CalendarError(f'{what} = {table!r} is no table; write hours as {{ open = "09:30", close = "12:00" }}')
        wrong = [f"{key!r} is unknown" for key in table if key not in {*_TYPES, *more}]
        wrong += [f"{key!r} is missing" for key in ("open", "close") if key not in table]
        wrong += [f"{key} = {table[key]!r} is of the wrong type" for key in _TYPES if not _fits(table, key)]
        if wrong:
            raise CalendarError(f"{what}: {', '.join(wrong)}; allowed are open, close and break")
        return cls.parse(table["open"], table["close"], table.get("break"))

    def table(self) -> dict[str, Any]:
        """Write them as `from_table` reads them; equal hours give equal tables."""
        pauses = {"break": list(map(break_text, self.breaks))} if self.breaks else {}
        return {"open": clock_text(self.open), "close": clock_text(self.close), **pauses}

    def opening(self, clock: time) -> DayHours:
        """The same, opening late: breaks that were before are no more."""
        opened = self._after_open(clock)
        kept = tuple(pause for pause in self.breaks if self._after_open(pause[1]) > opened)
        if kept and self._after_open(kept[0][0]) <= opened:  # inside a break: it opens with its end
            return replace(self, open=kept[0][1], breaks=kept[1:])
        return replace(self, open=clock, breaks=kept)

    def holds(self, clock: time) -> bool:
        """Whether a time lies after the open and before the close."""
        return self._edges[0] + self._after_open(clock) < self._edges[-1]

    def segments(self, zone: ZoneInfo, day: date, early_close: time | None = None) -> Iterator[tuple[int, int]]:
        """Yield the open and close of each segment of a session, in seconds since 1970."""
        edges = self._edges
        # The wall clock runs on from the midnight before the open, which is the day before when past 24:00.
        midnight = wall_seconds(day) - (DAY_SECONDS if edges[-1] > DAY_SECONDS else 0)
        end = edges[-1] if early_close is None else edges[0] + self._after_open(early_close)
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            opened, closed = utc_seconds(zone, midnight + start), utc_seconds(zone, midnight + min(stop, end))
            if opened < closed:
                yield opened, closed

    def _after_open(self, clock: time) -> int:
        """Seconds of wall clock from the open to the next such time, 1 to 86,400."""
        return (_seconds(clock) - _seconds(self.open)) % DAY_SECONDS or DAY_SECONDS

    @cached_property
    def _edges(self) -> list[int]:
        """Open, breaks and close in order, in seconds from the midnight before the open."""
        clocks = [*(clock for pair in self.breaks for clock in pair), self.close]
        opened = _seconds(self.open)
        return [opened, *(opened + self._after_open(clock) for clock in clocks)]


def clock(parameter: str, value: object) -> time:
    """Read a wall clock time."""
    if isinstance(value, time) and value.tzinfo is None and value.microsecond == 0:
        return value
    text = "00:00" if value == "24:00" else str(value).strip()
    for form in ("%H:%M", "%H:%M:%S"):
        try:
            return datetime.strptime(text, form).time()
        except ValueError:
            continue
    raise CalendarError(f"{parameter} {value!r} is not a wall clock time; give HH:MM or HH:MM:SS")


def clock_text(clock: time) -> str:
    """Write a wall clock time, without seconds where there are none."""
    return clock.isoformat("seconds").removesuffix(":00")


def break_text(pause: tuple[time, time]) -> str:
    """Write a break as it is read."""
    return "-".join(map(clock_text, pause))


def several(parameter: str, given: object) -> list[Any]:
    """One or several; a text is one, never its letters."""
    if isinstance(given, str | date):
        return [given]
    if not isinstance(given, Iterable):
        raise CalendarError(f"{parameter} {given!r} is neither one nor a list of them")
    return list(given)


def day(parameter: str, value: object) -> date:
    """Read an ISO date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise CalendarError(f"{parameter} {value!r} is not a date; give YYYY-MM-DD") from None


def _fits(table: Mapping[str, Any], key: str) -> bool:
    return key not in table or isinstance(table[key], _TYPES[key])


def _seconds(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second


def _break(text: object) -> tuple[time, time]:
    start, dash, end = str(text).partition("-")
    if not dash:
        raise CalendarError(f"break {text!r} is not a stretch of time; give HH:MM-HH:MM")
    return clock("break", start.strip()), clock("break", end.strip())
