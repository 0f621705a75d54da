"""Which weekdays have sessions, and with which hours, for as long as that stays so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from barhouse.store.calendars.hours import DayHours, day
from barhouse.store.errors import CalendarError
from barhouse.store.model.anchor import WEEKDAYS

_CHANGED = ("from", "open", "close", "break", "weekdays", "hours")


@dataclass(frozen=True)
class Schedule:
    """The hours of each weekday that has sessions.

    Attributes
    ----------
    hours
        Of the weekdays that have no others.
    weekdays
        ISO numbers, Monday is 1, ascending.
    weekday_hours
        (ISO number, hours) of weekdays that have hours of their own.
    """

    hours: DayHours
    weekdays: tuple[int, ...]
    weekday_hours: tuple[tuple[int, DayHours], ...] = ()

    @classmethod
    def parse(
        cls, name: str, *, open: object, close: object, break_: object, weekdays: object, hours: object
    ) -> Schedule:
        """Read one given as text; ``hours`` maps weekdays to tables with open, close and break."""
        if not isinstance(hours, Mapping | None):
            raise CalendarError(f"hours {hours!r} is no mapping from weekdays to hours")
        own = {
            number: DayHours.from_table(f"calendar {name!r}: hours of {text}", table)
            for text, table in (hours or {}).items()
            for number in weekdays_of("hours", text)
        }
        try:
            regular = DayHours.parse(open, close, break_)
        except CalendarError as error:
            if "must lie between" not in str(error):
                raise
            raise CalendarError(f"calendar {name.strip()!r}: {error}") from None
        schedule = cls(regular, weekdays_of("weekdays", weekdays), tuple(sorted(own.items())))
        if idle := [number for number in own if number not in schedule.weekdays]:
            raise CalendarError(
                f"calendar {name!r}: hours of {weekday_text(idle[0])}, which is not one of the weekdays"
            )
        return schedule

    def changed(self, name: str, changes: Iterable[Any]) -> Iterator[tuple[date, Schedule]]:
        """Yield the schedule after each change; a change leaves as it is what it does not say."""
        schedule, since = self, date.min
        for change in changes:
            where = f"calendar {name!r}: changes"
            if not isinstance(change, Mapping) or "from" not in change:
                raise CalendarError(f"{where}: each is a table that says from which date on, not {change!r}")
            if unknown := [key for key in change if key not in _CHANGED]:
                raise CalendarError(f"{where}: {unknown[0]!r} is unknown; allowed are {', '.join(_CHANGED)}")
            if (begins := day("from", change["from"])) <= since:
                raise CalendarError(f"{where}: {begins} does not come after {since}; write them in the order of time")
            table = {**schedule.table(), **change}
            since = begins
            schedule = Schedule.parse(
                name,
                open=table["open"],
                close=table["close"],
                break_=table["break"],
                weekdays=table["weekdays"],
                hours=table["hours"],
            )
            yield since, schedule

    def table(self) -> dict[str, Any]:
        """Write it as it is read in ``changes``."""
        return {
            **{"break": []},
            **self.hours.table(),
            "weekdays": ",".join(map(weekday_text, self.weekdays)),
            "hours": {weekday_text(number): hours.table() for number, hours in self.weekday_hours},
        }

    def hours_on(self, one: date) -> DayHours | None:
        """The hours of a date by its weekday; None where that has no sessions."""
        number = one.isoweekday()
        return dict(self.weekday_hours).get(number, self.hours) if number in self.weekdays else None

    def continued(self) -> set[int]:
        """The weekdays with sessions that follow a weekday with sessions."""
        return {number for number in self.weekdays if (number - 2) % 7 + 1 in self.weekdays}


def weekday_text(number: int) -> str:
    """Name a weekday as it is read."""
    return WEEKDAYS[number - 1]


def weekday(parameter: str, text: object) -> int:
    """Read one weekday into its ISO number."""
    name = text.strip().casefold() if isinstance(text, str) else ""
    if name not in WEEKDAYS:
        raise CalendarError(f"{parameter} {text!r} is no weekday; give one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(name) + 1


def weekdays_of(parameter: str, text: object) -> tuple[int, ...]:
    """Read ``mon-fri``, ``sun-thu`` (it may wrap), ``mon,wed`` or ``daily`` into ISO numbers."""
    numbers: set[int] = set()
    if not isinstance(text, str):
        raise CalendarError(f"{parameter} {text!r} is no text; give a range such as mon-fri, or daily")
    for part in ("mon-sun" if text.strip().casefold() == "daily" else text.casefold()).split(","):
        start, _, end = (piece.strip() for piece in part.partition("-"))
        if start not in WEEKDAYS or (end or start) not in WEEKDAYS:
            raise CalendarError(
                f"{parameter} {text!r}: {part.strip()!r} is none of {', '.join(WEEKDAYS)}; "
                "give a range such as mon-fri, a list such as mon,wed,fri, or daily"
            )
        begin, stop = WEEKDAYS.index(start), WEEKDAYS.index(end or start)
        numbers.update((begin + step) % 7 + 1 for step in range((stop - begin) % 7 + 1))
    return tuple(sorted(numbers))
