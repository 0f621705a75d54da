"""Coverage and gaps counted again: by arithmetic on what the calendar has room for, never slot by slot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barhouse.store.checks.arrays import NO_DATE, Array, Rows, beside, ordered, ranges, runs, times_of
from barhouse.store.checks.hours import Grid, Seats


@dataclass(frozen=True)
class Account:
    """Of some intervals the stretches of a grid in which bars are expected, and how many are there.

    Attributes
    ----------
    symbol
        Whose stretch it is: the number of its symbol.
    at
        Which stretch of the grid.
    room
        How many bars are expected: those that have ended.
    present
        How many of them are there, and complete.
    """

    grid: Grid
    symbol: Array
    at: Array
    room: Array
    present: Array
    _cell: Array
    _slot: Array
    _complete: Array

    def coverage(self) -> Rows:
        """How many bars are expected and present in each session, by symbol and date."""
        date = self.grid.date[self.at]
        begins = runs(self.symbol, date)
        if not len(begins):
            none = np.zeros(0, np.int64)
            return Rows(dict.fromkeys(("symbol", "session_date", "expected_count", "present_count"), none))
        counted = Rows(
            {
                "symbol": self.symbol[begins],
                "session_date": date[begins],
                "expected_count": np.add.reduceat(self.room, begins),
                "present_count": np.add.reduceat(self.present, begins),
            }
        )
        return counted.where(counted["expected_count"] > 0)

    def gaps(self) -> Rows:
        """The runs of bars that are missing, by symbol and start."""
        lacking = np.flatnonzero(self.present < self.room)
        room, at = self.room[lacking], self.at[lacking]
        offset = np.cumsum(room) - room
        number = np.full(len(self.at), -1)
        number[lacking] = np.arange(len(lacking))
        of = number[self._cell]
        there = of >= 0
        place = offset[of[there]] + self._slot[there]
        complete = self._complete[there]
        full, partial = place[complete], place[~complete]
        # Bars that are there, and before them the walls between stretches: what lies between two of them is missing.
        walls = np.searchsorted(full, offset, "left")
        begins = np.insert(full, walls, offset)
        is_bar = np.insert(np.ones(len(full), bool), walls, np.zeros(len(offset), bool))
        first = begins + is_bar
        last = np.append(begins[1:], room.sum())[: len(begins)]
        first, last = first[last > first], last[last > first]
        of = np.searchsorted(offset, first, "right") - 1
        open_, close = self.grid.open[at[of]], self.grid.close[at[of]]
        return Rows(
            {
                "symbol": self.symbol[lacking[of]],
                "gap_start": open_ + (first - offset[of]) * self.grid.width,
                "session_date": self.grid.date[at[of]],
                "segment": self.grid.segment[at[of]],
                "gap_end": np.minimum(close, open_ + (last - offset[of]) * self.grid.width),
                "missing_count": last - first,
                "incomplete_count": np.searchsorted(partial, last) - np.searchsorted(partial, first),
            }
        )


def account(grid: Grid, stretch: slice, intervals: Rows, rows: Rows, seats: Seats) -> Account:
    """Count what the intervals should have in a stretch of the grid, and have of it.

    Parameters
    ----------
    stretch
        Which part of the grid is looked at.
    intervals
        ``first_date`` and ``through`` of each, and whether it is ``checked``.
    rows, seats
        The bars that are there in that part of the grid, by symbol and start; and where they lie on it.
    """
    from_ = np.maximum(np.searchsorted(grid.date, intervals["first_date"]), stretch.start)
    to_ = np.minimum(np.searchsorted(grid.open, intervals["through"]), stretch.stop)
    nothing = (intervals["first_date"] == NO_DATE) | ~intervals["checked"]
    to_ = np.where(nothing, from_, np.maximum(from_, to_))
    at, symbol = ranges(from_, to_)
    room = grid.ended(at, intervals["through"][symbol])
    first = np.cumsum(to_ - from_) - (to_ - from_)
    of = rows["symbol"]
    there = seats.there & (rows["expected_count"] > 0) & (seats.at >= from_[of]) & (seats.at < to_[of])
    cell, slot, complete = seats.at + (first - from_)[of], seats.number, rows["base_count"] == rows["expected_count"]
    if not there.all():
        cell, slot, complete = cell[there], slot[there], complete[there]
    ended = slot < room[cell]
    if not ended.all():
        cell, slot, complete = cell[ended], slot[ended], complete[ended]
    present = np.bincount(cell[complete] if not complete.all() else cell, minlength=len(at))
    return Account(grid, symbol, at, room, present, cell, slot, complete)


def contradictions(counted: Rows, kept: Rows, keys: tuple[str, ...]) -> tuple[Rows, Array, Array, Array]:
    """Lay what was counted beside what is kept.

    Returns
    -------
    tuple
        What is kept, in order; and of each contradiction the position among what was counted (-1: there is nothing),
        that among what is kept, and how often that is there.
    """
    order = ordered(*(kept[name] for name in keys))
    kept = kept if order is None else kept.take(order)
    times = times_of(*(kept[name] for name in keys))
    left, right = beside([counted[name] for name in keys], [kept[name] for name in keys])
    alone = (left < 0) | (right < 0)
    wrong = alone.copy()
    if not alone.all():
        for name in counted.columns.keys() - set(keys):
            wrong |= ~alone & (counted[name][left] != kept[name][right])
        wrong |= ~alone & (times[right] > 1)
    where = np.flatnonzero(wrong)
    of = right[where]
    return kept, left[where], of, np.where(of >= 0, times[of] if len(times) else 1, 1)
