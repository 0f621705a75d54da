"""DataProcessor: finds the derived intervals that have new base rows, and writes the aggregated bars.

Work is found by query, never told: a derived interval has work when its next bucket is closed, or when an
invalidation lies below the instant it is derived through. Each chunk of symbols is one transaction with three steps:
what changed below is derived again and compared with what is there; what has closed since is derived and added;
coverage and gaps of what both touched follow.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from barhouse.coordinator.derive.derivation import GRACE, advance, derive, gather, look_ahead
from barhouse.coordinator.derive.ranges import (
    DeriveRanges,
    derived_bar_counts,
    derived_moves,
    ranges_again,
    ranges_forward,
)
from barhouse.coordinator.derive.work import Work, find_work, first_symbols
from barhouse.coordinator.fast import small_derivation
from barhouse.coordinator.futures import rolls
from barhouse.coordinator.write import bar_totals, merge
from barhouse.coordinator.write.coverage import (
    Scope,
    append_coverage,
    covered_until,
    gather_intervals,
    moves_of_derived,
    recompute_coverage,
)
from barhouse.coordinator.write.merge import Changes, TimeRange
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.inputs import Moment, as_count, as_instant, optional
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import IntervalChange, ProcessReport
from barhouse.store.model.words import counted
from barhouse.store.records.batch import Batch
from barhouse.store.session_store import SessionStore
from barhouse.store.sql import sql

log = logging.getLogger("barhouse.processor")

#: Symbols and base bars per transaction: they bound the memory that a long backlog takes.
CHUNK_SYMBOLS = 10_000
CHUNK_BARS = 10_000_000

Progress = Callable[[int, int], None]


class DataProcessor:
    """Derives whatever is waiting in a store.

    Parameters
    ----------
    store
        An open store.
    grace
        How long after its end a bucket counts as closed by the clock alone.
    chunk_symbols
        How many symbols one transaction works on; with a long backlog fewer, see ``CHUNK_BARS``.
    """

    def __init__(self, store: SessionStore, *, grace: timedelta = GRACE, chunk_symbols: int = CHUNK_SYMBOLS) -> None:
        if grace < timedelta(0):
            raise InputError(
                f"{Option('grace', grace)} is negative; give how long after its end a bucket counts as closed"
            )
        self._store = store
        self._grace = grace
        self._chunk_symbols = as_count(chunk_symbols, "chunk_symbols", "how many symbols one transaction derives")

    def process(self, now: Moment | None = None, *, progress: Progress | None = None) -> ProcessReport:
        """Derive everything that waits; without work nothing is written.

        Parameters
        ----------
        now
            The instant that counts as now for closing buckets by the clock; the store's clock by default.
        progress
            Called with (symbols done, symbols in all), first with none done, and after each chunk.
        """
        instant = optional(as_instant, now, "now")
        batches: list[int] = []
        counts: dict[str, Changes] = defaultdict(Changes)
        try:
            clock = (instant or self._store.now()) - self._grace
        except OverflowError:
            raise InputError(
                f"{Option('now', instant)} less the grace of {self._grace} lies before the year 1; give a later "
                f"instant, or a shorter grace"
            ) from None
        done, worked, symbol_count = 0, 0, 1
        has_futures = False
        while done < symbol_count:
            with self._store.transaction() as transaction:
                has_futures = has_futures or rolls.are_there(transaction)
                planned = small_derivation.plan(transaction, clock, self._chunk_symbols)
                work = find_work(transaction, clock) if planned is None else None
                waiting = planned or work
                if waiting is None or not waiting.symbol_count:
                    if work is not None:
                        look_ahead(transaction)
                    break
                symbol_count = done + waiting.symbol_count
                if progress is not None and not done:
                    progress(done, symbol_count)
                if planned is not None:
                    batches.append(_process_planned(transaction, planned, counts))
                    worked = planned.symbol_count
                elif work is not None:
                    symbols = first_symbols(transaction, work, symbol_count=self._chunk_symbols, bar_count=CHUNK_BARS)
                    batches.append(_process_chunk(transaction, work, symbols, counts))
                    worked = symbols.row_count or 0
            done += worked
            if progress is not None:
                progress(done, symbol_count)
        rolled = self._follow_rolls(clock) if has_futures else None
        if rolled is not None:
            batches.append(rolled.batch_id)
        report = ProcessReport(
            batches=tuple(batches),
            rolls=0 if rolled is None else rolled.inserted + rolled.revised + rolled.deleted,
            intervals=tuple(
                IntervalChange(
                    interval=interval,
                    inserted=counts[interval].inserted,
                    revised=counts[interval].revised,
                    deleted=counts[interval].deleted,
                )
                for interval in sorted(counts, key=Interval.parse)
            ),
        )
        log.info(
            "processed %s: %s new, %s revised, %s deleted",
            counted(done, "symbol"),
            counted(report.inserted, "bar"),
            f"{report.revised:,}",
            f"{report.deleted:,}",
        )
        return report

    def _follow_rolls(self, clock: datetime) -> Batch | None:
        """Decide rolls of continuous futures that may be others by now; None where they are not."""
        with self._store.transaction() as transaction:
            changed = rolls.waiting(transaction, clock)
            return rolls.follow(transaction, changed, clock) if changed else None


def _process_planned(transaction: Transaction, planned: small_derivation.Plan, counts: dict[str, Changes]) -> int:
    """Derive what has closed, as it was planned; adds to ``counts``, returns the batch's id."""
    derived = small_derivation.derive(transaction, planned)
    for interval in {*derived.inserted, *derived.revised}:
        changes = Changes(derived.inserted.get(interval, 0), derived.revised.get(interval, 0))
        _add(counts, str(interval), changes)
    return derived.batch_id


