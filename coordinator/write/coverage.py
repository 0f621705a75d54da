"""Coverage, gaps and quality of what a write changed, in the same transaction.

``watermark_moves`` say how far each interval was and is complete or derived through, and where its range starts;
``bar_counts`` how many complete bars were added to which of its sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction
from barhouse.store.sql import Sql, sql


@dataclass(frozen=True, slots=True)
class Scope:
    """What a write deals with.

    Attributes
    ----------
    intervals
        ``scope_intervals``: their definitions as they were when it was gathered.
    units
        ``coverage_units``: the sessions, and blocks of sessions, that they are covered by.
    has_blocks
        Whether there are any blocks of sessions among these.
    """

    intervals: TemporaryTable
    units: TemporaryTable
    has_blocks: bool


def gather_intervals(transaction: Transaction, condition: Sql, waiting: TemporaryTable | None = None) -> Scope:
    """Gather the definitions a write deals with, and the units of time they are covered by.

    Parameters
    ----------
    condition
        Which definitions: ``write.in_scope`` or ``write.of_moves``.
    waiting
        ``waiting_intervals``: those of which blocks of sessions are needed, where not all are.
    """
    intervals = transaction.make("write.scope_intervals", condition=condition)
    with_work: Relation = intervals
    if waiting is not None:
        with_work = sql("write.intervals_with_work", scope_intervals=intervals, waiting_intervals=waiting)
    has_blocks = transaction.one("write.count_block_intervals", intervals_with_work=with_work).block_count > 0
    blocks = sql("write.block_units", intervals_with_work=with_work) if has_blocks else Sql("")
    units = transaction.make("write.coverage_units", scope_intervals=intervals, blocks=blocks)
    return Scope(intervals, units, has_blocks)


def extend_coverage(transaction: Transaction, watermark_moves: Relation, bar_counts: Relation) -> None:
    """Move base intervals on to where they are complete now, nothing below their ends being written.

    Parameters
    ----------
    bar_counts
        Of the bars added: (interval_id, session_date, complete_count), several rows for a session maybe.
    """
    bounds = transaction.one("write.bounds_of_moves", watermark_moves=watermark_moves)
    moved = sql("write.of_moves", watermark_moves=watermark_moves)
    units = gather_intervals(transaction, moved).units if bounds.has_blocks else None
    if not append_coverage(transaction, watermark_moves, bar_counts, covered_until=bounds.covered_until, units=units):
        advance_bases(transaction, watermark_moves)
        units = gather_intervals(transaction, moved).units
        recompute_coverage(transaction, watermark_moves, bar_counts, units)


def advance_bases(transaction: Transaction, watermark_moves: Relation) -> None:
    """Take down how far base intervals are complete; this never goes back."""
    transaction.write("write.advance", watermark_moves=watermark_moves)


def covered_until(transaction: Transaction, watermark_moves: Relation) -> datetime:
    """Until when every session of the intervals that have moved is covered already."""
    bounds = transaction.one("write.bounds_of_moves", watermark_moves=watermark_moves)
    until: datetime = bounds.covered_until
    return until


def moves_of_derived(transaction: Transaction, derived_moves: TemporaryTable, scope: Scope) -> TemporaryTable:
    """The ``watermark_moves`` of derived intervals, of which ``derived_moves`` say how far they are derived."""
    return transaction.make(
        "write.moves_of_derived",
        derived_moves=derived_moves,
        scope_intervals=scope.intervals,
        coverage_units=scope.units,
    )


def append_coverage(
    transaction: Transaction,
    watermark_moves: Relation,
    bar_counts: Relation,
    *,
    covered_until: datetime | None,
    units: TemporaryTable | None,
) -> bool:
    """Bring coverage up to date where ranges only go on and nothing below their ends was written, by what is new.

    Parameters
    ----------
    bar_counts
        Of the bars added: (interval_id, session_date, complete_count), several rows for a session maybe.
    covered_until
        Until when every session is covered already.
    units
        ``coverage_units``; None where none of the intervals covers whole sessions.

    Returns
    -------
    bool
        False, and nothing is written, when an earlier session has become the first of a range;
        ``recompute_coverage`` then.
    """
    blocks = sql("write.growth_of_blocks", coverage_units=units) if units is not None else Sql("")
    growth = transaction.make(
        "write.coverage_growth",
        {"since": covered_until},
        watermark_moves=watermark_moves,
        bar_counts=bar_counts,
        blocks=blocks,
    )
    counts = transaction.one("write.count_growth", watermark_moves=watermark_moves, coverage_growth=growth)
    if counts.moved_count:
        return False
    if counts.begun_count:
        transaction.write("write.add_to_coverage", {"first_date": counts.first_begun}, coverage_growth=growth)
    if counts.new_count:
        transaction.write("write.begin_coverage", coverage_growth=growth)
    if counts.lacking_count:
        sessions = transaction.make("write.lacking_sessions", coverage_growth=growth)
        slots = _expected_slots(transaction, sessions, watermark_moves, units)
        transaction.write("write.clear_gaps", recounted_sessions=sessions)
        _add_gaps(transaction, _segment_coverage(transaction, sessions, slots), slots)
    transaction.write("write.add_to_quality", watermark_moves=watermark_moves, coverage_growth=growth)
    return True


def recompute_coverage(
    transaction: Transaction, watermark_moves: Relation, changed_sessions: Relation, units: TemporaryTable
) -> None:
    """Bring ``session_coverage``, ``gap`` and what they come to for each interval up to date.

    Parameters
    ----------
    changed_sessions
        The (interval_id, session_date) of every bar written.
    units
        ``coverage_units`` of the intervals.
    """
    sessions = transaction.make(
        "write.recounted_sessions",
        watermark_moves=watermark_moves,
        changed_sessions=changed_sessions,
        coverage_units=units,
    )
    slots = _expected_slots(transaction, sessions, watermark_moves, units)
    transaction.write("write.clear_coverage", recounted_sessions=sessions)
    transaction.write("write.clear_gaps", recounted_sessions=sessions)
    if slots.bounds["first_start"] is not None:
        segments = _segment_coverage(transaction, sessions, slots)
        transaction.write("write.add_coverage", segment_coverage=segments)
        _add_gaps(transaction, segments, slots)
    transaction.write("write.update_quality", watermark_moves=watermark_moves)


@dataclass(frozen=True, slots=True)
class _Slots:
    """The slots that sessions to be counted again have, and the part of the bar table that is."""

    table: TemporaryTable
    bounds: dict[str, Any]


def _expected_slots(
    transaction: Transaction, sessions: TemporaryTable, watermark_moves: Relation, units: TemporaryTable | None
) -> _Slots:
    """Make the slots for bars that sessions to be counted again have; without ``units`` none is part of a block."""
    blocks = sql("write.expected_block_slots", coverage_units=units) if units is not None else Sql("")
    table = transaction.make(
        "write.expected_slots", recounted_sessions=sessions, watermark_moves=watermark_moves, blocks=blocks
    )
    return _Slots(table, transaction.one("write.bounds_of_slots", expected_slots=table)._asdict())


def _segment_coverage(transaction: Transaction, sessions: TemporaryTable, slots: _Slots) -> TemporaryTable:
    return transaction.make(
        "write.segment_coverage", slots.bounds, expected_slots=slots.table, recounted_sessions=sessions
    )


def _add_gaps(transaction: Transaction, segments: TemporaryTable, slots: _Slots) -> None:
    """Write the gaps of the segments that lack bars."""
    lacking = transaction.one("write.count_lacking", segment_coverage=segments)
    if lacking.lacking_count:
        ids = {"first_id": lacking.first_id, "last_id": lacking.last_id}
        transaction.write("write.add_gaps", {**slots.bounds, **ids}, segment_coverage=segments)
