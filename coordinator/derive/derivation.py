"""Deriving: from base bars to the bars of every range, level by level, each made from the coarsest that tiles it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from barhouse.coordinator.derive.declared_levels import DeclaredLevels
from barhouse.coordinator.derive.levels import BaseSegments, Length, Level, make_level, segments_of
from barhouse.coordinator.derive.ranges import DeriveRanges
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.model.interval import Interval
from barhouse.store.records.declared_columns import declared_columns
from barhouse.store.sql import Sql, joined, literal, sql

#: A bucket whose end is this long past is closed although no later base bar has arrived.
GRACE_SECONDS = 60
GRACE = timedelta(seconds=GRACE_SECONDS)


def derive(transaction: Transaction, ranges: DeriveRanges, *, many: bool = False) -> list[tuple[Interval, Sql]]:
    """Compute the bars of every range from base bars.

    Parameters
    ----------
    many
        Whether there are so many base bars that it pays to ask first what they know of their trades.

    Returns
    -------
    list
        Each length with the query that gives its bars, in the order of the bar table.
    """
    lengths_by_base: dict[Interval, list[Length]] = defaultdict(list)
    for row in transaction.run("derive.kinds_of_ranges", ranges=ranges.table):
        length = Length(Interval(row.unit, row.length), row.kind, tuple(row.calendars))
        lengths_by_base[Interval(row.base_unit, row.base_length)].append(length)
    blocks = {(row.calendar, row.kind) for row in transaction.run("derive.block_kinds", coverage_units=ranges.units)}
    has_trades = not many or transaction.one("derive.trades_known", ranges.bounds).known
    declared = DeclaredLevels.of(transaction, ranges.bounds)
    derived_bars: list[tuple[Interval, Sql]] = []
    for number, base in enumerate(sorted(lengths_by_base)):
        lengths = sorted(lengths_by_base[base], key=lambda length: length.interval)
        segments = segments_of(transaction, ranges, base, lengths, number)
        levels: list[Level] = []
        for length in lengths:
            # Blocks that a calendar does not have cannot be put together to longer ones.
            usable = [
                level
                for level in levels
                if level.length.interval.intraday
                or all((calendar, level.length.kind) in blocks for calendar in length.calendars)
            ]
            level = make_level(transaction, ranges, segments, length, usable, has_trades=has_trades, declared=declared)
            levels.append(level)
            derived_bars.append((length.interval, _bars_of(level, segments, ranges, declared)))
    return derived_bars


def _bars_of(level: Level, segments: BaseSegments, ranges: DeriveRanges, declared: DeclaredLevels) -> Sql:
    length = level.length
    if length.interval.intraday:
        return sql(
            "derive.intraday_bars",
            level=declared.finished(level.table),
            declared=declared.trimmed,
            intraday_ranges=segments.intraday_ranges,
            length=length.interval.length,
            base_length=segments.base.length,
        )
    return sql(
        "derive.block_bars",
        level=declared.finished(level.table),
        declared=declared.trimmed,
        block_ranges=segments.block_ranges,
        numbered_segments=segments.numbered,
        coverage_units=ranges.units,
        kind=literal(length.kind),
    )


def gather(
    transaction: Transaction, ranges: DeriveRanges, derived_bars: Sequence[tuple[Interval, Sql]]
) -> TemporaryTable:
    """Put derived bars of all lengths that lie in the ranges together: ``new_bars``, in the order of the bar table."""
    bars = joined(Sql("\nUNION ALL\n"), [text for _, text in derived_bars]) or sql(
        "empty.bars", declared=declared_columns(transaction).nothing
    )
    if ranges.again:
        bars = sql("derive.within_ranges", bars=bars, rederive_ranges=ranges.table)
    return transaction.make("derive.new_bars", bars=bars)


def advance(transaction: Transaction, ranges: DeriveRanges) -> None:
    """Take down that every range of the forward pass is derived, and when the next bucket closes."""
    next_close = sql(
        "derive.next_close",
        distinct_moves=sql("derive.moves_of_ranges", derive_ranges=ranges.table),
        blocks=sql("derive.gathered_blocks", coverage_units=ranges.units),
    )
    transaction.write("derive.advance", derive_ranges=ranges.table, next_close=next_close)


def look_ahead(transaction: Transaction) -> None:
    """Take down when the next bucket of each interval closes of which that is not known yet."""
    next_close = sql("derive.next_close", distinct_moves=sql("derive.moves_unknown"), blocks=sql("derive.all_blocks"))
    transaction.write("derive.look_ahead", next_close=next_close)
