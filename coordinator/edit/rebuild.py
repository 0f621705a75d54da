"""Rebuilding symbols inside one batch: base bars placed anew, everything derived computed again.

Only what differs is written, and old values are kept as revisions. Calendar edits and repairs do this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from barhouse.coordinator.derive.derivation import advance, derive, gather
from barhouse.coordinator.write import merge
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
from barhouse.store.sql import Sql, sql

# The whole bar table.
_EVERYWHERE = TimeRange(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def rebuild(transaction: Transaction, batch: Batch, *, clock: datetime | None) -> None:
    """Rebuild the symbols in the temporary table ``chunk``; the batch counts what was written.

    Buckets close by event time, and by the clock where one is given: those that end no later than it.

    Raises
    ------
    CalendarError
        When the calendar has no place for a base bar that is there.
    """
    in_scope = sql("write.in_scope", scope_symbols=Sql("scope_symbols"))
    transaction.make("write.scope_intervals", condition=in_scope)
    first, last = transaction.one("rebuild.span")
    if first is not None:
        transaction.run("rebuild.symbol_map")
        names = [name for (name,) in transaction.run("rebuild.calendars")]
        trading_calendar.reach(transaction, names, first, last)
        calendar_pieces(transaction, Sql("calendars"), first, last)
        transaction.run("rebuild.place")
        _refuse_misplaced(transaction)
        transaction.run("rebuild.base_place")
        placed = sql("rebuild.placed_bars")
        _count(batch, merge.replace(transaction, placed, _EVERYWHERE, batch.batch_id, ranges=Sql("base_place")))
        transaction.run("rebuild.raise_watermarks")
    transaction.run("rebuild.rewind")
    transaction.run("rebuild.forget_invalidations")
    gather_intervals(transaction, in_scope)  # the watermarks have moved
    transaction.run("derive.waiting", {"clock": clock or _EVERYWHERE.first_start}, pending=sql("derive.pending"))
    transaction.run("derive.forward")
    targets, first_start, last_end = transaction.one("derive.target_bounds")
    gather(transaction, "fresh", derive(transaction, first_start, last_end))
    transaction.run("rebuild.derived_place")
    _count(batch, merge.replace(transaction, Sql("fresh"), _EVERYWHERE, batch.batch_id, ranges=Sql("derived_place")))
    if targets:
        advance(transaction)
    _recount(transaction)


def drop_doubles(transaction: Transaction) -> None:
    """Leave one of the bars that are there more than once: the one written last."""
    transaction.make("write.scope_intervals", condition=sql("write.in_scope", scope_symbols=Sql("scope_symbols")))
    transaction.run("rebuild.single")
    transaction.run("rebuild.drop_doubles")
    transaction.run("rebuild.keep_singles")


def repair(
    transaction: Transaction, names: Sequence[str] | None, grace: timedelta, *, accept_lost_history: bool
) -> RepairReport:
    """Mend what can be derived again; see ``SessionCoordinator.repair``."""
    before = verification.verify(transaction, names, None, None, None)
    mendable = not set(before.totals) <= {"impossible", "revision"}
    accepting = accept_lost_history and "revision" in before.totals
    if not (mendable or accepting):
        return RepairReport(batch_id=None, before=before, after=before)
    batch = Batch.begin(transaction, "repair")
    if mendable:
        transaction.run("rebuild.symbols_named", {"symbols": names})
        drop_doubles(transaction)
        rebuild(transaction, batch, clock=transaction.now - grace)
    accepted = _accept_losses(transaction, batch) if accepting else 0
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
    transaction.run("accept.contradicting")
    transaction.run("accept.drop_contradicting")
    transaction.run("accept.restore_batches", {**identity, "now": transaction.now})
    batch.write(transaction)
    transaction.run("accept.note_losses", identity)
    (count,) = transaction.one("accept.count_losses", identity)
    return int(count)


def _refuse_misplaced(transaction: Transaction) -> None:
    count, symbol, interval, at = transaction.one("rebuild.misplaced")
    if count:
        raise CalendarError(
            f"the calendar would leave {count} base bars without a place, such as {symbol} {interval} at {at}; "
            f"nothing was changed: delete those bars first with {Action('delete_bars')}, or mend the calendar"
        )


def _count(batch: Batch, changes: Changes) -> None:
    batch.inserted += changes.inserted
    batch.revised += changes.revised
    batch.deleted += changes.deleted


def _recount(transaction: Transaction) -> None:
    for table in ("session_coverage", "gap"):
        transaction.run("rebuild.forget_account", table=table)
    transaction.run("rebuild.forget_sums")
    nothing = sql("empty.sessions")
    in_scope = sql("write.in_scope", scope_symbols=Sql("scope_symbols"))
    units = TemporaryTable("coverage_units", "coverage_units", ())
    transaction.run("rebuild.progress_of_base")
    recompute_coverage(transaction, Sql("watermark_moves"), nothing, units)
    intervals = transaction.make("write.scope_intervals", condition=in_scope)  # the bases' first sessions are known
    transaction.run("rebuild.worked")
    worked = TemporaryTable("worked", "derived_moves", ())
    moves = moves_of_derived(transaction, worked, Scope(intervals, units, True))
    recompute_coverage(transaction, moves, nothing, units)
