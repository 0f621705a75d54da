"""The week of a calendar: on which weekday it starts, so that it holds what the market trades between two weekends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Final

FIRST_MONDAY: Final = date(1970, 1, 5)
"""Weeks count from the one that holds this date, whatever they start on."""

_AS_GOOD_AS_NEVER: Final = 10
_DAY: Final = timedelta(days=1)
#: Monday where it will do, else the day nearest before it.
_CHOICES: Final = (1, 7, 6, 5, 4, 3, 2)


def week_origin(days: Iterable[date]) -> date:
    """Return the date from which the weeks of a calendar count, by the dates of its sessions.

    A week starts on Monday, unless the market trades on Sunday and on the Monday after it: then on the nearest day
    before Monday on which it does not trade on from the day before. Fewer than ten times a year is as good as never,
    so single sessions on a weekend move nothing; and one year is enough, so that a week holds what it should also
    where the weekend was moved. What trades every day has no weekend, and weeks from Monday.
    """
    sessions = set(days)
    counts = Counter((day.isoweekday(), day.year) for day in sessions if day - _DAY in sessions)
    return origin_on(first_weekday({weekday for (weekday, _), count in counts.items() if count >= _AS_GOOD_AS_NEVER}))


def first_weekday(continued: Collection[int]) -> int:
    """Choose the weekday a week starts on (Monday is 1), when on some the market trades on from the day before."""
    return next((weekday for weekday in _CHOICES if weekday not in continued), 1)


def origin_on(weekday: int) -> date:
    """Return the first day of the week that holds ``FIRST_MONDAY``, where weeks start on that weekday."""
    return FIRST_MONDAY - timedelta(days=(1 - weekday) % 7)
