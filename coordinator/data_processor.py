"""DataProcessor: finds the derived intervals that have new base rows, and writes the aggregated bars.

Work is found by query, never told: a derived interval has work when its next bucket is closed, or when an
invalidation lies below the instant it is derived through. Each chunk of symbols is one transaction with three steps:
what changed below is derived again and compared with what is there; what has closed since is derived and added; what
both touched is accounted for.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from coordinator import merging
from coordinator.accounting import account
from coordinator.merging import Changes, Place
from store import SessionStore
from store.batch import Batch
from store.engine import Transaction
from store.errors import InputError
from store.interval import Interval
from store.models import IntervalChange, ProcessReport
from store.sql import statement

log = logging.getLogger("barhouse.processor")

#: A bucket whose end is this long past is closed although no later base bar has arrived.
GRACE = timedelta(seconds=60)
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

    def __init__(
        self, store: SessionStore, *, grace: timedelta = GRACE, chunk_symbols: int = CHUNK_SYMBOLS
    ) -> None:
        if grace < timedelta(0):
            raise InputError(
                f"grace={grace!r} is negative; give how long after its end a bucket counts as closed"
            )
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
        with self._store.transaction() as transaction:
            waiting = [symbol for (symbol,) in transaction.run("derive.waiting_symbols", {"clock": clock})]
        done = 0
        for chunk in _chunks(waiting, self._chunk_symbols):
            with self._store.transaction() as transaction:
                batch = _process_chunk(transaction, clock, chunk[0], chunk[-1])
                if batch is not None:
                    batches.append(batch.batch_id)
                    for interval, *written in transaction.run("derive.changes_by_interval"):
                        before = counts[interval]
                        counts[interval] = Changes(
                            before.inserted + written[0],
                            before.revised + written[1],
                            before.deleted + written[2],
                        )
            done += len(chunk)
            if progress is not None:
                progress(done, len(waiting))
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
            len(waiting),
            report.inserted,
            report.revised,
            report.deleted,
        )
        return report


def _chunks(symbols: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(symbols), size):
        yield symbols[start : start + size]


def _process_chunk(
    transaction: Transaction, clock: datetime, first_symbol: int, last_symbol: int
) -> Batch | None:
    """One transaction: symbols ``first_symbol`` to ``last_symbol``; None when nothing waits any more."""
    chunk = {"first_symbol": first_symbol, "last_symbol": last_symbol}
    batch = Batch.begin(transaction, "process")
    again = _derive_again(transaction, chunk, batch)
    forward = _derive_forward(transaction, {**chunk, "clock": clock}, batch)
    if not again and not forward:
        return None
    transaction.run("derive.consume", chunk)
    transaction.run("derive.worked")
    transaction.run("derive.changed")
    transaction.run("account.progress_of_derived")
    account(transaction, "changed")
    batch.write(transaction)
    return batch


def _derive_again(transaction: Transaction, chunk: dict[str, object], batch: Batch) -> bool:
    """Derive again what invalidations touch, and write what differs; returns whether there was any."""
    transaction.run("derive.again", chunk)
    transaction.run("derive.working", working="working_again")
    targets, first_start, last_end, first_id, last_id = transaction.one("derive.target_bounds")
    if not targets:
        transaction.run("merge.no_delta")
        return False
    _derive(transaction, "fresh_again", first_start, last_end, ranges="derive.ranges")
    place = Place(first_id, last_id, first_start, last_end)
    changes = merging.merge(transaction, "fresh_again", place, batch.batch_id, anew="target")
    (fresh_count,) = transaction.one("load.count_fresh", fresh="fresh_again")
    batch.revised, batch.deleted, batch.inserted = changes.revised, changes.deleted, changes.inserted
    batch.unchanged = fresh_count - changes.inserted - changes.revised
    return True


def _derive_forward(transaction: Transaction, parameters: dict[str, object], batch: Batch) -> bool:
    """Derive and add what has closed since the last time; returns whether anything has."""
    transaction.run("derive.forward", parameters)
    transaction.run("derive.working", working="working_forward")
    targets, first_start, last_end, *_ = transaction.one("derive.target_bounds")
    _derive(transaction, "fresh", first_start, last_end, ranges="derive.ranges_joined")
    if not targets:
        return False
    merging.append(transaction, "fresh", batch.batch_id, in_order=True)
    (fresh_count,) = transaction.one("load.count_fresh", fresh="fresh")
    batch.inserted += fresh_count
    transaction.run("derive.advance")
    return True


def _derive(
    transaction: Transaction, fresh: str, first_start: datetime, last_end: datetime, *, ranges: str
) -> None:
    """Compute the bars of every target from base bars into the temporary table ``fresh``."""
    kinds: dict[Interval, list[Interval]] = defaultdict(list)
    for base_unit, base_length, unit, length in transaction.run("derive.target_kinds"):
        kinds[Interval(base_unit, base_length)].append(Interval(unit, length))
    bounds = {"first_start": first_start, "last_end": last_end}
    gathered = []
    for number, (base, derived) in enumerate(sorted(kinds.items())):
        scanned = {"base_unit": base.unit, "base_length": base.length}
        transaction.run("derive.scan", scanned, ranges=statement(ranges))
        levels: dict[Interval, str] = {}
        for interval in sorted(derived):
            level = f"level_{number}_{interval}"
            _derive_level(transaction, interval, levels, level, bounds)
            levels[interval] = level
            bars = statement("derive.intraday_bars" if interval.intraday else "derive.block_bars")
            gathered.append(
                bars.format(
                    level=level,
                    unit=interval.unit,
                    length=interval.length,
                    base_unit=base.unit,
                    base_length=base.length,
                )
            )
    union = "\nUNION ALL\n".join(f"({one})" for one in gathered or [statement("derive.no_bars")])
    transaction.run("derive.gather", fresh=fresh, bars=union)


def _derive_level(
    transaction: Transaction,
    interval: Interval,
    levels: dict[Interval, str],
    level: str,
    bounds: dict[str, datetime],
) -> None:
    """Make one level, from the coarsest level that tiles it, or from the base bars."""
    parent = max((one for one in levels if one.tiles(interval)), default=None)
    if interval.intraday:
        if parent is None:
            parameters = {**bounds, "width": interval.length, "width_us": interval.length * 1_000_000}
            transaction.run("derive.level_from_bars", parameters, level=level)
        else:
            ratio = {"ratio": interval.length // parent.length}
            transaction.run("derive.level_from_level", ratio, level=level, parent=levels[parent])
        return
    transaction.run("derive.block_session", {"unit": interval.unit, "length": interval.length})
    if parent is None:
        transaction.run("derive.block_from_bars", bounds, level=level)
    else:
        transaction.run("derive.block_from_level", level=level, parent=levels[parent])
