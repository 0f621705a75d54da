"""Calendars of one's own: what a user describes, read from text, TOML or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import cached_property
from typing import Any

from barhouse.store.calendars.correction import SessionCorrection, corrections_of
from barhouse.store.calendars.hours import DayHours, break_text, clock, clock_text, day, several
from barhouse.store.calendars.schedule import Schedule, weekday, weekday_text
from barhouse.store.calendars.time_zone import zone_named
from barhouse.store.calendars.week import first_weekday, origin_on
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
    "late_opens": (dict,),
    "hours": (dict,),
    "changes": (list, tuple),
    "sessions": (dict,),
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
    "late_opens": '{ 2024-12-27 = "10:30" }',
    "hours": '{ fri = { open = "09:30", close = "12:00" } }',
    "changes": '[{ from = "2025-01-06", close = "17:00" }]',
    "sessions": '{ 2024-11-01 = { open = "18:00", close = "19:00" } }',
    "week_starts": '"sun"',
}


@dataclass(frozen=True)
class CalendarDefinition:
    """A calendar of one's own: one trading day, in wall clock times of one zone.

    A close that is not after its open lies on the next day: the session spans midnight, and ``session_date``
    is the day it closes on. Midnight as a close is 24:00, the end of ``session_date`` itself, so 00:00 to
    00:00 is the plain day. Weekdays, holidays, early closes and whatever else names days name the session date.

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
    early_closes, late_opens
        (session_date, time). It may fall before a break or inside one: what comes later, or earlier, vanishes.
    weekday_hours
        (ISO number, hours) of weekdays that have hours of their own.
    changes
        (session_date, schedule): the weekdays and hours from that date on, ascending.
    sessions
        Single sessions beyond all that: extra ones, or such with hours of their own.
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
    late_opens: tuple[tuple[date, time], ...] = ()
    weekday_hours: tuple[tuple[int, DayHours], ...] = ()
    changes: tuple[tuple[date, Schedule], ...] = ()
    sessions: tuple[SessionCorrection, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip() or not self.name.isprintable():
            raise CalendarError(f"name {self.name!r} is no name for a calendar; give printable text such as 'FX'")
        zone_named(self.timezone)
        for what, times in (("early_closes", self.early_closes), ("late_opens", self.late_opens)):
            for session_date, at in times:
                hours = self._regular_hours(session_date)
                if hours is None:
                    raise self._refused(f"{what} {session_date} has no session: a holiday or not one of the weekdays")
                if not hours.holds(at):
                    raise self._refused(f"{what} {session_date} {clock_text(at)} must lie between {hours}")

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
        late_opens: Mapping[str, str | time] | Mapping[date, str | time] | None = None,
        hours: Mapping[str, Any] | None = None,
        changes: Iterable[Mapping[str, Any]] | None = None,
        sessions: Mapping[str, Any] | Mapping[date, Any] | None = None,
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
        holidays, early_closes, late_opens
            ISO dates; the latter with the time of the close or open.
        week_starts
            The weekday that weeks start on, such as ``"sun"``; by default after the weekend that ``weekdays`` leave.
        hours
            Weekdays that have hours of their own: ``{"fri": {"open": "09:30", "close": "12:00"}}``.
        changes
            What is otherwise from a date on: ``[{"from": "2025-01-06", "close": "17:00"}]``, with any of open, close,
            break, weekdays and hours.
        sessions
            Single sessions: ``{"2024-11-01": {"open": "18:00", "close": "19:00"}}``, or ``False`` for none.

        Raises
        ------
        CalendarError
            Names the parameter, the value and what is allowed.
        """
        if not isinstance(name, str):
            raise CalendarError(f"name {name!r} is no name for a calendar; give printable text such as 'FX'")
        first = Schedule.parse(name, open=open, close=close, break_=break_, weekdays=weekdays, hours=hours)
        return cls(
            name=name.strip(),
            timezone=timezone,
            open=first.hours.open,
            close=first.hours.close,
            breaks=first.hours.breaks,
            weekdays=first.weekdays,
            holidays=tuple(sorted({day("holidays", one) for one in several("holidays", holidays)})),
            early_closes=_times("early_closes", early_closes),
            week_starts=None if week_starts is None else weekday("week_starts", week_starts),
            late_opens=_times("late_opens", late_opens),
            weekday_hours=first.weekday_hours,
            changes=tuple(first.changed(name, () if changes is None else changes)),
            sessions=() if sessions is None else corrections_of(name, sessions)[0],
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
        table: dict[str, Any] = {
            "name": self.name,
            "timezone": self.timezone,
            "open": clock_text(self.open),
            "close": clock_text(self.close),
            "break": list(map(break_text, self.breaks)),
            "weekdays": ",".join(map(weekday_text, self.weekdays)),
            "holidays": [one.isoformat() for one in self.holidays],
            "early_closes": {one.isoformat(): clock_text(close) for one, close in self.early_closes},
        }
        # Keys of later: stores have definitions without them, which stay as they are.
        later = {
            "week_starts": self.week_starts and weekday_text(self.week_starts),
            "late_opens": {one.isoformat(): clock_text(opened) for one, opened in self.late_opens},
            "hours": {weekday_text(number): hours.table() for number, hours in self.weekday_hours},
            "changes": [{"from": since.isoformat(), **schedule.table()} for since, schedule in self.changes],
            "sessions": {one.session_date.isoformat(): one.table() for one in self.sessions},
        }
        return json.dumps(table | {key: value for key, value in later.items() if value})

    def week_origin(self) -> date:
        """Return the date from which weeks count: they start as said, or after the weekend that the weekdays leave."""
        if self.week_starts is not None:
            return origin_on(self.week_starts)
        schedules = [self._schedule, *(schedule for _, schedule in self.changes)]
        return origin_on(first_weekday({number for schedule in schedules for number in schedule.continued()}))

    def segments(self, first: date, last: date) -> Iterator[tuple[date, int, int, int]]:
        """Yield (session_date, segment, open, close) of each segment; the last two in seconds since 1970."""
        zone = zone_named(self.timezone)
        early, late = dict(self.early_closes), dict(self.late_opens)
        single = {one.session_date: one.hours for one in self.sessions}
        for number in range((last - first).days + 1):
            one = first + timedelta(days=number)
            hours = single[one] if one in single else self._regular_hours(one)
            if hours is None:
                continue
            if one in late and one not in single:
                hours = hours.opening(late[one])
            closes = None if one in single else early.get(one)
            for segment, (opened, closed) in enumerate(hours.segments(zone, one, closes)):
                yield one, segment, opened, closed

    @cached_property
    def _schedule(self) -> Schedule:
        return Schedule(DayHours(self.open, self.close, self.breaks), self.weekdays, self.weekday_hours)

    def _regular_hours(self, one: date) -> DayHours | None:
        """The hours of a day by its weekday; None on holidays and other days without a session."""
        if one in self._holidays:
            return None
        schedule = next((later for since, later in reversed(self.changes) if since <= one), self._schedule)
        return schedule.hours_on(one)

    @cached_property
    def _holidays(self) -> frozenset[date]:
        return frozenset(self.holidays)

    def _refused(self, why: str) -> CalendarError:
        return CalendarError(f"calendar {self.name!r}: {why}")


def _times(parameter: str, given: object) -> tuple[tuple[date, time], ...]:
    if not isinstance(given, Mapping | None):
        raise CalendarError(f"{parameter} {given!r} is no mapping from dates to times")
    return tuple(sorted((day(parameter, one), clock(parameter, at)) for one, at in (given or {}).items()))
