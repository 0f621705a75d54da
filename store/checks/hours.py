"""The hours of a calendar as arrays: its segments, and the blocks of sessions that long bars cover.

Computed again here, by another way than the schema's views.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from barhouse.store.checks.arrays import ENDLESS, SECOND, Array, Rows, lengths, rows_of, runs
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.anchor import MONTHS, WEEKDAYS

#: In what blocks of days begin anew.
_PERIODS = {"week": ("week", 1), "month": ("month", 1), "quarter": ("month", 3), "year": ("month", 12)}


@dataclass(frozen=True)
class Grid:
    """Stretches of time, in order, in which bars of one width lie side by side from the open.

    Attributes
    ----------
    open, close
        In microseconds since 1970, UTC.
    date
        The session, or the first one of a block, in days since 1970.
    segment
        Which part of the session; 0 of a block.
    width
        Of a bar, in microseconds; of a block's only bar without end.
    """

    open: Array
    close: Array
    date: Array
    segment: Array
    width: int

    def ended(self, which: Array, through: Array) -> Array:
        """How many bars there is room for that have ended by an instant."""
        whole = -((self.open[which] - self.close[which]) // self.width)
        begun = np.maximum(through - self.open[which], 0) // self.width
        return np.where(through >= self.close[which], whole, begun)


class Hours:
    """One calendar's segments and sessions."""

    def __init__(self, transaction: Transaction, calendar: str) -> None:
        segments = rows_of(transaction.table("checks.hours", {"calendar": calendar}))
        self.open = segments["segment_open"]
        self.close = segments["segment_close"]
        self.date = segments["session_date"].astype(np.int64)
        self.segment = segments["segment"]
        origins = transaction.run("checks.week_origin", {"calendar": calendar})
        #: The first day of a week, in days since 1970: a Monday, unless the calendar has another.
        self._origin = origins[0].origin if origins else 4
        self._ordinal = segments["ordinal"]
        begins = runs(self.date)
        self._begins = begins
        #: Of each segment, the number of its session.
        self.session = np.repeat(np.arange(len(begins)), lengths(begins, len(self.date)))
        self._blocks: dict[tuple[str, int], Array] = {}

    @cached_property
    def last(self) -> Array:
        """Whether each segment is the last of its session."""
        return np.append(self.session[1:] != self.session[:-1], np.ones(min(len(self.session), 1), bool))

    @cached_property
    def next_open(self) -> Array:
        """When the segment after each opens."""
        return np.append(self.open[1:], np.full(min(len(self.open), 1), ENDLESS))

    @cached_property
    def session_open(self) -> Array:
        """The first open of each session."""
        return self.open[self._begins]

    @cached_property
    def session_date(self) -> Array:
        """The date of each session."""
        return self.date[self._begins]

    def segments(self, length: int) -> Grid:
        """The grid of bars of so many seconds."""
        return Grid(self.open, self.close, self.date, self.segment, length * SECOND)

    def block_of_session(self, unit: str, length: int) -> Array:
        """Of each session, which block of days, weeks or months it is in, counted from the first block there is."""
        if (unit, length) not in self._blocks:
            begins = self._first_sessions(unit, length)
            number = self.session_date
            self._blocks[unit, length] = np.repeat(np.arange(len(begins)), lengths(begins, len(number)))
        return self._blocks[unit, length]

    def _first_sessions(self, unit: str, length: int) -> Array:
        """At which sessions blocks begin."""
        root, _, anchor = unit.partition("@")
        if unit == "day":
            return runs(self._ordinal[self._begins].astype(np.int64) // length)
        if root == "day":
            first = self._first_sessions(*_PERIODS[anchor])
            since = np.arange(len(self.session_date))
            since -= np.repeat(first, lengths(first, len(since)))
            return np.flatnonzero(since % length == 0)
        if root == "week":
            origin = 4 - (7 - WEEKDAYS.index(anchor)) % 7 if anchor else self._origin
            return runs((self.session_date - origin) // 7 // length)
        month = self.session_date.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return runs((month - (MONTHS.index(anchor) if anchor else 0)) // length)

    def blocks(self, unit: str, length: int) -> Grid:
        """The blocks of sessions, from the first open to the last close."""
        begins = runs(self.block_of_session(unit, length)[self.session])
        if not len(begins):
            return Grid(self.open, self.close, self.date, self.segment, ENDLESS)
        close = np.maximum.reduceat(self.close, begins)
        return Grid(self.open[begins], close, self.date[begins], np.zeros(len(begins), np.int8), ENDLESS)

    def grid(self, unit: str, length: int) -> Grid:
        """Where the bars of a length lie."""
        return self.segments(length) if unit == "second" else self.blocks(unit, length)

    def room(self, unit: str, length: int, base_unit: str, base_length: int) -> Array:
        """How many base bars each block has room for: of a base of blocks, those that begin in it."""
        if base_unit == "second":
            of_segment = -((self.open - self.close) // SECOND // base_length)
            in_session = np.add.reduceat(of_segment, self._begins) if len(self._begins) else of_segment
        else:
            block = self.block_of_session(base_unit, base_length)
            in_session = np.zeros(len(block), np.int64)
            in_session[runs(block)] = 1
        begins = runs(self.block_of_session(unit, length))
        found: Array = np.add.reduceat(in_session, begins) if len(begins) else in_session
        return found


@dataclass(frozen=True, slots=True)
class Seats:
    """Where rows lie on a grid: in which stretch (-1: before all), at which bar of it, whether just at its start."""

    at: Array
    number: Array
    there: Array


def seats_of(rows: Rows, grid: Grid) -> Seats:
    """Find where rows lie on a grid by where they start."""
    if not len(grid.open):
        none = np.full(len(rows), -1)
        return Seats(none, none, np.zeros(len(rows), bool))
    at = np.searchsorted(grid.open, rows["bar_start"], "right") - 1
    since = rows["bar_start"] - grid.open[at]
    number = since // grid.width
    return Seats(at, number, (at >= 0) & (number * grid.width == since) & (rows["bar_start"] < grid.close[at]))
