"""A small step of deriving: what has closed since the last time, each bucket as one stretch of time of its base."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from barhouse.coordinator.fast import switch
from barhouse.coordinator.fast.accounts import account, add_batch
from barhouse.coordinator.fast.arrays import NONE, SECOND, Array, alike, dates, instants, micros, moment_of
from barhouse.coordinator.fast.growth import Bars, Moves, Part, growth_of, parts_of
from barhouse.coordinator.fast.mirror import Mirror
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.interval import Interval

#: More buckets than that, or further apart, are for the statements.
_MOST_BUCKETS = 50_000
_FARTHEST = 31 * 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Plan:
    """What has closed.

    Attributes
    ----------
    moves, next_close
        Of each derived interval that goes on: how far, and when its next bucket closes.
    closed
        The buckets.
    accounted
        Those that count.
    symbol_count
        Of how many symbols they are; 0 where nothing has closed.
    """

    mirror: Mirror
    moves: Moves
    next_close: Array
    closed: list[Part]
    accounted: list[Part]
    symbol_count: int


@dataclass(frozen=True, slots=True)
class Derived:
    """What was derived: its batch, and how many bars of each length."""

    batch_id: int
    counts: dict[Interval, int]


def plan(transaction: Transaction, clock: datetime, symbol_count: int) -> Plan | None:
    """See what has closed by an instant; None where that is not to be told from the mirror, or is too much.

    Parameters
    ----------
    symbol_count
        Of how many symbols one transaction derives at most.
    """
    mirror = transaction.memory.recall(Mirror) if switch.is_open() else None
    if mirror is None or mirror.has_invalidations:
        return None
    now = micros(clock)
    at = np.flatnonzero(mirror.derived)
    complete = mirror.complete_through[mirror.base[at]]
    may_close = (complete > mirror.derived_through[at]) & (mirror.next_close[at] <= np.maximum(complete, now))
    at, complete = at[may_close], complete[may_close]
    if ((mirror.next_close[at] == NONE) | (mirror.derived_through[at] == NONE)).any():
        return None
    through, next_close = np.full(len(at), NONE), np.full(len(at), NONE)
    closed: list[Part] = []
    for (number, old, reached), which in alike(mirror.way[at], mirror.derived_through[at], complete):
        grid = mirror.grid(number)
        end = grid.closed_through(reached, now, mirror.ways[number].closing_seconds * SECOND)
        if end > old + _FARTHEST:
            return None
        if end > old:
            through[which], next_close[which] = end, grid.next_close(end)
            closed.append(Part(at[which], grid, grid.slots(old, end, NONE)))
    goes_on = through != NONE
    at = at[goes_on]
    if not len(at):
        return _nothing(mirror) if not may_close.any() or _is_all_known(mirror) else None
    moves = Moves(at, mirror.derived_through[at], through[goes_on], mirror.first_session[at], _firsts(mirror, at))
    accounted = parts_of(mirror, moves)
    symbols = len(np.unique(mirror.base[at]))
    bucket_count = sum(len(part.at) * len(part.slots.start) for part in closed)
    if accounted is None or symbols > symbol_count or bucket_count > _MOST_BUCKETS:
        return None
    return Plan(mirror, moves, next_close[goes_on], closed, accounted, symbols)


def derive(transaction: Transaction, planned: Plan) -> Derived:
    """Derive what was planned, and account for it."""
    mirror = planned.mirror
    with transaction.memory.following():
        bars, counts = _add_bars(transaction, planned)
        growth = growth_of(mirror, planned.accounted, bars)
        account(transaction, mirror, planned.moves, bars, growth, planned.next_close)
        batch_id = add_batch(transaction, mirror, "process", None, len(bars.at))
    return Derived(batch_id, counts)


def _nothing(mirror: Mirror) -> Plan:
    none = np.empty(0, np.int64)
    return Plan(mirror, Moves(none, none, none, none, none), none, [], [], 0)


def _is_all_known(mirror: Mirror) -> bool:
    """Whether it is known of every interval when its next bucket closes."""
    return not (mirror.derived & (mirror.next_close == NONE)).any()


def _firsts(mirror: Mirror, at: Array) -> Array:
    """Where the accounts of derived intervals begin: with the first block that lies in the range of the base."""
    first = np.full(len(at), NONE)
    for (number, begun), which in alike(mirror.way[at], mirror.first_session[mirror.base[at]]):
        first[which] = mirror.grid(number).first_from(begun)
    retained = mirror.account_from[at]
    return np.where(retained == NONE, first, retained)


def _add_bars(transaction: Transaction, planned: Plan) -> tuple[Bars, dict[Interval, int]]:
    """Write the bars of the buckets that have any base bar; returns them, and how many of each length."""
    mirror = planned.mirror
    parts = [part for part in planned.closed if len(part.slots.start)]
    none = np.empty(0, np.int64)
    if not parts:
        return Bars(none, none, none.astype(bool)), {}
    columns = [np.concatenate(column) for column in zip(*(_buckets(mirror, part) for part in parts), strict=True)]
    at, start, end, to, date, last_date, segment, room = columns
    table = pa.table(
        {
            "interval_id": pa.array(mirror.interval_id[at], pa.int32()),
            "base_id": pa.array(mirror.interval_id[mirror.base[at]], pa.int32()),
            "from_": instants(start),
            "to_": instants(to),
            "span_seconds": pa.array((end - start) // SECOND),
            "session_date": dates(date),
            "last_date": dates(last_date),
            "segment": pa.array(segment, pa.int8()),
            "expected_count": pa.array(room, pa.int32()),
        }
    )
    bounds = {"first_start": moment_of(int(start.min())), "last_end": moment_of(int(to.max()))}
    found = transaction.arrays(
        "fast.derive_bars",
        {"batch_id": mirror.newest_batch + 1, **bounds},
        wanted_bars=transaction.place("wanted_bars", table),
    )
    ids, starts, base_count, expected = (np.asarray(column, np.int64) for column in found.values())
    written = np.searchsorted(mirror.interval_id, ids)
    counts: dict[Interval, int] = defaultdict(int)
    for number, count in zip(*np.unique(mirror.way[written], return_counts=True), strict=True):
        way = mirror.ways[number]
        counts[Interval(way.unit, way.length)] += int(count)
    return Bars(written, starts, (base_count == expected) & (base_count > 0)), dict(counts)


def _buckets(mirror: Mirror, part: Part) -> tuple[Array, ...]:
    """The buckets of a part, one for each of its intervals and slots; a closing bar belongs to the last one."""
    slots, grid = part.slots, part.grid
    waits = np.array([mirror.ways[way].closing_seconds > 0 for way in mirror.way[part.at[:1]].tolist()])
    is_last = grid.closes[slots.unit] & (slots.end == grid.close[slots.unit]) & waits
    each = (
        slots.start,
        slots.end,
        slots.end + is_last,
        slots.date,
        grid.last_date[slots.unit],
        grid.segment[slots.unit],
        grid.expected(slots),
    )
    return np.repeat(part.at, len(slots.start)), *(np.tile(column, len(part.at)) for column in each)
