"""Where base bars lie: on the grid of a session, at its close, or between sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barhouse.store.checks.arrays import ENDLESS, NO_DATE, NO_SEGMENT, SECOND, Array, Rows
from barhouse.store.checks.hours import Grid, Hours, Seats, seats_of

#: What is wrong with where a bar lies, beyond what it says of itself; the statement has the words.
OFF_GRID, OFF_GRID_OUTSIDE, OVERLAPPING = 1, 2, 3


@dataclass(frozen=True)
class Placement:
    """Base bars of a portion with their places.

    Attributes
    ----------
    seats
        Where each lies: in the segment or block that it starts in, or at the close of which it does.
    sound
        Whether each lies in a session (or closes it) that is the one it says.
    wrong
        The positions of those that are not where they should be, or do not say what they are.
    right
        What these should say: ``flaw`` (0: what follows), ``session_date``, ``segment``, ``span_seconds``,
        ``base_count``, ``expected_count``.
    """

    seats: Seats
    sound: Array
    wrong: Array
    right: Rows


def intraday(rows: Rows, hours: Hours, length: int, closing_seconds: int) -> Placement:
    """Place base bars of less than a day."""
    seats = seats_of(rows, hours.segments(length))
    at, on_grid = seats.at, seats.there
    if not len(hours.open):
        return _outside_everything(rows, seats, length)
    start, close = rows["bar_start"], hours.close[at]
    inside = (at >= 0) & (start < close)
    says = (rows["session_date"] == hours.date[at]) & (rows["segment"] == hours.segment[at])
    right = inside & on_grid & says & (rows["span_seconds"] == np.minimum(length, (close - start) // SECOND))
    # One that was not seen whole counts one less.
    right &= (rows["expected_count"] == 1) & ((rows["base_count"] == 1) | (rows["base_count"] == 0))
    rest = np.flatnonzero(~right)
    some = rows.take(rest)
    closing = np.zeros(len(rest), bool)
    if closing_seconds:
        closing = (at[rest] >= 0) & hours.last[at[rest]] & (some["bar_start"] == close[rest])
    sound = inside & says
    sound[rest[closing]] = says[rest[closing]]
    inside, at_ = inside[rest], at[rest]
    whole = np.where(closing, 0, 1)
    of_session = inside | closing
    expected = {
        "session_date": np.where(of_session, hours.date[at_], NO_DATE),
        "segment": np.where(of_session, hours.segment[at_], NO_SEGMENT),
        "span_seconds": np.where(inside, np.minimum(length, (close[rest] - some["bar_start"]) // SECOND), length),
        "base_count": np.where(some["base_count"] == whole - 1, whole - 1, whole),
        "expected_count": inside.astype(np.int64),
    }
    flaw = np.where(inside & ~on_grid[rest], OFF_GRID, 0)
    outside = ~of_session
    flaw[outside] = _flaws_outside(some.take(outside), hours, at_[outside], length)
    wrong = flaw > 0
    for name, values in expected.items():
        wrong |= some[name] != values
    return Placement(seats, sound, rest[wrong], Rows({"flaw": flaw, **expected}).take(wrong))


def _flaws_outside(rows: Rows, hours: Hours, at: Array, length: int) -> Array:
    """Outside bars lie on a grid from the close before or back from the open after, and overlap no other."""
    width, start = length * SECOND, rows["bar_start"]
    to_open = hours.next_open[at] - start
    bounded = (at >= 0) & (hours.next_open[at] < ENDLESS)
    off = bounded & ((start - hours.close[at]) % width != 0) & (to_open % width != 0)
    overlapping = bounded & (to_open < width)
    apart = np.flatnonzero(rows["session_date"] == NO_DATE)
    near = (np.diff(start[apart]) < width) & (rows["symbol"][apart][1:] == rows["symbol"][apart][:-1])
    overlapping[apart[:-1][near]] = True
    return np.where(off, OFF_GRID_OUTSIDE, np.where(overlapping, OVERLAPPING, 0))


def _outside_everything(rows: Rows, seats: Seats, length: int) -> Placement:
    none = np.zeros(len(rows), np.int64)
    right = {
        "flaw": none,
        "session_date": none + NO_DATE,
        "segment": none + NO_SEGMENT,
        "span_seconds": none + length,
        "base_count": np.where(rows["base_count"] == 0, 0, 1),
        "expected_count": none,
    }
    wrong = np.zeros(len(rows), bool)
    for name in right.keys() - {"flaw"}:
        wrong |= rows[name] != right[name]
    where = np.flatnonzero(wrong)
    return Placement(seats, np.zeros(len(rows), bool), where, Rows(right).take(where))


def blocks(rows: Rows, grid: Grid) -> Placement:
    """Place base bars of 1d and more: each covers its block of sessions, the one that its date is the first of.

    ``right`` has ``bar_start`` in addition; its ``flaw`` is 1 where the date begins no block.
    """
    seats = seats_of(rows, grid)
    if not len(grid.open):
        none = np.zeros(len(rows), np.int64)
        names = ("bar_start", "session_date", "segment", "span_seconds", "base_count", "expected_count")
        right = Rows({"flaw": none + 1, **dict.fromkeys(names, none)})
        return Placement(seats, np.zeros(len(rows), bool), np.arange(len(rows)), right)
    said = np.clip(np.searchsorted(grid.date, rows["session_date"]), 0, len(grid.date) - 1)
    begins = grid.date[said] == rows["session_date"]
    expected = {
        "bar_start": grid.open[said],
        "session_date": grid.date[said],
        "segment": grid.segment[said],
        "span_seconds": (grid.close[said] - grid.open[said]) // SECOND,
        "base_count": np.ones(len(rows), np.int64),
        "expected_count": np.ones(len(rows), np.int64),
    }
    wrong = ~begins
    for name, values in expected.items():
        wrong |= rows[name] != values
    where = np.flatnonzero(wrong)
    right = Rows({"flaw": (~begins).astype(np.int64), **expected}).take(where)
    return Placement(seats, seats.there & begins & (said == seats.at), where, right)
