"""How the accounts of intervals grow that only go on: the slots that have ended since, and the bars in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barhouse.coordinator.fast.arrays import NONE, Array, alike, begins
from barhouse.coordinator.fast.hours import EndedSlots, SlotGrid
from barhouse.coordinator.fast.mirror import Mirror

#: Slots times intervals beyond which the statements are the better way.
_MOST_SLOTS = 2_000_000


@dataclass(frozen=True, slots=True)
class Moves:
    """How far intervals were and are covered, and where their ranges began and begin; arrays of one length.

    Attributes
    ----------
    at
        The positions of the intervals, each once, ascending.
    """

    at: Array
    old_through: Array
    new_through: Array
    old_first: Array
    new_first: Array


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars that were added: where they lie, and whether they are complete."""

    at: Array
    start: Array
    complete: Array


@dataclass(frozen=True, slots=True)
class Growth:
    """What sessions grow by, and the runs of missing bars in it.

    Attributes
    ----------
    at, date, begun, expected, present
        Of each interval and session: whether it was covered before, and how many slots and complete bars are added.
    gap_at, gap_date, gap_segment, gap_start, gap_end, missing, incomplete
        Of each run: how many bars are missing, and how many of them are there, but incomplete.
    """

    at: Array
    date: Array
    begun: Array
    expected: Array
    present: Array
    gap_at: Array
    gap_date: Array
    gap_segment: Array
    gap_start: Array
    gap_end: Array
    missing: Array
    incomplete: Array


@dataclass(frozen=True, slots=True)
class Part:
    """Intervals that are moved alike, and the slots that have ended for each of them."""

    at: Array
    grid: SlotGrid
    slots: EndedSlots


def parts_of(mirror: Mirror, moves: Moves) -> list[Part] | None:
    """See which slots have ended; None where a range begins elsewhere than before, or too much has gone by."""
    if ((moves.old_first != NONE) & (moves.new_first != moves.old_first)).any():
        return None
    since = np.where(moves.old_first == NONE, NONE, moves.old_through)
    parts: list[Part] = []
    for (way, old, new, first), which in alike(mirror.way[moves.at], since, moves.new_through, moves.new_first):
        if first == NONE:
            continue
        grid = mirror.grid(way)
        slots = grid.slots(old, new, first)
        if len(slots.start) * len(which) > _MOST_SLOTS:
            return None
        if len(slots.start):
            parts.append(Part(moves.at[which], grid, slots))
    return parts


def growth_of(mirror: Mirror, parts: Sequence[Part], bars: Bars) -> Growth:
    """Work out what the bars that were added come to in the slots that have ended."""
    part_of = np.full(len(mirror.interval_id), -1)
    for number, part in enumerate(parts):
        part_of[part.at] = number
    of_bar = part_of[bars.at]
    accounts: list[tuple[Array, ...]] = []
    gaps: list[tuple[Array, ...]] = []
    for number, part in enumerate(parts):
        filled, partial = _filled(part, bars, np.flatnonzero(of_bar == number))
        accounts.append(_account(part, filled))
        if not filled.all():
            gaps.append(_gaps(part, filled, partial))
    return Growth(*_together(accounts, 5), *_together(gaps, 7))


def _filled(part: Part, bars: Bars, mine: Array) -> tuple[Array, Array]:
    """Which slots of which intervals have a complete bar, and which an incomplete one."""
    at, slots = part.at, part.slots
    column = np.minimum(np.searchsorted(slots.start, bars.start[mine]), len(slots.start) - 1)
    found = slots.start[column] == bars.start[mine]
    row, column, complete = np.searchsorted(at, bars.at[mine][found]), column[found], bars.complete[mine][found]
    filled, partial = (np.zeros((len(at), len(slots.start)), bool) for _ in range(2))
    filled[row[complete], column[complete]] = True
    partial[row[~complete], column[~complete]] = True
    return filled, partial


def _account(part: Part, filled: Array) -> tuple[Array, ...]:
    at, slots = part.at, part.slots
    first = begins(slots.date)
    expected = np.diff(np.append(first, len(slots.date)))
    present = np.add.reduceat(filled.astype(np.int64), first, axis=1)
    return (
        np.repeat(at, len(first)),
        np.tile(slots.date[first], len(at)),
        np.tile(slots.begun[first], len(at)),
        np.tile(expected, len(at)),
        present.ravel(),
    )


def _gaps(part: Part, filled: Array, partial: Array) -> tuple[Array, ...]:
    """The runs of slots without a complete bar, none of them across the end of a segment or block."""
    slots = part.slots
    rows = np.flatnonzero(~filled.all(axis=1))
    missing = ~filled[rows]
    cut = np.append(True, slots.unit[1:] != slots.unit[:-1])
    before = np.zeros_like(missing)
    before[:, 1:] = missing[:, :-1]
    after = np.zeros_like(missing)
    after[:, :-1] = missing[:, 1:]
    row, first = np.nonzero(missing & (cut | ~before))
    _, last = np.nonzero(missing & (np.append(cut[1:], True) | ~after))
    counted = np.zeros((len(rows), missing.shape[1] + 1), np.int64)
    counted[:, 1:] = np.cumsum(partial[rows], axis=1)
    return (
        part.at[rows][row],
        slots.date[first],
        part.grid.segment[slots.unit[first]],
        slots.start[first],
        slots.end[last],
        last - first + 1,
        counted[row, last + 1] - counted[row, first],
    )


def _together(parts: list[tuple[Array, ...]], count: int) -> list[Array]:
    if not parts:
        return [np.empty(0, bool if number == 2 and count == 5 else np.int64) for number in range(count)]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]
