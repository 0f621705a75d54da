"""Undoing a batch, as one of its own: what it wrote goes, what it replaced comes back, inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from barhouse.coordinator.actions import reversal as action_reversal
from barhouse.coordinator.edit import symbol_names
from barhouse.coordinator.edit.deletion import follow_first_session
from barhouse.coordinator.edit.rebuild import carry_vendors, rebuild
from barhouse.coordinator.write import merge
from barhouse.coordinator.write.calendar_pieces import calendar_pieces
from barhouse.coordinator.write.coverage import advance_bases, gather_intervals, recompute_coverage
from barhouse.coordinator.write.merge import Changes, TimeRange
from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Action
from barhouse.store.model.reports import RevertReport
from barhouse.store.model.words import counted
from barhouse.store.records import trading_calendar
from barhouse.store.records.batch import Batch
from barhouse.store.sql import sql

#: Batches that are undone another way, each with that way.
_OTHERWISE = {
    "process": "derived bars follow from base bars; undo the batch that changed those",
    "remove": "the bars are in bars_as_of() of a moment before it; register the symbol again and load them from there",
    "calendar": "change the calendar back, and bars go back with it",
    "repair": "it mended what was wrong; load bars that are right, or restore a backup from before",
    "retention": "what was purged is gone for good; restore a backup from before",
}
#: So many batches are named in a message.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Undone:
    """A batch to be undone, and what is known of it.

    Attributes
    ----------
    bars
        ``batch_bars``: the base bars that it wrote or replaced.
    symbols
        ``scope_symbols``: whose they are.
    placed
        ``placed_bars``: those that it replaced as they were, where the calendar has them now.
    time_range
        Where all of these lie.
    """

    batch_id: int
    bars: TemporaryTable
    symbols: TemporaryTable
    placed: TemporaryTable
    time_range: TimeRange


def revert(transaction: Transaction, batch_id: int, *, apply: bool) -> RevertReport:
    """Undo a batch; see ``SessionCoordinator.revert``."""
    named = _named(transaction, batch_id)
    identity = {"batch_id": batch_id}
    bars = transaction.make("edit.batch_bars", identity)
    _refuse_changed(transaction, batch_id, bars)
    counts = transaction.one("edit.changes_of_reversal", batch_bars=bars)
    report = RevertReport(
        batch_id=None,
        reverted=batch_id,
        kind=named.kind,
        source=named.source,
        symbols=tuple(counts.symbols),
        inserted=counts.inserted,
        revised=counts.revised,
        deleted=counts.deleted,
        files=tuple(row.path for row in transaction.run("edit.files_of_batch", identity)),
    )
    if not bars.row_count and (actions := action_reversal.batch_actions(transaction, batch_id)) is not None:
        undone_before = _undone_already(transaction)
        return action_reversal.revert(transaction, batch_id, named, actions, undone_before, apply=apply)
    if not bars.row_count and symbol_names.has_names(transaction, batch_id):
        return symbol_names.revert(transaction, batch_id, named, _undone_already(transaction), apply=apply)
    if not bars.row_count:
        return report.model_copy(update={"files": ()})  # they stay known: there is nothing to load again
    undone = _placed(transaction, batch_id, bars, counts)
    if not apply:
        return report
    batch = Batch.begin(transaction, "revert", f"batch {batch_id}")
    batch.reverts = batch_id
    _undo(transaction, undone, batch)
    transaction.write("edit.forget_files", identity)
    batch.write(transaction)
    return report.model_copy(update={"batch_id": batch.batch_id})


def _named(transaction: Transaction, batch_id: int) -> Row:
    found = transaction.run("edit.batch_named", {"batch_id": batch_id}) if batch_id.bit_length() < 64 else []
    if not found:
        raise InputError(f"there is no batch {batch_id}; the view batches lists those there are")
    if found[0].kind in _OTHERWISE:
        raise InputError(
            f"batch {batch_id} is a {found[0].kind}, which is not undone as such: {_OTHERWISE[found[0].kind]}"
        )
    return found[0]


def _refuse_changed(transaction: Transaction, batch_id: int, bars: TemporaryTable) -> None:
    """Refuse a batch of which something is gone, or was written over since."""
    identity = {"batch_id": batch_id}
    purges = transaction.run("edit.purges_of_batch", identity)
    if purges:
        raise InputError(
            f"batch {batch_id} cannot be undone: some of what it wrote or replaced was given up for good by "
            f"{_listed(purges)}; load bars that are right, or {Action('restore')} a backup from before"
        )
    removed = transaction.run("edit.removed_symbols_of_batch", batch_bars=bars)
    if removed:
        names = ", ".join(row.symbol for row in removed[:_NAMED])
        raise InputError(
            f"batch {batch_id} cannot be undone: {names}{' and others' * (len(removed) > _NAMED)} of its symbols were "
            f"removed since; register them again and load their bars"
        )
    undone = _undone_already(transaction)
    if batch_id in undone:
        raise InputError(
            f"batch {batch_id} is undone already, by batch {undone[batch_id]}; undo that one to have its bars again"
        )
    later = transaction.run("edit.batches_since", identity, batch_bars=bars)
    # Two that came after, of which one undid the other, changed nothing; an undo of something before it did.
    over = {batch for pair in undone.items() if pair[0] > batch_id for batch in pair}
    _refuse_later(batch_id, [row for row in later if row.batch_id not in over])


def _undone_already(transaction: Transaction) -> dict[int, int]:
    """The batches that were undone, each with the one that undid it: together they changed nothing."""
    found: dict[int, int] = {}
    for row in transaction.run("edit.reverts"):  # the newest first: an undo that was undone undoes nothing
        if row.batch_id not in found:
            found[row.reverts] = row.batch_id
    return found


def _refuse_later(batch_id: int, later: Sequence[Row]) -> None:
    if later:
        raise InputError(
            f"batch {batch_id} cannot be undone: of its bars {_listed(later)} wrote or replaced some since; undo the "
            f"later ones first, the newest before the others, or load bars that are right"
        )


def _listed(batches: Sequence[Row]) -> str:
    """Some batches in words."""
    texts = []
    for row in batches[:_NAMED]:
        what = f" ({row.kind}, {counted(row.bar_count, 'bar')})" if "kind" in row._fields else ""
        texts.append(f"batch {row.batch_id}{what}")
    left = len(batches) - _NAMED
    return ", ".join(texts) + (f" and {counted(left, 'other')}" if left > 0 else "")


def _placed(transaction: Transaction, batch_id: int, bars: TemporaryTable, counts: Row) -> _Undone:
    """Have old bars where the calendar has them now, and refuse what has no place there."""
    symbols = transaction.make("edit.symbols_of_batch", batch_bars=bars)
    in_scope = sql("write.in_scope", scope_symbols=symbols)
    intervals = transaction.make("write.scope_intervals", condition=in_scope)
    first, last = counts.first_start.date(), counts.last_start.date()
    rows = transaction.run("edit.calendars_in_scope", scope_intervals=intervals)
    trading_calendar.reach(transaction, [row.calendar for row in rows], first, last)
    pieces = calendar_pieces(transaction, intervals, first, last)
    beside = merge.values_beside(transaction)
    old = sql("edit.replaced_values", batch_id=batch_id, batch_bars=bars, **beside)
    placed = transaction.make(
        "edit.placed_bars", {"since": batch_id}, scope_intervals=intervals, calendar_pieces=pieces, base_bars=old
    )
    misplaced = transaction.one("edit.count_misplaced", placed_bars=placed, scope_intervals=intervals)
    if misplaced.misplaced_count:
        raise InputError(
            f"batch {batch_id} cannot be undone: the calendar was changed since, and has no place any more for "
            f"{counted(misplaced.misplaced_count, 'bar')} that would come back, such as {misplaced.symbol} "
            f"{misplaced.interval} at {misplaced.first_start}; change the calendar back first"
        )
    where = {"placed_bars": placed, "scope_intervals": intervals, "batch_bars": bars}
    _refuse_later(batch_id, transaction.run("edit.batches_in_the_way", **where))
    ends = transaction.one("edit.range_of_reversal", batch_bars=bars, placed_bars=placed)
    return _Undone(batch_id, bars, symbols, placed, TimeRange(ends.first_start, ends.last_end))


def _undo(transaction: Transaction, undone: _Undone, batch: Batch) -> None:
    """Write what was there before, and let follow what has to."""
    before = transaction.make("edit.ends_of_bases", batch_bars=undone.bars)
    scope = gather_intervals(transaction, sql("write.in_scope", scope_symbols=undone.symbols))
    changes = merge.replace(
        transaction,
        sql("edit.retained_bars", placed_bars=undone.placed, scope_intervals=scope.intervals),
        undone.time_range,
        batch.batch_id,
        ranges=undone.bars,
        within="bar",
    )
    assert changes.bars is not None
    carry_vendors(transaction, undone.placed, batch)
    _count(batch, changes)
    merge.invalidate(transaction, changes.bars, batch.batch_id)
    moves = transaction.make("edit.moves_after_reversal", scope_intervals=scope.intervals, bar_changes=changes.bars)
    transaction.write("write.look_ahead_anew", watermark_moves=moves)
    advance_bases(transaction, moves)
    recompute_coverage(transaction, moves, changes.recounted_bars, scope.units)
    follow_first_session(transaction, undone.symbols)
    shortened = transaction.make("edit.shortened_symbols", named="shortened_symbols", base_ends=before)
    if shortened.row_count:
        transaction.write("edit.rewind_bases", scope_symbols=shortened)
        rebuild(transaction, shortened, batch, clock=None)


def _count(batch: Batch, changes: Changes) -> None:
    batch.inserted, batch.revised, batch.deleted = changes.inserted, changes.revised, changes.deleted
