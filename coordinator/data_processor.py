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

from coordinator import merging
from coordinator.accounting import account, take_stock
from coordinator.deriving import GRACE, derive
from coordinator.merging import Changes, Place
from store import SessionStore
from store.batch import Batch
from store.engine import Transaction
from store.errors import InputError
from store.interval import Interval
from store.models import IntervalChange, ProcessReport

log = logging.getLogger("barhouse.processor")

#: Symbols per transaction: bounds the memory a backfill takes.
CHUNK_SYMBOLS = 500

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
        How many symbols one transaction works on.
    """

    def __init__(self, store: SessionStore, *, grace: timedelta = GRACE, chunk_symbols: int = CHUNK_SYMBOLS) -> None:
        if grace < timedelta(0):
            raise InputError(f"grace={grace!r} is negative; give how long after its end a bucket counts as closed")
        if chunk_symbols < 1:
            raise InputError(f"chunk_symbols={chunk_symbols!r} is not usable; give 1 or more")
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
            raise InputError(f"now={now!r} has no time zone; say which, such as tzinfo=datetime.UTC")
        batches: list[int] = []
        counts: dict[str, Changes] = defaultdict(Changes)
        clock = (now or self._store.now()) - self._grace
        done, waiting = 0, 1
        while done < waiting:
            with self._store.transaction() as transaction:
                transaction.run("derive.waiting", {"clock": clock})
                (left,) = transaction.one("derive.waiting_count")
                if not left:
                    break
                waiting = done + left
                batch = _process_chunk(transaction, self._chunk_symbols)
                batches.append(batch.batch_id)
                for interval, *written in transaction.run("derive.changes_by_interval"):
                    before = counts[interval]
                    counts[interval] = Changes(
                        before.inserted + written[0], before.revised + written[1], before.deleted + written[2]
                    )
            done += min(left, self._chunk_symbols)
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


def _process_chunk(transaction: Transaction, symbol_count: int) -> Batch:
    """Work on the first symbols of the temporary table ``waiting``."""
    transaction.run("derive.chunk", {"symbol_count": symbol_count})
    take_stock(transaction, "account.of_chunk")
    batch = Batch.begin(transaction, "process")
    _derive_again(transaction, batch)
    _derive_forward(transaction, batch)
    transaction.run("derive.consume")
    transaction.run("derive.worked")
    transaction.run("derive.changed")
    transaction.run("account.progress_of_derived")
    account(transaction, "changed")
    batch.write(transaction)
    return batch


def _derive_again(transaction: Transaction, batch: Batch) -> None:
    """Derive again what invalidations touch, and write what differs."""
    transaction.run("derive.again")
    transaction.run("derive.working_again")
    targets, first_start, last_end, first_id, last_id = transaction.one("derive.target_bounds")
    if not targets:
        transaction.run("merge.no_delta")
        return
    derive(transaction, "fresh_again", first_start, last_end, ranges="derive.ranges")
    place = Place(first_id, last_id, first_start, last_end)
    changes = merging.merge(transaction, "fresh_again", place, batch.batch_id, anew="target")
    (fresh_count,) = transaction.one("merge.count_fresh", fresh="fresh_again")
    batch.revised, batch.deleted, batch.inserted = changes.revised, changes.deleted, changes.inserted
    batch.unchanged = fresh_count - changes.inserted - changes.revised


def _derive_forward(transaction: Transaction, batch: Batch) -> None:
    """Derive and add what has closed since the last time."""
    transaction.run("derive.forward")
    targets, first_start, last_end, *_ = transaction.one("derive.target_bounds")
    derive(transaction, "fresh", first_start, last_end, ranges="derive.ranges_joined")
    if targets:
        batch.inserted += merging.append(transaction, "fresh", batch.batch_id)
        transaction.run("derive.advance")
