"""Single sessions of a calendar that are otherwise than it says: added, removed, or given other hours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from barhouse.store.calendars.hours import DayHours, day
from barhouse.store.errors import CalendarError


@dataclass(frozen=True)
class SessionCorrection:
    """What one session of a calendar is, whatever the calendar says.

    Attributes
    ----------
    session_date
        The date that names the session.
    hours
        When it trades, in wall clock times of the calendar's zone; None: there is no session that day.
    reason
        Why, or who says so.
    """

    session_date: date
    hours: DayHours | None
    reason: str | None = None

    @classmethod
    def from_table(cls, calendar: str, name: object, given: object) -> SessionCorrection:
        """Read one from TOML: the date, and ``false`` or a table of hours, with a ``reason`` or without."""
        session_date = day("sessions", name)
        what = f"calendar {calendar!r}: sessions {session_date}"
        if given is False:
            return cls(session_date, None)
        if not isinstance(given, Mapping):
            raise CalendarError(
                f'{what} = {given!r} is neither hours nor false; write {{ open = "18:00", close = "19:00" }}, or false '
                "where there is no session"
            )
        reason = given.get("reason")
        if reason is not None and not isinstance(reason, str):
            raise CalendarError(f"{what}: reason = {reason!r} is no text")
        if set(given) <= {"closed", "reason"} and given.get("closed") is True:
            return cls(session_date, None, reason)
        return cls(session_date, DayHours.from_table(what, given, ("reason",)), reason)

    @classmethod
    def from_row(cls, session_date: date, hours: str | None, reason: str | None) -> SessionCorrection:
        """Read one as a store keeps it."""
        return cls(session_date, None if hours is None else DayHours.from_table("hours", json.loads(hours)), reason)

    def table(self) -> dict[str, Any]:
        """Write it as `from_table` reads it."""
        hours = {"closed": True} if self.hours is None else self.hours.table()
        return hours if self.reason is None else {**hours, "reason": self.reason}

    def hours_text(self) -> str | None:
        """Write the hours as a store keeps them."""
        return None if self.hours is None else json.dumps(self.hours.table())


def corrections_of(calendar: str, table: Any) -> tuple[tuple[SessionCorrection, ...], tuple[date, ...]]:
    """Read the table ``sessions`` of a calendar; returns what is corrected, and the dates that no longer are."""
    if not isinstance(table, Mapping):
        raise CalendarError(
            f"calendar {calendar!r}: sessions = {table!r} is of the wrong type; "
            'write it as sessions = { 2024-11-01 = { open = "18:00", close = "19:00" }, 2024-05-20 = false }'
        )
    found = [SessionCorrection.from_table(calendar, name, given) for name, given in table.items() if given is not None]
    resets = [day("sessions", name) for name, given in table.items() if given is None]
    dates = [one.session_date for one in found] + resets
    if len(set(dates)) < len(dates):
        raise CalendarError(f"calendar {calendar!r}: sessions names a date twice; say each once")
    return tuple(sorted(found, key=lambda one: one.session_date)), tuple(sorted(resets))
