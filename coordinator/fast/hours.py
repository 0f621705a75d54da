"""The hours of a calendar as grids of slots: room for the bars of one length, segment by segment or block by block."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from barhouse.coordinator.fast.arrays import NONE, SECOND, Array, begins, day_of
from barhouse.coordinator.fast.blocks import SessionBlocks


class Way(NamedTuple):
    """What thousands of intervals have in common: calendar, length and base, and how long a close is waited for."""

    calendar: str
    unit: str
    length: int
    base_unit: str
    base_length: int
    closing_seconds: int


class EndedSlots(NamedTuple):
    """Slots for bars that have ended, in the order of time.

    Attributes
    ----------
    unit
        Which segment or block each lies in.
    begun
        Whether its session had slots that ended before.
    """

    start: Array
    end: Array
    date: Array
    unit: Array
    begun: Array


@dataclass(frozen=True, slots=True)
class SlotGrid:
    """Where the bars of one length lie: in segments side by side from the open, or one in each block of sessions.

    Attributes
    ----------
    open, close
        Of each segment or block, in its order.
    date, last_date
        Its session, or the first and the last of a block.
    segment
        0 of a block.
    width
        Of a slot; the last one of a segment is cut off at the close.
    closes
        Whether a session ends with it.
    known
        Whether no session can be added to it.
    room
        How many base bars a block has room for; 0 of segments.
    base_width
        Of the base bars that buckets of segments are made of; 0 of blocks.
    """

    open: Array
    close: Array
    date: Array
    last_date: Array
    segment: Array
    width: Array
    closes: Array
    known: Array
    room: Array
    base_width: int

    def ended(self, unit: Array, through: int) -> Array:
        """How many slots of some units have ended by an instant."""
        opened, closed, width = self.open[unit], self.close[unit], self.width[unit]
        all_of_it = -((opened - closed) // width)
        return np.where(closed <= through, all_of_it, np.maximum(through - opened, 0) // width)

    def slots(self, old: int, new: int, first_date: int) -> EndedSlots:
        """The slots that have ended since one instant (``NONE``: ever) by another, from a session on."""
        from_ = max(
            int(np.searchsorted(self.close, old, "right")) if old != NONE else 0,
            int(np.searchsorted(self.date, first_date)) if first_date != NONE else 0,
        )
        units = np.arange(from_, int(np.searchsorted(self.open, new)))
        if not len(units):
            nothing = np.empty(0, np.int64)
            return EndedSlots(nothing, nothing, nothing, nothing, nothing.astype(bool))
        before = self.ended(units, old) if old != NONE else np.zeros(len(units), np.int64)
        count = self.ended(units, new) - before
        first = begins(self.date[units])
        has_begun = (np.add.reduceat(before, first) > 0) | (np.minimum.reduceat(self.segment[units], first) > 0)
        has_begun = np.repeat(has_begun, np.diff(np.append(first, len(units))))
        unit = np.repeat(units, count)
        number = np.arange(len(unit)) - np.repeat(np.cumsum(count) - count - before, count)
        start = self.open[unit] + number * self.width[unit]
        end = np.minimum(start + self.width[unit], self.close[unit])
        return EndedSlots(start, end, self.date[unit], unit, np.repeat(has_begun, count))

    def slot_end(self, instant: int) -> int:
        """Where the last slot ends that begins before an instant; ``NONE`` where none does."""
        unit = int(np.searchsorted(self.open, instant)) - 1
        if unit < 0:
            return NONE
        opened, closed, width = int(self.open[unit]), int(self.close[unit]), int(self.width[unit])
        return min(opened - (opened - min(instant, closed)) // width * width, closed)

    def closed_through(self, complete: int, clock: int, wait: int) -> int:
        """How far buckets are closed: through the one that base bars have reached, or through the one before it."""
        unit = int(np.searchsorted(self.open, complete)) - 1
        if unit < 0:
            return NONE
        opened, closed, width = int(self.open[unit]), int(self.close[unit]), int(self.width[unit])
        start = opened - (opened - min(complete, closed)) // width * width - width
        end = min(start + width, closed)
        is_last = bool(self.closes[unit]) and start + width >= closed
        over = end + (wait if is_last else 0)
        if self.known[unit] and (over <= complete or over <= clock):
            return end
        if start > opened:
            return start
        return int(self.close[unit - 1]) if unit else NONE

    def next_close(self, through: int) -> int:
        """When the first bucket after an instant closes; ``NONE`` where the calendar ends."""
        unit = int(np.searchsorted(self.close, through, "right"))
        if unit == len(self.close):
            return NONE
        count = int(self.ended(np.array([unit]), through)[0]) + 1
        return min(int(self.open[unit]) + count * int(self.width[unit]), int(self.close[unit]))

    def first_from(self, first_date: int) -> int:
        """The first session or block that begins no earlier than a session; ``NONE`` where there is none."""
        unit = int(np.searchsorted(self.date, first_date)) if first_date != NONE else len(self.date)
        return int(self.date[unit]) if unit < len(self.date) else NONE

    def expected(self, slots: EndedSlots) -> Array:
        """How many base bars the buckets of some slots have room for."""
        if self.base_width:
            return -((slots.start - slots.end) // self.base_width)
        return self.room[slots.unit]


class CalendarHours:
    """One calendar: its segments in the order of time, and from when to when these are known.

    Attributes
    ----------
    open, close, date, segment
        Of each segment.
    closes
        Whether a session ends with it.
    """

    def __init__(self, segments: dict[str, Array], known_from: int, known_through: int, origin: int) -> None:
        self.open, self.close = segments["segment_open"], segments["segment_close"]
        self.date, self.segment = segments["session_date"], segments["segment"]
        self.closes = np.append(self.date[1:] != self.date[:-1], np.ones(min(len(self.date), 1), bool))
        self._blocks = SessionBlocks(self.date, segments["ordinal"], origin, known_through)
        self._known_from, self._known_through = known_from, known_through
        self._grids: dict[Way, SlotGrid] = {}
        self._lengths: set[tuple[str, int]] = set()

    def grid(self, way: Way) -> SlotGrid:
        """Where the bars of one length lie."""
        if way not in self._grids:
            self._grids[way] = self._segments(way) if way.unit == "second" else self._whole_sessions(way)
        return self._grids[way]

    def note(self, way: Way) -> None:
        """Take notice of blocks of sessions that are in use."""
        if way.unit != "second":
            self._lengths.add((way.unit, way.length))

    def covers(self, first: date, last: date, behind: int, ahead: int) -> bool:
        """Whether it is known from so many days before the blocks that a date lies in to so many after another."""
        day = day_of(first)
        from_ = min([day, *(self._blocks.earliest(*one, day) for one in self._lengths)])
        return self._known_from <= from_ - behind and day_of(last) + ahead <= self._known_through

    def _segments(self, way: Way) -> SlotGrid:
        size = len(self.open)
        return SlotGrid(
            open=self.open,
            close=self.close,
            date=self.date,
            last_date=self.date,
            segment=self.segment,
            width=np.full(size, way.length * SECOND),
            closes=self.closes,
            known=np.ones(size, bool),
            room=np.zeros(size, np.int64),
            base_width=way.base_length * SECOND if way.base_unit == "second" else 0,
        )

    def _whole_sessions(self, way: Way) -> SlotGrid:
        number = self._blocks.numbers(way.unit, way.length)
        first = begins(number)
        last = np.append(first[1:], len(number)) - 1
        opened, closed = self.open[first], self.close[last]
        known = self._blocks.known(way.unit, way.length, number[first], last)
        if way.base_unit == "second":
            room = np.add.reduceat(-((self.open - self.close) // (way.base_length * SECOND)), first)
        else:
            of_base = self._blocks.numbers(way.base_unit, way.base_length)
            new = np.append(True, (of_base[1:] != of_base[:-1]) | (number[1:] != number[:-1]))
            room = np.add.reduceat(new.astype(np.int64), first)
        return SlotGrid(
            open=opened,
            close=closed,
            date=self.date[first],
            last_date=self.date[last],
            segment=np.zeros(len(first), np.int64),
            width=closed - opened,
            closes=np.ones(len(first), bool),
            known=known,
            room=room,
            base_width=0,
        )
