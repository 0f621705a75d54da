"""Levels: base bars put together bucket by bucket, each level from the coarsest that tiles it.

``store/sql/derive/levels.sql`` says what a level is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from barhouse.coordinator.derive.declared_levels import DeclaredLevels
from barhouse.coordinator.derive.ranges import DeriveRanges
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.model.interval import Interval
from barhouse.store.sql import sql


@dataclass(frozen=True, slots=True)
class Length:
    """A length of bars to derive, its kind (``session``, or a key of blocks), and the calendars it is derived on."""

    interval: Interval
    kind: str
    calendars: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BaseSegments:
    """The segments to read of the bases of one length, and where derived bars can lie in them.

    Attributes
    ----------
    base
        The length of the base bars.
    number
        Of the base among those of a pass: its tables have names of their own.
    numbered
        ``numbered_segments``, in the order of time.
    to_read
        ``segments_to_read`` of each base.
    intraday_ranges, block_ranges
        Of intraday lengths, and of those of 1d and longer; None where there are none.
    """

    base: Interval
    number: int
    numbered: TemporaryTable
    to_read: TemporaryTable
    intraday_ranges: TemporaryTable | None
    block_ranges: TemporaryTable | None


@dataclass(frozen=True, slots=True)
class Level:
    """A level: the length of its buckets, and its table."""

    length: Length
    table: TemporaryTable


def segments_of(
    transaction: Transaction, ranges: DeriveRanges, base: Interval, lengths: Collection[Length], number: int
) -> BaseSegments:
    """Find the segments whose base bars are to be read for some lengths."""
    which = {"base_unit": base.unit, "base_length": base.length}
    if ranges.again:
        sessions = transaction.make(
            "derive.sessions_to_read_again", which, rederive_ranges=ranges.table, coverage_units=ranges.units
        )
    else:
        sessions = transaction.make(
            "derive.sessions_to_read",
            {**which, **ranges.bounds},
            derive_ranges=ranges.table,
            scope_intervals=ranges.intervals,
            coverage_units=ranges.units,
        )
    numbered = transaction.make(
        "derive.numbered_segments",
        named=f"numbered_segments_{number}",
        sessions_to_read=sessions,
        coverage_units=ranges.units,
    )
    to_read = transaction.make("derive.segments_to_read", sessions_to_read=sessions, numbered_segments=numbered)
    intraday_ranges, block_ranges = None, None
    if any(length.interval.intraday for length in lengths):
        intraday_ranges = _intraday_ranges(transaction, ranges, to_read, number)
    if not all(length.interval.intraday for length in lengths):
        block_ranges = transaction.make(
            "derive.block_ranges", named=f"block_ranges_{number}", ranges=ranges.table, segments_to_read=to_read
        )
    return BaseSegments(base, number, numbered, to_read, intraday_ranges, block_ranges)


def _intraday_ranges(
    transaction: Transaction, ranges: DeriveRanges, to_read: TemporaryTable, number: int
) -> TemporaryTable:
    name = f"intraday_ranges_{number}"
    if ranges.again:
        return transaction.make(
            "derive.intraday_ranges_again", named=name, rederive_ranges=ranges.table, segments_to_read=to_read
        )
    return transaction.make("derive.intraday_ranges", named=name, derive_ranges=ranges.table, segments_to_read=to_read)


def make_level(
    transaction: Transaction,
    ranges: DeriveRanges,
    segments: BaseSegments,
    length: Length,
    finer: Collection[Level],
    *,
    has_trades: bool,
    declared: DeclaredLevels,
) -> Level:
    """Make a level from the coarsest of the finer ones that tiles it, or from the base bars.

    Parameters
    ----------
    has_trades
        Whether base bars may know anything of their trades.
    declared
        What they have in declared columns.
    """
    interval = length.interval
    parents = [level for level in finer if level.length.interval.tiles(interval)]
    parent = max(parents, key=lambda level: level.length.interval, default=None)
    read: Literal["bars", "level"] = "bars" if parent is None else "level"
    trades = sql(f"derive.trades_of_{read}") if has_trades else sql("derive.no_trades")
    aggregates = sql(f"derive.aggregates_of_{read}", trades=trades, declared=declared.aggregates(read))
    name = f"level_{segments.number}_{interval}"
    if not interval.intraday:
        first_segments = transaction.make(
            "derive.first_segments",
            {"kind": length.kind},
            numbered_segments=segments.numbered,
            coverage_units=ranges.units,
        )
        if parent is None:
            table = transaction.make(
                "derive.block_from_bars",
                ranges.bounds,
                named=name,
                bars=declared.bars,
                segments_to_read=segments.to_read,
                first_segments=first_segments,
                aggregates=aggregates,
            )
        else:
            table = transaction.make(
                "derive.block_from_level",
                named=name,
                parent=parent.table,
                first_segments=first_segments,
                aggregates=aggregates,
            )
    elif parent is None:
        table = transaction.make(
            "derive.level_from_bars",
            {**ranges.bounds, "width_us": interval.length * 1_000_000},
            named=name,
            bars=declared.bars,
            segments_to_read=segments.to_read,
            aggregates=aggregates,
        )
    else:
        table = transaction.make(
            "derive.level_from_level",
            {"ratio": interval.length // parent.length.interval.length},
            named=name,
            parent=parent.table,
            aggregates=aggregates,
        )
    return Level(length, table)
