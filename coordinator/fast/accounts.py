"""Writing what a small write comes to: bars, how far intervals have come, coverage, gaps, and the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from barhouse.coordinator.fast.arrays import NONE, Array, date_of, dates, instants, numbers
from barhouse.coordinator.fast.growth import Bars, Growth, Moves
from barhouse.coordinator.fast.judgement import JudgedBars
from barhouse.coordinator.fast.mirror import Mirror
from barhouse.coordinator.write import merge
from barhouse.store.database.transaction import Transaction

#: Beyond every instant and date there is.
_NEVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """How many bars a batch added, replaced and found as they were."""

    inserted: int
    revised: int = 0
    unchanged: int = 0


def add_bars(transaction: Transaction, mirror: Mirror, rows: JudgedBars, batch_id: int) -> None:
    """Write rows as bars."""
    added = transaction.place("added_bars", pa.table(columns_of(mirror, rows)))
    merge.append(transaction, added, batch_id, valued=False)


def columns_of(mirror: Mirror, rows: JudgedBars) -> dict[str, pa.Array]:
    """Rows in the columns of ``bar``, but for their batch."""
    count = len(rows.at)
    return {
        "interval_id": pa.array(mirror.interval_id[rows.at], pa.int32()),
        "bar_start": instants(rows.start),
        "span_seconds": pa.array((rows.end - rows.start) // 1_000_000),
        "session_date": dates(rows.date),
        "segment": numbers(rows.segment, pa.int8()),
        **{name: pa.array(column) for name, column in rows.values.items()},
        "trade_count": pa.nulls(count, pa.int64()) if rows.trade_count is None else rows.trade_count,
        "vwap": pa.nulls(count, pa.float64()) if rows.vwap is None else rows.vwap,
        "base_count": pa.array(rows.base_count, pa.int32()),
        "expected_count": pa.array(rows.expected_count, pa.int32()),
    }


def account(
    transaction: Transaction,
    mirror: Mirror,
    moves: Moves,
    bars: Bars,
    growth: Growth,
    next_close: Array | None = None,
) -> None:
    """Write how far intervals have come, and their coverage and gaps; the mirror follows.

    Parameters
    ----------
    bars
        What was added.
    next_close
        Of derived intervals, when the next bucket closes.
    """
    at = moves.at
    _count(mirror, bars)
    np.add.at(mirror.expected_count, growth.at, growth.expected)
    np.add.at(mirror.present_count, growth.at, growth.present)
    first = np.full(len(mirror.interval_id), _NEVER)
    np.minimum.at(first, growth.at, growth.date)
    begins = (mirror.first_session[at] == NONE) & (first[at] != _NEVER)
    mirror.first_session[at[begins]] = first[at[begins]]
    expected, present = mirror.expected_count[at], mirror.present_count[at]
    is_covered, is_filled = expected > 0, mirror.bar_count[at] > 0
    columns = {
        "interval_id": pa.array(mirror.interval_id[at], pa.int32()),
        "through": instants(moves.new_through),
        "first_session": dates(mirror.first_session[at]),
        "expected_count": numbers(np.where(is_covered, expected, NONE), pa.int64()),
        "present_count": numbers(np.where(is_covered, present, NONE), pa.int64()),
        "quality_pct": pa.array(100.0 * present / np.maximum(expected, 1), mask=~is_covered),
        "bar_count": numbers(np.where(is_filled, mirror.bar_count[at], NONE), pa.int64()),
        "first_bar": instants(mirror.first_bar[at]),
        "last_bar": instants(mirror.last_bar[at]),
    }
    if next_close is None:
        mirror.complete_through[at] = moves.new_through
        transaction.write("fast.move_bases", moved_bases=transaction.place("moved_bases", pa.table(columns)))
    else:
        mirror.derived_through[at], mirror.next_close[at] = moves.new_through, next_close
        np.maximum.at(mirror.settled_through, mirror.base[at], moves.new_through)
        table = pa.table({**columns, "next_close": instants(next_close)})
        transaction.write("fast.move_derived", moved_derived=transaction.place("moved_derived", table))
    _cover(transaction, mirror, growth)


def _count(mirror: Mirror, bars: Bars) -> None:
    """Take down how many bars there are, and the first and last of them."""
    np.add.at(mirror.bar_count, bars.at, 1)
    np.maximum.at(mirror.last_bar, bars.at, bars.start)
    first = np.full(len(mirror.first_bar), _NEVER)
    np.minimum.at(first, bars.at, bars.start)
    is_first = (first != _NEVER) & ((mirror.first_bar == NONE) | (first < mirror.first_bar))
    mirror.first_bar[is_first] = first[is_first]


def _cover(transaction: Transaction, mirror: Mirror, growth: Growth) -> None:
    if len(growth.at):
        table = pa.table(
            {
                "interval_id": pa.array(mirror.interval_id[growth.at], pa.int32()),
                "session_date": dates(growth.date),
                "begun": pa.array(growth.begun),
                "expected_count": pa.array(growth.expected, pa.int32()),
                "present_count": pa.array(growth.present, pa.int32()),
            }
        )
        grown = transaction.place("grown_sessions", table)
        if growth.begun.any():
            first = date_of(int(growth.date[growth.begun].min()))
            transaction.write("write.add_to_coverage", {"first_date": first}, coverage_growth=grown)
        if not growth.begun.all():
            transaction.write("write.begin_coverage", coverage_growth=grown)
    if len(growth.gap_at):
        table = pa.table(
            {
                "interval_id": pa.array(mirror.interval_id[growth.gap_at], pa.int32()),
                "session_date": dates(growth.gap_date),
                "segment": pa.array(growth.gap_segment, pa.int8()),
                "gap_start": instants(growth.gap_start),
                "gap_end": instants(growth.gap_end),
                "missing_count": pa.array(growth.missing, pa.int32()),
                "incomplete_count": pa.array(growth.incomplete, pa.int32()),
            }
        )
        first = date_of(int(growth.gap_date.min()))
        transaction.write("fast.add_gaps", {"first_date": first}, added_gaps=transaction.place("added_gaps", table))


def add_batch(
    transaction: Transaction, mirror: Mirror, kind: Literal["load", "process"], source: str | None, counts: BatchCounts
) -> int:
    """Write the row of the next batch, which came to so many bars; returns its id."""
    mirror.newest_batch += 1
    mirror.newest_commit = mirror.next_commit(transaction.clock())
    transaction.write(
        "fast.add_batch",
        {
            "batch_id": mirror.newest_batch,
            "kind": kind,
            "source": source,
            "started_at": transaction.now,
            "committed_us": mirror.newest_commit,
            "inserted": counts.inserted,
            "revised": counts.revised,
            "unchanged": counts.unchanged,
        },
    )
    return mirror.newest_batch
