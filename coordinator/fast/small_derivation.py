"""A small step of deriving: what has closed since the last time, and what changed below.

Each bucket is one stretch of time of its base. What was derived before is derived again where base bars changed, and
replaced where it differs.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from barhouse.coordinator.fast import corrections, switch
from barhouse.coordinator.fast.accounts import BatchCounts, account, add_batch
from barhouse.coordinator.fast.arrays import NONE, SECOND, Array, alike, begins, dates, instants, micros, moment_of
from barhouse.coordinator.fast.growth import Bars, Moves, Part, growth_of, parts_of
from barhouse.coordinator.fast.mirror import Mirror
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.interval import Interval
from barhouse.store.sql import sql

#: More buckets than that, or further apart, are for the statements.
_MOST_BUCKETS = 50_000
#: So many ways of stretches that changed are better told by the statements.
_MOST_STRETCHES = 300
_FARTHEST = 31 * 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Plan:
    """What has closed, and what changed.

    Attributes
    ----------
    moves, next_close
        Of each derived interval that goes on: how far, and when its next bucket closes.
    closed
        The buckets.
    accounted
        Those that count.
    corrected
        The bars below that differ from what base bars come to now; None where none of these changed.
    bases
        The base intervals of all of it.
    symbol_count
        Of how many symbols they are; 0 where there is nothing to do.
    """

    mirror: Mirror
    moves: Moves
    next_close: Array
    closed: list[Part]
    accounted: list[Part]
    corrected: corrections.Corrections | None
    bases: Array
    symbol_count: int


@dataclass(frozen=True, slots=True)
class Derived:
    """What was derived: its batch, and how many bars of each length were added, and replaced."""

    batch_id: int
    inserted: dict[Interval, int]
    revised: dict[Interval, int]


def plan(transaction: Transaction, clock: datetime, symbol_count: int) -> Plan | None:
    """See what has closed by an instant, and what changed; None where the mirror does not tell, or it is too much.

    Parameters
    ----------
    symbol_count
        Of how many symbols one transaction derives at most.
    """
    mirror = transaction.memory.recall(Mirror) if switch.is_open() else None
    if mirror is None or mirror.waiting is None:
        return None
    changed = _changed(mirror) if len(mirror.waiting.at) else []
    if changed is None:
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
    if not len(at) and may_close.any() and not _is_all_known(mirror):
        return None
    if not len(at) and not changed:
        return _nothing(mirror)
    moves = Moves(at, mirror.derived_through[at], through[goes_on], mirror.first_session[at], _firsts(mirror, at))
    accounted = parts_of(mirror, moves)
    bases = np.unique(mirror.base[np.concatenate([at, *(part.at for part in changed)])])
    bucket_count = sum(len(part.at) * len(part.slots.start) for part in [*closed, *changed])
    too_many = len(bases) > symbol_count or bucket_count > _MOST_BUCKETS
    if accounted is None or too_many or mirror.has_columns[bases].any():
        return None
    corrected = None
    if changed:
        corrected = _derive_again(transaction, mirror, changed)
        if corrected is None:
            return None
    return Plan(mirror, moves, next_close[goes_on], closed, accounted, corrected, bases, len(bases))


def derive(transaction: Transaction, planned: Plan) -> Derived:
    """Derive what was planned, and account for it."""
    mirror = planned.mirror
    revised, unchanged = np.empty(0, np.int64), 0
    with transaction.memory.following():
        if planned.corrected is not None:
            revised, unchanged = planned.corrected.at, planned.corrected.unchanged
            if len(revised):
                corrections.replace(transaction, planned.corrected, mirror.newest_batch + 1)
        added = np.empty(0, np.int64)
        if len(planned.moves.at):
            bars = _add_bars(transaction, planned)
            growth = growth_of(mirror, planned.accounted, bars)
            account(transaction, mirror, planned.moves, bars, growth, planned.next_close)
            added = bars.at
        corrections.settle(transaction, mirror, planned.bases)
        batch_id = add_batch(transaction, mirror, "process", None, BatchCounts(len(added), len(revised), unchanged))
    return Derived(batch_id, _by_length(mirror, added), _by_length(mirror, revised))


def _by_length(mirror: Mirror, at: Array) -> dict[Interval, int]:
    """How many bars there are of each length."""
    counts: dict[Interval, int] = defaultdict(int)
    for number, count in zip(*np.unique(mirror.way[at], return_counts=True), strict=True):
        way = mirror.ways[number]
        counts[Interval(way.unit, way.length)] += int(count)
    return dict(counts)


def _changed(mirror: Mirror) -> list[Part] | None:
    """The buckets below what is derived whose base bars changed, each maybe more than once; None: not told here.

    Where a close is waited for, a block of sessions may come to count although no bar does.
    """
    waiting = mirror.waiting
    assert waiting is not None
    of_interval, of_stretch = np.nonzero(mirror.derived[:, None] & (mirror.base[:, None] == waiting.at))
    below = waiting.start[of_stretch] < mirror.derived_through[of_interval]
    at, stretch = of_interval[below], of_stretch[below]
    if mirror.has_final[mirror.base[at]].any():
        return None
    parts: list[Part] = []
    ways = alike(mirror.way[at], waiting.start[stretch], waiting.end[stretch], mirror.derived_through[at])
    for count, ((number, start, end, through), which) in enumerate(ways):
        if count >= _MOST_STRETCHES or mirror.ways[number].closing_seconds:
            return None
        grid = mirror.grid(number)
        slots = grid.slots(start, min(grid.slot_end(end), through), NONE)
        if not len(slots.start):
            return None
        parts.append(Part(at[which], grid, slots))
    return parts


def _derive_again(transaction: Transaction, mirror: Mirror, parts: list[Part]) -> corrections.Corrections | None:
    """Derive buckets again, beside what is stored; None where they come to bars that count another way."""
    at, start, *others = _all_buckets(mirror, parts)
    order = np.lexsort((start, at))
    order = order[begins(at[order], start[order])]
    table, bounds = _wanted(mirror, *(column[order] for column in (at, start, *others)))
    wanted = transaction.place("wanted_bars", table)
    bars = sql("fast.bars_of_buckets", wanted_bars=wanted)
    found = transaction.arrays("fast.derive_again", bounds, wanted_bars=wanted, new_bars=bars)
    return corrections.of_buckets(mirror, found)


def _nothing(mirror: Mirror) -> Plan:
    none = np.empty(0, np.int64)
    return Plan(mirror, Moves(none, none, none, none, none), none, [], [], None, none, 0)


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


def _add_bars(transaction: Transaction, planned: Plan) -> Bars:
    """Write the bars of the buckets that have any base bar; returns them."""
    mirror = planned.mirror
    parts = [part for part in planned.closed if len(part.slots.start)]
    none = np.empty(0, np.int64)
    if not parts:
        return Bars(none, none, none.astype(bool))
    table, bounds = _wanted(mirror, *_all_buckets(mirror, parts))
    found = transaction.arrays(
        "fast.derive_bars",
        {"batch_id": mirror.newest_batch + 1, **bounds},
        new_bars=sql("fast.bars_of_buckets", wanted_bars=transaction.place("wanted_bars", table)),
    )
    ids, starts, base_count, expected = (np.asarray(column, np.int64) for column in found.values())
    written = np.searchsorted(mirror.interval_id, ids)
    return Bars(written, starts, (base_count == expected) & (base_count > 0))


def _wanted(
    mirror: Mirror,
    at: Array,
    start: Array,
    end: Array,
    to: Array,
    date: Array,
    last_date: Array,
    segment: Array,
    room: Array,
) -> tuple[pa.Table, dict[str, datetime]]:
    """Buckets as a table, and the stretch of time that they lie in."""
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
    return table, {"first_start": moment_of(int(start.min())), "last_end": moment_of(int(to.max()))}


def _all_buckets(mirror: Mirror, parts: list[Part]) -> list[Array]:
    """The buckets of some parts."""
    return [np.concatenate(column) for column in zip(*(_buckets(mirror, part) for part in parts), strict=True)]


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
