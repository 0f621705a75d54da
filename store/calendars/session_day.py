"""The day of a session: the stretch of time that a date stands for on a calendar, between sessions too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from barhouse.store.calendars.time_zone import EARLIEST, LATEST, utc_seconds, wall_seconds, zone_named

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = timedelta(microseconds=1)


def day_start(timezone: str, day: date, last_close: datetime | None, next_open: datetime | None) -> datetime:
    """Return the instant at which the day of a session begins; it ends where the next date's begins.

    That is midnight where the calendar is at home, moved so that it cuts through no session: not before the last
    session of an earlier date has closed, not after the first one of this date or a later one opens. So the session
    that a date names lies in its day whole, wherever it lies in UTC and also when it spans midnight; what lies before
    the open and after the close is of the same day as the clock on the wall says; and dates without a session have a
    day of their own, or an empty one. A bar that starts exactly at a close is of the day that closes.

    Parameters
    ----------
    timezone
        IANA name of the calendar's zone.
    last_close
        When the last session of an earlier date closes; None before the first.
    next_open
        When the first session of this or a later date opens; None after the last.
    """
    wall = wall_seconds(min(max(day, EARLIEST), LATEST))
    start = _EPOCH + timedelta(seconds=utc_seconds(zone_named(timezone), wall))
    if last_close is not None:
        start = max(start, last_close + _MOMENT)
    return start if next_open is None else min(start, next_open)
