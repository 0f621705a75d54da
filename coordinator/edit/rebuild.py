"""Rebuilding symbols inside one batch: base bars placed anew, everything derived computed again.

Only what differs is written, and old values are kept as revisions. Calendar edits and repairs do this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from barhouse.coordinator.derive.derivation import advance, derive, gather
from barhouse.coordinator.derive.ranges import DeriveRanges, ranges_forward
from barhouse.coordinator.derive.work import waiting_intervals
from barhouse.coordinator.futures import rolls
from barhouse.coordinator.write import bar_totals, merge
from barhouse.coordinator.write.calendar_pieces import calendar_pieces
from barhouse.coordinator.write.coverage import Scope, gather_intervals, moves_of_derived, recompute_coverage
from barhouse.coordinator.write.merge import Changes, TimeRange
from barhouse.store.checks import verification
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import CalendarError
from barhouse.store.hints import Action
from barhouse.store.model.reports import RepairReport
from barhouse.store.records import trading_calendar
from barhouse.store.records.batch import Batch
from barhouse.store.sql import Sql, identifier, sql

#: The whole bar table.
_EVERYWHERE = TimeRange(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def symbols_named(transaction: Transaction, names: Sequence[str] | None) -> TemporaryTable:
    """Make the ``scope_symbols`` of some names, or of all active symbols."""
    return transaction.make("edit.symbols_named", {"symbols": names})


def rebuild(transaction: Transaction, symbols: TemporaryTable, batch: Batch, *, clock: datetime | None) -> None:
    """Rebuild some symbols; the batch counts what was written.

    Buckets close by event time, and by the clock where one is given: those that end no later than it.

    Parameters
    ----------
    symbols
        ``scope_symbols``: which ones.

    Raises
    ------
    CalendarError
        When the calendar has no place for a base bar that is there.
    """
    in_scope = sql("write.in_scope", scope_symbols=symbols)
    _rebuild_bases(transaction, transaction.make("write.scope_intervals", condition=in_scope), batch)
    scope = gather_intervals(transaction, in_scope)  # the watermarks have moved
    waiting = waiting_intervals(transaction, clock or _EVERYWHERE.first_start)
    ranges = ranges_forward(transaction, waiting, scope.intervals, scope.units)
    new_bars = gather(transaction, ranges, derive(transaction, ranges))
    replaced = transaction.make("edit.derived_ranges", scope_intervals=scope.intervals)
    _count(batch, merge.replace(transaction, new_bars, _EVERYWHERE, batch.batch_id, ranges=replaced))
    if ranges.count:
        advance(transaction, ranges)
    _recompute(transaction, in_scope, ranges, scope)


def _rebuild_bases(transaction: Transaction, intervals: TemporaryTable, batch: Batch) -> None:
    """Place base bars where the calendar has them now; what is derived from them is to start over."""
    dates = transaction.one("edit.date_range_of_bases", scope_intervals=intervals)
    if dates.first_date is not None:
        rows = transaction.run("edit.calendars_in_scope", scope_intervals=intervals)
        trading_calendar.reach(transaction, [row.calendar for row in rows], dates.first_date, dates.last_date, batch)
        pieces = calendar_pieces(transaction, intervals, dates.first_date, dates.last_date)
        placed = transaction.make(
            "edit.placed_bars",
            {"since": batch.batch_id},
            scope_intervals=intervals,
            calendar_pieces=pieces,
            base_bars=sql("edit.bars_with_values", **merge.values_beside(transaction)),
        )
        _refuse_misplaced(transaction, placed, intervals)
        new_bars = sql("edit.retained_bars", placed_bars=placed, scope_intervals=intervals)
        replaced = transaction.make("edit.base_ranges", scope_intervals=intervals)
        _count(batch, merge.replace(transaction, new_bars, _EVERYWHERE, batch.batch_id, ranges=replaced))
        carry_vendors(transaction, placed, batch)
        transaction.write("edit.raise_watermarks", scope_intervals=intervals)
    transaction.write("edit.begin_bases", scope_intervals=intervals)
    transaction.write("edit.rewind_derived", scope_intervals=intervals)
    transaction.write("edit.drop_invalidations", scope_intervals=intervals)


def carry_vendors(transaction: Transaction, placed: TemporaryTable, batch: Batch) -> None:
    """Leave whose bars are, and what was offered for them, as it was where they are placed anew."""
    transaction.write("write.carry_vendors", {"batch_id": batch.batch_id}, placed_bars=placed)
    transaction.write("write.carry_offers", placed_bars=placed)


def drop_duplicates(transaction: Transaction, symbols: TemporaryTable) -> None:
    """Leave one of the bars that are there more than once, the one written last; all bars are counted then."""
    in_scope = sql("write.in_scope", scope_symbols=symbols)
    intervals = transaction.make("write.scope_intervals", condition=in_scope)
    deduplicated = transaction.make("edit.deduplicated", scope_intervals=intervals)
    transaction.write("edit.drop_duplicates", deduplicated=deduplicated)
    transaction.write("edit.restore_deduplicated", deduplicated=deduplicated)
    bar_totals.recount(transaction, intervals)


def repair(
    transaction: Transaction, names: Sequence[str] | None, grace: timedelta, *, accept_lost_history: bool
) -> RepairReport:
    """Mend what can be derived again; see ``SessionCoordinator.repair``."""
    before = verification.verify(transaction, names, None, None, None)
    mendable = not set(before.totals) <= {"impossible", "revision", "vendor", "action"}
    accepting = accept_lost_history and "revision" in before.totals
    if not (mendable or accepting):
        return RepairReport(batch_id=None, before=before, after=before)
    batch = Batch.begin(transaction, "repair")
    if mendable:
        transaction.write("edit.purge_values")
        symbols = symbols_named(transaction, names)
        drop_duplicates(transaction, symbols)
        rebuild(transaction, symbols, batch, clock=transaction.now - grace)
    if "roll" in before.totals:
        rolls.decide_again(transaction, transaction.now - grace, batch)
    accepted = _accept_losses(transaction, batch) if accepting else 0
    transaction.write("edit.purge_vendors")
    if not accepting:
        batch.write(transaction)
    after = verification.verify(transaction, names, None, None, None)
    return RepairReport(
        batch_id=batch.batch_id,
        inserted=batch.inserted,
        revised=batch.revised,
        deleted=batch.deleted,
        accepted=accepted,
        before=before,
        after=after,
    )


def _accept_losses(transaction: Transaction, batch: Batch) -> int:
    """Write the batch, and with it what history lacks; returns of how many batches."""
    identity = {"batch_id": batch.batch_id}
    contradicting = transaction.make("edit.contradicting_revisions")
    transaction.write("edit.drop_contradicting", contradicting_revisions=contradicting)
    transaction.write("edit.drop_contradicting_actions")
    transaction.write("edit.restore_batches", {**identity, "now": transaction.now})
    batch.write(transaction)
    transaction.write("edit.note_losses", identity)
    count: int = transaction.one("edit.count_losses", identity).batch_count
    return count


def _refuse_misplaced(transaction: Transaction, placed: TemporaryTable, intervals: TemporaryTable) -> None:
    found = transaction.one("edit.count_misplaced", placed_bars=placed, scope_intervals=intervals)
    if found.misplaced_count:
        raise CalendarError(
            f"the calendar would leave {found.misplaced_count} base bars without a place, such as {found.symbol} "
            f"{found.interval} at {found.first_start}; nothing was changed: delete those bars first with "
            f"{Action('delete_bars')}, or mend the calendar"
        )


def _count(batch: Batch, changes: Changes) -> None:
    batch.inserted += changes.inserted
    batch.revised += changes.revised
    batch.deleted += changes.deleted


def _recompute(transaction: Transaction, in_scope: Sql, ranges: DeriveRanges, scope: Scope) -> None:
    """Count coverage again from nothing, of bases first: where ranges of derived intervals start follows from them."""
    for table in ("session_coverage", "gap"):
        transaction.write("edit.drop_coverage", table=identifier(table), scope_intervals=scope.intervals)
    transaction.write("edit.reset_quality", scope_intervals=scope.intervals)
    moves = transaction.make("edit.moves_of_bases", scope_intervals=scope.intervals)
    recompute_coverage(transaction, moves, sql("empty.sessions"), scope.units)
    intervals = transaction.make("write.scope_intervals", condition=in_scope)  # the bases' first sessions are known
    scope = replace(scope, intervals=intervals)
    derived = transaction.make("edit.moves_of_whole_range", scope_intervals=intervals, derive_ranges=ranges.table)
    moves = moves_of_derived(transaction, derived, scope)
    recompute_coverage(transaction, moves, sql("empty.sessions"), scope.units)
