"""The mirror: how far every interval has come, its calendar, and the newest batch, as arrays in memory.

It is kept from one transaction to the next, and holds until anything is written that it does not follow
(``store/database/memory.py``). Where in its arrays an interval stands is its position.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barhouse.coordinator.fast.arrays import NONE, Array, begins, micros, moment_of, whole
from barhouse.coordinator.fast.hours import CalendarHours, SlotGrid, Way
from barhouse.store.database.transaction import Transaction

#: More changes than that wait for the statements.
_MOST_INVALIDATIONS = 1_000


@dataclass(frozen=True, slots=True)
class WaitingRanges:
    """Where base bars changed below what is derived: positions of intervals, and a stretch of time of each."""

    at: Array
    start: Array
    end: Array

    def and_(self, other: WaitingRanges) -> WaitingRanges:
        """These and others."""
        pairs = ((self.at, other.at), (self.start, other.start), (self.end, other.end))
        return WaitingRanges(*(np.concatenate(pair) for pair in pairs))

    def except_of(self, bases: Array) -> WaitingRanges:
        """Those of other intervals."""
        stays = ~np.isin(self.at, bases)
        return WaitingRanges(self.at[stays], self.start[stays], self.end[stays])


@dataclass(slots=True)
class Mirror:
    """What is true of the definitions; arrays have one value for each interval, ``NONE`` for null.

    Attributes
    ----------
    intervals
        How long its bars are, as a text.
    derived
        Whether it is derived.
    base
        The position of its base; its own, if it is none that is derived.
    way
        Which of ``ways`` it follows.
    complete_through, first_session, retained_from, account_from, derived_through, next_close
        As the view ``definition`` has them, each of the interval itself.
    settled_through
        Of base intervals, the instant that anything of it is derived through.
    expected_count, present_count, bar_count
        What its coverage comes to, and how many bars it has; 0 for null.
    first_bar, last_bar
        Where these begin.
    bases, symbols
        The positions of all base intervals, and their symbols.
    has_final
        Whether there are any bars of the interval, or of one derived of it, that never change any more.
    newest_batch, newest_commit
        The id of the newest batch, and its instant.
    waiting
        What waits to be derived again; None where it is too much to be kept.
    has_columns
        Whether the interval's symbol has declared columns.
    has_offers, has_ranks
        Whether rows were offered that were not taken, and whether a vendor's bars count for more or less than others.
    dated
        Names that mean another symbol than the one called so today, for some session or every one.
    """

    interval_id: Array
    intervals: pa.Array
    derived: Array
    base: Array
    way: Array
    ways: list[Way]
    complete_through: Array
    derived_through: Array
    settled_through: Array
    next_close: Array
    retained_from: Array
    account_from: Array
    first_session: Array
    expected_count: Array
    present_count: Array
    bar_count: Array
    first_bar: Array
    last_bar: Array
    bases: Array
    symbols: pa.Array
    hours: dict[str, CalendarHours]
    newest_batch: int
    newest_commit: int
    has_final: Array
    waiting: WaitingRanges | None
    has_columns: Array
    has_offers: bool
    has_ranks: bool
    dated: frozenset[str]

    @classmethod
    def read(cls, transaction: Transaction) -> Mirror:
        """Read it from the tables."""
        rows = transaction.table("fast.definitions")
        derived = np.asarray(rows["derived"].to_numpy(), bool)
        bases = np.flatnonzero(~derived)
        symbol_id = whole(rows["symbol_id"])
        order = np.argsort(symbol_id[bases])
        base = bases[order][np.searchsorted(symbol_id[bases][order], symbol_id)] if len(bases) else bases
        way, ways = _ways(rows, base)
        hours = _hours(transaction)
        for one in ways:
            hours[one.calendar].note(one)
        derived_through = whole(rows["derived_through"])
        settled = np.full(len(derived), NONE)
        np.maximum.at(settled, base[derived], derived_through[derived])
        retained_from, retained_date = whole(rows["retained_from"]), whole(rows["retained_date"])
        has_final = np.zeros(len(derived), bool)
        np.logical_or.at(has_final, base, retained_from != NONE)
        counts = (whole(rows[name]) for name in ("expected_count", "present_count", "bar_count"))
        expected, present, bar_count = (np.where(count == NONE, 0, count) for count in counts)
        newest, interval_id = transaction.one("fast.newest"), whole(rows["interval_id"])
        return cls(
            interval_id=interval_id,
            intervals=rows["interval"].combine_chunks(),
            derived=derived,
            base=base,
            way=way,
            ways=ways,
            complete_through=whole(rows["complete_through"]),
            derived_through=derived_through,
            settled_through=settled,
            next_close=whole(rows["next_close"]),
            retained_from=retained_from,
            account_from=np.maximum(retained_date, retained_date[base]),
            first_session=whole(rows["first_session"]),
            expected_count=expected,
            present_count=present,
            bar_count=bar_count,
            first_bar=whole(rows["first_bar"]),
            last_bar=whole(rows["last_bar"]),
            bases=bases,
            symbols=rows["symbol"].combine_chunks().take(pa.array(bases)),
            hours=hours,
            newest_batch=newest.batch_id,
            newest_commit=micros(newest.committed_at.astimezone(UTC)) if newest.committed_at else NONE,
            has_final=has_final,
            waiting=_waiting(transaction, interval_id, newest.invalidation_count),
            has_columns=np.asarray(rows["has_columns"].to_numpy(), bool),
            has_offers=newest.has_offers,
            has_ranks=newest.has_ranks,
            dated=frozenset(newest.dated_names),
        )

    def grid(self, way: int) -> SlotGrid:
        """Where the bars of intervals lie that follow a way."""
        one = self.ways[way]
        return self.hours[one.calendar].grid(one)

    def reached(self, symbols: Collection[str]) -> datetime | None:
        """How far the base bars of some symbols have come at most; None where they have none."""
        found = pc.index_in(pa.array(symbols, pa.string()), self.symbols).drop_null().to_numpy()
        through = int(self.complete_through[self.bases[found]].max(initial=NONE))
        return None if through == NONE else moment_of(through)

    def is_dated(self, names: pa.ChunkedArray | str) -> bool:
        """Whether any of some names is dated."""
        if not self.dated:
            return False
        given = [names] if isinstance(names, str) else names.unique().to_pylist()
        return not self.dated.isdisjoint(given)

    def next_commit(self, clock: datetime) -> int:
        """When a batch is committed now: no two are at one instant."""
        return max(micros(clock), self.newest_commit + 1)


def mirror_of(transaction: Transaction) -> Mirror:
    """The mirror that is kept, or a new one."""
    mirror = transaction.memory.recall(Mirror)
    if mirror is None:
        mirror = Mirror.read(transaction)
        transaction.memory.keep(mirror)
    return mirror


def _waiting(transaction: Transaction, interval_id: Array, count: int) -> WaitingRanges | None:
    """What waits to be derived again, of intervals that there are."""
    none = np.empty(0, np.int64)
    if not count:
        return WaitingRanges(none, none, none)
    if count > _MOST_INVALIDATIONS:
        return None
    rows = transaction.table("fast.invalidations")
    of, start, end = (whole(rows[name]) for name in ("interval_id", "range_start", "range_end"))
    at = np.minimum(np.searchsorted(interval_id, of), max(len(interval_id) - 1, 0))
    known = interval_id[at] == of if len(interval_id) else np.zeros(len(of), bool)
    return WaitingRanges(at[known], start[known], end[known])


def _ways(rows: pa.Table, base: Array) -> tuple[Array, list[Way]]:
    """Which way each interval follows, and all of these."""
    calendar, unit = (rows[name].combine_chunks().dictionary_encode() for name in ("calendar", "unit"))
    at_calendar, at_unit, length = whole(calendar.indices), whole(unit.indices), whole(rows["length"])
    closes_late = np.asarray(pc.fill_null(rows["closes_late"], False).to_numpy(), bool)
    packed = (
        (((at_calendar * 32 + at_unit) * 32 + at_unit[base]) << 20 | length) << 21 | length[base] << 1 | closes_late
    )
    _, first, way = np.unique(packed, return_index=True, return_inverse=True)
    calendars, units = calendar.dictionary.to_pylist(), unit.dictionary.to_pylist()
    ways = [
        Way(
            calendars[at_calendar[at]],
            units[at_unit[at]],
            int(length[at]),
            units[at_unit[base[at]]],
            int(length[base[at]]),
            int(length[base[at]]) if closes_late[at] else 0,
        )
        for at in first.tolist()
    ]
    return way.ravel(), ways


def _hours(transaction: Transaction) -> dict[str, CalendarHours]:
    """The hours of every calendar."""
    rows = transaction.table("fast.segments")
    columns = {name: whole(rows[name]) for name in rows.column_names if name != "calendar"}
    calendar = rows["calendar"].combine_chunks().dictionary_encode()
    index = whole(calendar.indices)
    first = begins(index) if len(index) else index
    ends = np.append(first[1:], len(index))
    parts = {
        calendar.dictionary[int(index[from_])].as_py(): {name: column[from_:to] for name, column in columns.items()}
        for from_, to in zip(first.tolist(), ends.tolist(), strict=False)
    }
    known = transaction.table("fast.calendars")
    spans = zip(*(whole(known[name]).tolist() for name in ("known_from", "known_through", "origin")), strict=True)
    nothing = {name: column[:0] for name, column in columns.items()}
    return {
        name: CalendarHours(parts.get(name, nothing), *span)
        for name, span in zip(known["calendar"].to_pylist(), spans, strict=True)
    }
