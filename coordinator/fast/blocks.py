"""Which block of sessions each session of a calendar is in, and from which date to which a block can reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barhouse.coordinator.fast.arrays import NONE, Array, begins
from barhouse.store.model.anchor import WEEKDAYS, anchor_of, month_offset, root_of

#: Monday 1970-01-05, in days since 1970.
_FIRST_MONDAY = 4
#: More blocks than a period has; their numbers go on with the next period.
_BLOCKS_OF_PERIOD = 400
_MONTHS_OF_PERIOD = {"month": 1, "quarter": 3, "year": 12}


def _months(day: Array) -> Array:
    """How many months since 1970 dates lie in."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _first_of_month(number: int) -> int:
    """The first date of a month, counted since 1970."""
    return int(np.datetime64(number, "M").astype("datetime64[D]").astype(np.int64))


@dataclass(frozen=True, slots=True)
class SessionBlocks:
    """The blocks of one calendar.

    Attributes
    ----------
    date, ordinal
        Of each session, or of each segment of one, in the order of time.
    origin
        The first day of the week that holds 1970-01-05 by the calendar; ``NONE`` for a Monday.
    known_through
        The last date of which it is known whether it is a session.
    """

    date: Array
    ordinal: Array
    origin: int
    known_through: int

    def numbers(self, unit: str, length: int) -> Array:
        """The number of the block that each session is in."""
        if unit == "day":
            return self.ordinal // length
        if root_of(unit) != "day":
            return self._of_date(unit, length, self.date)
        period = self._period(anchor_of(unit), self.date)
        if not len(period):
            return period
        first = begins(period)
        since = self.ordinal - np.repeat(self.ordinal[first], np.diff(np.append(first, len(period))))
        number: Array = period * _BLOCKS_OF_PERIOD + since // length
        return number

    def known(self, unit: str, length: int, numbers: Array, last: Array) -> Array:
        """Whether no session can be added to some blocks.

        Parameters
        ----------
        numbers
            Of the blocks.
        last
            At which place of ``date`` each has its last session.
        """
        if unit == "day":
            is_full: Array = self.ordinal[last] == (numbers + 1) * length - 1
            return is_full
        ends = np.array([self._next_date(unit, length, one) for one in numbers.tolist()], np.int64) - 1
        is_known: Array = ends <= self.known_through
        if root_of(unit) == "day" and len(last):
            first = np.append(0, last[:-1] + 1)
            is_known |= self.ordinal[last] - self.ordinal[first] == length - 1
        return is_known

    def earliest(self, unit: str, length: int, day: int) -> int:
        """The earliest date that a block can begin with in which a date lies."""
        if unit == "day":
            return day - length * 7
        dates = np.array([day])
        if root_of(unit) != "day":
            return self._first_date(unit, length, int(self._of_date(unit, length, dates)[0]))
        anchor = anchor_of(unit)
        return self._first_of_period(anchor, int(self._period(anchor, dates)[0]))

    def _of_date(self, unit: str, length: int, date: Array) -> Array:
        """The blocks of weeks or months that dates lie in."""
        if root_of(unit) == "week":
            return (date - self._week_origin(unit)) // 7 // length
        return (_months(date) - month_offset(unit)) // length

    def _first_date(self, unit: str, length: int, number: int) -> int:
        """The first date of a block of weeks or months."""
        if root_of(unit) == "week":
            return self._week_origin(unit) + number * length * 7
        return _first_of_month(number * length + month_offset(unit))

    def _next_date(self, unit: str, length: int, number: int) -> int:
        """The first date that a block cannot reach."""
        if root_of(unit) != "day":
            return self._first_date(unit, length, number + 1)
        return self._first_of_period(anchor_of(unit), number // _BLOCKS_OF_PERIOD + 1)

    def _week_origin(self, unit: str) -> int:
        anchor = anchor_of(unit)
        if anchor in WEEKDAYS:
            return _FIRST_MONDAY - (7 - WEEKDAYS.index(anchor)) % 7
        return _FIRST_MONDAY if self.origin == NONE else self.origin

    def _period(self, period: str, date: Array) -> Array:
        """Which week, month, quarter or year dates lie in."""
        if period == "week":
            return (date - self._week_origin("week")) // 7
        return _months(date) // _MONTHS_OF_PERIOD[period]

    def _first_of_period(self, period: str, number: int) -> int:
        if period == "week":
            return self._week_origin("week") + number * 7
        return _first_of_month(number * _MONTHS_OF_PERIOD[period])