def _process_chunk(transaction: Transaction, work: Work, symbols: TemporaryTable, counts: dict[str, Changes]) -> int:
    """Derive what waits of some symbols; adds to ``counts``, returns the batch's id."""
    scope = gather_intervals(transaction, sql("write.in_scope", scope_symbols=symbols), work.intervals)
    batch = Batch.begin(transaction, "process")
    again = ranges_again(transaction, scope.intervals, scope.units)
    changes = _derive_again(transaction, batch, again)
    if changes.count:
        for row in transaction.run("derive.changes_by_interval", bar_changes=changes.bars):
            _add(counts, row.interval, Changes(row.inserted, row.revised, row.deleted))
    forward = ranges_forward(transaction, work.intervals, scope.intervals, scope.units)
    added = _derive_forward(transaction, batch, forward, many=work.has_long_backlog)
    for interval, count in added.items():
        _add(counts, str(interval), Changes(inserted=count))
    transaction.write("derive.drop_invalidations", scope_intervals=scope.intervals)
    # Other values alone leave all coverage as it is; but the first block of sessions counts once all of it lies in the
    # range, which a closing bar can bring about that no bar counts.
    if forward.count or changes.recounted or (scope.has_blocks and changes.count):
        derived = derived_moves(transaction, forward, again)
        moves = moves_of_derived(transaction, derived, scope)
        counted = None
        if forward.count:
            counted = derived_bar_counts(transaction, forward, batch.batch_id)
            bar_totals.add(transaction, counted)
        _cover(transaction, scope, moves, changes, counted)
    batch.write(transaction)
    return batch.batch_id


def _cover(
    transaction: Transaction, scope: Scope, moves: TemporaryTable, again: Changes, counted: TemporaryTable | None
) -> None:
    """Bring coverage up to date; what was added lies where the ranges have grown, and is covered with those."""
    if again.recounted:
        recompute_coverage(transaction, moves, again.recounted_bars, scope.units)
        return
    if counted is not None:
        units = scope.units if scope.has_blocks else None
        until = covered_until(transaction, moves)
        done = append_coverage(transaction, moves, counted, covered_until=until, units=units)
    else:
        done = transaction.one("write.count_moved", watermark_moves=moves).moved_count == 0
    if not done:
        recompute_coverage(transaction, moves, sql("empty.sessions"), scope.units)


def _add(counts: dict[str, Changes], interval: str, more: Changes) -> None:
    before = counts[interval]
    counts[interval] = Changes(
        before.inserted + more.inserted, before.revised + more.revised, before.deleted + more.deleted
    )


def _derive_again(transaction: Transaction, batch: Batch, ranges: DeriveRanges) -> Changes:
    """Derive again what invalidations touch, and write what differs; returns what that was."""
    if not ranges.count:
        return Changes()
    new_bars = gather(transaction, ranges, derive(transaction, ranges))
    changes = merge.replace(
        transaction,
        new_bars,
        TimeRange(ranges.first_start, ranges.last_end),
        batch.batch_id,
        ranges=ranges.table,
        within="range_of_session",
    )
    batch.revised, batch.deleted, batch.inserted = changes.revised, changes.deleted, changes.inserted
    batch.unchanged = (new_bars.row_count or 0) - changes.inserted - changes.revised
    return changes


def _derive_forward(transaction: Transaction, batch: Batch, ranges: DeriveRanges, *, many: bool) -> dict[Interval, int]:
    """Derive and add what has closed since the last time; returns how many bars of each length."""
    added: dict[Interval, int] = {}
    if not ranges.count:
        return added
    for interval, bars in derive(transaction, ranges, many=many):
        count = merge.append(transaction, bars, batch.batch_id)
        if count:
            added[interval] = added.get(interval, 0) + count
            batch.inserted += count
    advance(transaction, ranges)
    return added
