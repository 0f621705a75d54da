"""The ways to write accepted rows: append bars that nobody has seen, or merge those that changed.

Each writes the bars, notes what has to be derived again, and brings coverage up to date. Which one suits the rows is
chosen in ``strategy_for`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from barhouse.coordinator.load.acceptance import AcceptedRows
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.write import bar_totals, merge
from barhouse.coordinator.write.coverage import (
    advance_bases,
    extend_coverage,
    gather_intervals,
    recompute_coverage,
)
from barhouse.coordinator.write.merge import Changes, TimeRange
from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.sql import Sql, joined, sql


@dataclass(frozen=True, slots=True)
class Reach:
    """Where accepted rows lie among the bars that are stored.

    Attributes
    ----------
    ranges
        ``row_ranges``: the stretch of time that the rows of each interval take up.
    moves
        ``watermark_moves``: how far each interval was complete, and is with them.
    totals
        Of how many intervals the rows overlap stored bars, are derived from already, go beyond what is there or begin
        before it; and the first and last of the rows (see ``load.reach``).
    """

    ranges: Sql
    moves: TemporaryTable
    totals: Row


class Strategy(Protocol):
    """A way to write accepted rows; returns what it changed."""

    def __call__(
        self, transaction: Transaction, accepted: AcceptedRows, reach: Reach, batch_id: int, spared: Sql | None
    ) -> Changes:
        """Write the rows with everything that must be true with them.

        ``spared`` is a condition that bars meet which may be taken away, beginning with AND.
        """


def reach_of(transaction: Transaction, accepted: AcceptedRows) -> Reach:
    """See where accepted rows lie."""
    bases = accepted.symbols.base_definitions
    ranges = sql("load.row_ranges", bar_counts=accepted.bar_counts)
    moves = transaction.make("load.watermark_moves", row_ranges=ranges, base_definitions=bases)
    return Reach(ranges, moves, transaction.one("load.reach", row_ranges=ranges, base_definitions=bases))


def strategy_for(reach: Reach, options: LoadOptions) -> Strategy:
    """Choose how rows are written."""
    if options.replace == "sessions":
        return replace_sessions
    return merge_changed if reach.totals.overlapping_count else append_unseen


def append_unseen(
    transaction: Transaction, accepted: AcceptedRows, reach: Reach, batch_id: int, spared: Sql | None
) -> Changes:
    """Add rows that lie beyond all bars of their intervals, unless they were written as they were read."""
    count = accepted.count if accepted.is_written else merge.append(transaction, accepted.bars, batch_id)
    if count and reach.totals.derived_count:
        merge.invalidate(transaction, accepted.bars, batch_id)
    bar_totals.add(transaction, accepted.bar_counts)
    extend_coverage(transaction, reach.moves, accepted.bar_counts)
    return Changes(inserted=count, recounted=True)


def merge_changed(
    transaction: Transaction, accepted: AcceptedRows, reach: Reach, batch_id: int, spared: Sql | None
) -> Changes:
    """Write rows where they differ from the bars that are stored; those keep their old values as revisions."""
    overlapping = sql(
        "load.overlapping_intervals",
        row_ranges=reach.ranges,
        base_definitions=accepted.symbols.base_definitions,
    )
    time_range = TimeRange(reach.totals.overlap_start, reach.totals.overlap_end)
    changes = merge.merge(transaction, accepted.bars, time_range, batch_id, overlapping_intervals=overlapping)
    return _followed(transaction, changes, reach, batch_id)


def replace_sessions(
    transaction: Transaction, accepted: AcceptedRows, reach: Reach, batch_id: int, spared: Sql | None
) -> Changes:
    """Merge likewise, and let go what the sessions that rows came for hold besides them."""
    assert accepted.staged is not None
    sessions = transaction.make("load.resent_sessions", bar_counts=accepted.bar_counts)
    bounds = transaction.one("load.resent_range", resent_sessions=sessions, row_ranges=reach.ranges)
    rejected = sql("load.except_rejected", staged_rows=accepted.staged)
    changes = merge.replace(
        transaction,
        accepted.bars,
        TimeRange(bounds.first_start, bounds.last_end),
        batch_id,
        ranges=sessions,
        within="session",
        except_rejected=joined(Sql(" "), [rejected, *([] if spared is None else [spared])]),
    )
    return _followed(transaction, changes, reach, batch_id)


def _followed(transaction: Transaction, changes: Changes, reach: Reach, batch_id: int) -> Changes:
    """Let follow what has to after a merge."""
    if changes.bars is not None and changes.count:
        merge.invalidate(transaction, changes.bars, batch_id)
    if reach.totals.advancing_count or changes.recounted:  # other values alone leave coverage as it is
        if reach.totals.earlier_count or changes.deleted:
            transaction.write("write.look_ahead_anew", watermark_moves=reach.moves)
        advance_bases(transaction, reach.moves)
        units = gather_intervals(transaction, sql("write.of_moves", watermark_moves=reach.moves)).units
        recompute_coverage(transaction, reach.moves, changes.recounted_bars, units)
    return changes
