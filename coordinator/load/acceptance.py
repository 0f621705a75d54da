"""Accepting rows: those that are bars, each once, in the order of the bar table.

Rows go through a temporary table, where they are sorted and those that repeat are found. Where they come in order and
lie beyond all bars, which a look at their stamps shows, they are written straight from the source instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from barhouse.coordinator.load import placement
from barhouse.coordinator.load.placement import JudgedRows
from barhouse.coordinator.load.symbol_map import SymbolMap
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.write import merge
from barhouse.store.database.transaction import Relation, Row, TemporaryTable, Transaction
from barhouse.store.model.interval import Interval
from barhouse.store.sql import Sql, literal, sql


@dataclass(frozen=True, slots=True)
class AcceptedRows:
    """The rows that are bars.

    Attributes
    ----------
    bars
        They, as bars without a batch.
    judged
        ``judged_rows``, these and all others.
    symbols
        Where they belong.
    bar_counts
        How many there are, by interval, session and segment.
    count, outside_count, widened_count, stray_count
        How many there are, how many of them lie in no session, how many had their high or low widened to their open or
        close, which lay beyond it by rounding, and how many are without their vwap, which lay outside of low and high.
    staged
        ``staged_rows``: all rows, sorted; None where they were written as they were read.
    repeats
        ``repeated_rows``, whose bar comes again later in the source; None without any.
    same_repeat_count, contradicted_count
        How many of these have the values of the last, and how many have others.
    """

    bars: Sql
    judged: Relation
    symbols: SymbolMap
    bar_counts: TemporaryTable
    count: int
    outside_count: int
    widened_count: int = 0
    stray_count: int = 0
    staged: TemporaryTable | None = None
    repeats: TemporaryTable | None = None
    same_repeat_count: int = 0
    contradicted_count: int = 0

    @property
    def is_written(self) -> bool:
        """Whether they are in the bar table already."""
        return self.staged is None


def accept(
    transaction: Transaction, judged: JudgedRows, interval: Interval, options: LoadOptions, batch_id: int
) -> AcceptedRows:
    """Accept the rows that are bars."""
    if judged.may_be_appended and options.replace is None:
        unseen = _unseen_range(transaction, judged, interval, options)
        accepted = None if unseen is None else _append_as_read(transaction, judged, unseen, batch_id)
        if accepted is not None:
            return accepted
    return _stage(transaction, judged, interval)


@dataclass(frozen=True, slots=True)
class _UnseenRange:
    """Where bars that cannot be stored yet begin, and whether they come in the order of the bar table."""

    begins: Row
    in_order: bool


def _unseen_range(
    transaction: Transaction, judged: JudgedRows, interval: Interval, options: LoadOptions
) -> _UnseenRange | None:
    """Where the bars begin, if every one of them lies where no bars are yet; None otherwise."""
    relation, symbols = judged.rows.relation, judged.rows.symbols
    first_rows = sql("load.first_rows", canonical_rows=relation, row_count=placement.MANY_ROWS)
    for part in (first_rows, relation):
        runs = transaction.make("load.find_source_runs", canonical_rows=part)
        if not runs.row_count:
            break
    in_order = bool(runs.row_count)
    if not in_order:
        runs = transaction.make("load.find_symbol_starts", canonical_rows=relation)
    found = transaction.one(
        "load.unseen_range",
        source_runs=runs,
        symbol_map=symbols.table,
        symbol_match=placement.symbol_match(symbols),
        shift_seconds=interval.length if options.label == "end" else 0,
    )
    return _UnseenRange(found, in_order and found.is_ascending) if found.run_count and found.is_unseen else None


def _append_as_read(
    transaction: Transaction, judged: JudgedRows, unseen: _UnseenRange, batch_id: int
) -> AcceptedRows | None:
    """Write bars where none are yet straight from the source; None, and nothing written, when more is to be done."""
    bars = sql("load.accepted_as_read", judged_rows=judged.relation)
    if not unseen.in_order:
        bars = sql("load.in_order", new_bars=bars)
    count = merge.append(transaction, bars, batch_id)
    written = sql(
        "load.written",
        batch_id=batch_id,
        first_id=unseen.begins.first_id,
        last_id=unseen.begins.last_id,
        first_start=literal(unseen.begins.first_start.isoformat()),
    )
    if not unseen.in_order and transaction.one("load.count_disorder", written=written).disorder_count:
        transaction.write("load.take_back", {"batch_id": batch_id})
        return None
    missing = count < judged.row_count
    if missing and transaction.one("load.count_amended", judged_rows=judged.relation).amended_count:
        transaction.write("load.take_back", {"batch_id": batch_id})
        return None
    counts = transaction.make("load.count_bars", new_bars=written)
    outside = transaction.one("load.count_outside", bar_counts=counts).outside_count
    return AcceptedRows(written, judged.relation, judged.rows.symbols, counts, count, outside)


def _stage(transaction: Transaction, judged: JudgedRows, interval: Interval) -> AcceptedRows:
    """Judge every row into a temporary table, in the order of the bar table and each bar once."""
    staged = transaction.make("load.stage", judged_rows=judged.relation)
    summary = transaction.one("load.summary", staged_rows=staged)
    if judged.may_overlap and summary.outside_count:
        transaction.write("load.reject_overlapping", staged_rows=staged, width_seconds=interval.length)
        summary = transaction.one("load.summary", staged_rows=staged)
    repeats = None
    same, contradicted, contradicted_outside = 0, 0, 0
    if summary.repeated_count:
        repeats = transaction.make("load.find_repeats", staged_rows=staged)
        found = transaction.one("load.count_repeats", repeated_rows=repeats)
        same, contradicted = found.same_count, found.contradicted_count
        contradicted_outside = found.contradicted_outside_count
        transaction.write("load.drop_repeats", staged_rows=staged, repeated_rows=repeats)
    bars = sql("load.accepted_of_staged", staged_rows=staged)
    return AcceptedRows(
        bars=bars,
        judged=staged,
        symbols=judged.rows.symbols,
        bar_counts=transaction.make("load.count_bars", new_bars=bars),
        count=summary.accepted_count - contradicted,
        outside_count=summary.outside_count - contradicted_outside,
        widened_count=summary.widened_count,
        stray_count=summary.stray_count,
        staged=staged,
        repeats=repeats,
        same_repeat_count=same,
        contradicted_count=contradicted,
    )
