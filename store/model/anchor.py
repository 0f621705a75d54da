"""Anchor: where blocks of sessions count from, other than where they would by themselves.

It is written after the interval: ``1w@sun`` are weeks from Sunday, ``1y@oct`` years from October, ``10d@month`` ten
sessions at a time, anew in each month. A unit with an anchor is a unit of its own: ``week@sun``, ``month@oct``,
``day@month``.
"""

from __future__ import annotations

from barhouse.store.errors import IntervalError
from barhouse.store.hints import Action

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

#: In what blocks of days can begin anew, and the most sessions that it can have.
PERIODS = {"week": 7, "month": 31, "quarter": 92, "year": 366}
_WHOLE_PERIODS = {"week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}
#: How many months each period has that is made of months.
_MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}


def root_of(unit: str) -> str:
    """The unit without its anchor."""
    return unit.partition("@")[0]


def anchor_of(unit: str) -> str:
    """The anchor of a unit; empty where it has none."""
    return unit.partition("@")[2]


def month_offset(unit: str) -> int:
    """How many months after January blocks of months begin."""
    anchor = anchor_of(unit)
    return MONTHS.index(anchor) if anchor else 0


def anchored(given: str, unit: str, length: int, anchor: str) -> str:
    """The unit of blocks that count from an anchor; without one where they do so anyway.

    Parameters
    ----------
    given
        The interval as it was written, for messages.
    unit, length
        What it says before the anchor.

    Raises
    ------
    IntervalError
        When blocks of that unit cannot count from there, naming from where they can.
    """
    if unit == "second":
        raise IntervalError(
            f"interval {given!r} is intraday, and its bars count from the open of each segment; write "
            f"{given.partition('@')[0]!r}"
        )
    if "/" in anchor or anchor.upper() in ("UTC", "GMT"):
        raise IntervalError(
            f"interval {given!r} asks for days of a zone; days are the sessions of the symbol's calendar. For others "
            f"make a calendar of them with {Action('add_calendar')}, in the zone {anchor}, from 00:00 to 24:00 of all "
            f"weekdays, and register the symbol on it by a name of its own"
        )
    if unit == "day":
        return _restarting(given, length, anchor)
    allowed = WEEKDAYS if unit == "week" else MONTHS
    if anchor not in allowed:
        what, example = ("weeks", "1w@sun") if unit == "week" else ("months, quarters and years", "1y@oct")
        raise IntervalError(
            f"interval {given!r} is not known; {what} begin on one of {', '.join(allowed)}, such as {example!r}"
            f"{_meant(given, anchor, allowed)}"
        )
    if unit == "week":
        return f"week@{anchor}"
    offset = MONTHS.index(anchor) % length
    return f"month@{MONTHS[offset]}" if offset else "month"


def _restarting(given: str, length: int, anchor: str) -> str:
    if anchor not in PERIODS:
        raise IntervalError(
            f"interval {given!r} is not known; blocks of sessions begin anew in each of {', '.join(PERIODS)}, such as "
            f"'10d@month'{_meant(given, anchor, tuple(PERIODS))}"
        )
    if length >= PERIODS[anchor]:
        raise IntervalError(
            f"interval {given!r} is as long as a whole {anchor}, which has at most {PERIODS[anchor]} sessions; write "
            f"{_WHOLE_PERIODS[anchor]!r}"
        )
    return "day" if length == 1 else f"day@{anchor}"


def _meant(given: str, anchor: str, allowed: tuple[str, ...]) -> str:
    lowered = anchor.lower()
    near = [one for one in allowed if lowered.startswith(one[:3]) or one.startswith(lowered)] if lowered else []
    if len(near) != 1:
        return ""
    return f"; write {given.partition('@')[0] + '@' + near[0]!r}"


def period_tiles_months(period: str, length: int, offset: int) -> bool:
    """Whether every block of so many months, so many after January, begins where one of these periods does."""
    months = _MONTHS_OF.get(period)
    return months is not None and length % months == 0 and offset % months == 0
