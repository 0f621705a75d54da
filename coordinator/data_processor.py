"""DataProcessor: finds the derived intervals that have new base rows, and writes the aggregated bars.

Work is found by query, never told: a derived interval has work when its next bucket is closed, or when an
invalidation lies below the instant it is derived through. Each chunk of symbols is one transaction with three steps:
what changed below is derived again and compared with what is there; what has closed since is derived and added; what
both touched is accounted for.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from barhouse.coordinator.derive.derivation import GRACE, advance, derive, gather, look_ahead
from barhouse.coordinator.write import merge
from barhouse.coordinator.write.coverage import (
    Scope,
    append_coverage,
    covered_until,
    gather_intervals,
    moves_of_derived,
    recompute_coverage,
)
from barhouse.coordinator.write.merge import Changes, TimeRange
from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import IntervalChange, ProcessReport
from barhouse.store.records.batch import Batch
from barhouse.store.session_store import SessionStore
from barhouse.store.sql import Sql, sql

log = logging.getLogger("barhouse.processor")

#: Symbols and base bars per transaction: they bound the memory a backfill takes.
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
        if chunk_symbols < 1:
            raise InputError(f"{Option('chunk_symbols', chunk_symbols)} is not usable; give 1 or more")
        self._store = store
        self._grace = grace
        self._chunk_symbols = chunk_symbols

    def process(self, now: datetime | None = None, *, progress: Progress | None = None) -> ProcessReport:
        """Derive everything that waits; without work nothing is written.

        Parameters
        ----------
        now
            The instant that counts as now for closing buckets by the clock; the store's clock by default. Must
            carry its time zone.
        progress
            Called with (symbols done, symbols in all) after each chunk.
        """
        if now is not None and now.tzinfo is None:
            raise InputError(f"{Option('now', now)} has no time zone; say which, such as {now.isoformat()}+00:00")
        batches: list[int] = []
        counts: dict[str, Changes] = defaultdict(Changes)
        clock = (now or self._store.now()) - self._grace
        done, waiting = 0, 1
        while done < waiting:
            with self._store.transaction() as transaction:
                changed, closed = transaction.one("derive.may_wait", {"clock": clock})
                if not changed and not closed:
                    break  # asked first, for it costs little
                if closed:
                    transaction.run("derive.waiting", {"clock": clock}, pending=sql("derive.pending"))
                else:
                    transaction.run("derive.waiting", pending="")
                left, long_backlog = transaction.one("derive.waiting_count")
                if not left:
                    look_ahead(transaction)
                    break
                waiting = done + left
                if long_backlog:
                    bounds = {"symbol_count": self._chunk_symbols, "bar_count": CHUNK_BARS}
                    transaction.run("derive.chunk_of_backlog", bounds)
                else:
                    transaction.run("derive.chunk", {"symbol_count": self._chunk_symbols})
                (taken,) = transaction.one("derive.chunk_count")
                batches.append(_process_chunk(transaction, counts, long_backlog=long_backlog))
            done += taken
            if progress is not None:
                progress(done, waiting)
        report = ProcessReport(
            batches=tuple(batches),
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
            "processed %d symbols: %d bars new, %d revised, %d deleted",
            done,
            report.inserted,
            report.revised,
            report.deleted,
        )
        return report


def _process_chunk(transaction: Transaction, counts: dict[str, Changes], *, long_backlog: bool) -> int:
    """Work on the symbols of the temporary table ``chunk``; adds to ``counts``, returns the batch's id."""
    waiting = TemporaryTable("waiting", "waiting_intervals", ())
    scope = gather_intervals(transaction, sql("write.in_scope", scope_symbols=Sql("scope_symbols")), waiting)
    batch = Batch.begin(transaction, "process")
    again = _derive_again(transaction, batch)
    if again.count:
        for interval, *written in transaction.run("derive.changes_by_interval"):
            _add(counts, interval, Changes(*written))
    forward = _derive_forward(transaction, batch, many=long_backlog)
    for length, inserted in (forward or {}).items():
        _add(counts, str(length), Changes(inserted=inserted))
    transaction.run("derive.consume")
    # Other values alone leave every account as it is; but the first block of sessions counts once all of it lies in the
    # range, which a closing bar can bring about that no bar counts.
    if forward is not None or again.recounted or (scope.has_blocks and again.count):
        transaction.run("derive.worked")
        moves = moves_of_derived(transaction, TemporaryTable("worked", "derived_moves", ()), scope)
        _cover(transaction, scope, moves, again, Sql("tally") if forward is not None else None)
    batch.write(transaction)
    return batch.batch_id


def _cover(
    transaction: Transaction, scope: Scope, moves: TemporaryTable, again: Changes, bar_counts: Relation | None
) -> None:
    """Bring coverage up to date; what was added lies where the ranges have grown, and is covered with those."""
    if again.recounted:
        recompute_coverage(transaction, moves, again.recounted_bars, scope.units)
        return
    if bar_counts is not None:
        units = scope.units if scope.has_blocks else None
        until = covered_until(transaction, moves)
        done = append_coverage(transaction, moves, bar_counts, covered_until=until, units=units)
    else:
        done = transaction.one("write.count_moved", watermark_moves=moves).moved_count == 0
    if not done:
        recompute_coverage(transaction, moves, sql("empty.sessions"), scope.units)


def _add(counts: dict[str, Changes], interval: str, more: Changes) -> None:
    before = counts[interval]
    counts[interval] = Changes(
        before.inserted + more.inserted, before.revised + more.revised, before.deleted + more.deleted
    )


def _derive_again(transaction: Transaction, batch: Batch) -> Changes:
    """Derive again what invalidations touch, and write what differs; returns what that was."""
    transaction.run("derive.again")
    transaction.run("derive.working_again")
    targets, first_start, last_end = transaction.one("derive.target_bounds")
    if not targets:
        return Changes()
    gather(transaction, "fresh_again", derive(transaction, first_start, last_end, again=True), again=True)
    time_range = TimeRange(first_start, last_end)
    changes = merge.replace(
        transaction,
        Sql("fresh_again"),
        time_range,
        batch.batch_id,
        ranges=Sql("target"),
        within="range_of_session",
    )
    ((fresh_count,),) = transaction.execute(Sql("SELECT count(*) FROM fresh_again"))
    batch.revised, batch.deleted, batch.inserted = changes.revised, changes.deleted, changes.inserted
    batch.unchanged = fresh_count - changes.inserted - changes.revised
    return changes


def _derive_forward(transaction: Transaction, batch: Batch, *, many: bool) -> dict[Interval, int] | None:
    """Derive and add what has closed since the last time; returns how many bars of each length, None if nothing has."""
    added: dict[Interval, int] = {}
    transaction.run("derive.forward")
    targets, first_start, last_end = transaction.one("derive.target_bounds")
    if not targets:
        return None
    for interval, bars in derive(transaction, first_start, last_end, many=many):
        count = merge.append(transaction, Sql(f"({bars})"), batch.batch_id)
        if count:
            added[interval] = added.get(interval, 0) + count
            batch.inserted += count
    transaction.run("derive.tally", {"batch_id": batch.batch_id, "first_start": first_start, "last_end": last_end})
    advance(transaction)
    return added
