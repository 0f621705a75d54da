"""Taking away: base bars deleted, symbols struck off, sessions declared over, each inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from barhouse.coordinator.actions import changes as action_changes
from barhouse.coordinator.edit import retention, symbol_names
from barhouse.coordinator.edit.rebuild import rebuild, symbols_named
from barhouse.coordinator.futures.definition import refuse_contracts
from barhouse.coordinator.write import merge
from barhouse.coordinator.write.coverage import (
    extend_coverage,
    gather_intervals,
    moves_of_derived,
    recompute_coverage,
)
from barhouse.coordinator.write.merge import TimeRange
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import InputError
from barhouse.store.model.bar import CLOCK_TOLERANCE
from barhouse.store.model.reports import DeleteReport
from barhouse.store.records import names, registry, session_days
from barhouse.store.records.batch import Batch
from barhouse.store.records.declared_columns import declared_columns
from barhouse.store.records.session_days import BEGINNING, Bounds
from barhouse.store.sql import identifier, sql

#: What is kept by interval, and goes with a symbol.
_BY_INTERVAL = (
    *("bar", "invalidation", "session_coverage", "gap", "bar_vendor", "offered_bar"),
    *("trade", "trade_bucket", "followed_symbol"),
)


def delete_bars(transaction: Transaction, name: str, text: str, bounds: Bounds, *, rewind: bool) -> DeleteReport:
    """Delete base bars; see ``SessionCoordinator.delete_bars``."""
    rows = transaction.run("records.intervals_of", {"symbols": [name]})
    if not rows:
        raise names.unknown(transaction, name)
    base = next(row.interval for row in rows if not row.derived)
    if text != base:
        raise InputError(f"{name} is loaded with {base} bars; delete those, {text} follows by itself")
    calendar = rows[0].calendar
    start, end = session_days.ranges(transaction, [calendar], *bounds)[calendar]
    first_open = session_days.first_opens(transaction, [calendar], bounds[0])[calendar]
    retention.refuse_purged(transaction, name, first_open, end)
    deleted_range = transaction.make("edit.deleted_range", {"symbol": name, "start": start, "end": end})
    deleted = transaction.one("edit.bounds_of_deleted", replaced_ranges=deleted_range)
    if deleted.interval_id is None and not (rewind and _is_ahead(transaction, name)):
        return DeleteReport(batch_id=None, deleted=0)
    batch = Batch.begin(transaction, "delete")
    symbols = symbols_named(transaction, [name])
    if deleted.interval_id is not None:
        time_range = TimeRange(deleted.first_start, deleted.last_end)
        batch.deleted = _delete(transaction, symbols, deleted_range, time_range, batch)
    count = batch.deleted
    left = transaction.one("edit.base_end", {"symbol": name})
    if rewind:
        transaction.write("edit.rewind_base", {"interval_id": left.interval_id})
        rebuild(transaction, symbols, batch, clock=None)
    else:
        follow_first_session(transaction, symbols)
    batch.write(transaction)
    took_last = left.last_bar_end is None or deleted.last_end is None or deleted.last_end > left.last_bar_end
    return DeleteReport(
        batch_id=batch.batch_id,
        deleted=count,
        last_bar_end=left.last_bar_end,
        missing_through=left.complete_through if took_last and not rewind else None,
    )


def _is_ahead(transaction: Transaction, name: str) -> bool:
    """Whether the base of a symbol counts as complete beyond its last bar, and beyond what was purged."""
    base = transaction.one("edit.base_end", {"symbol": name})
    ends = [end for end in (base.last_bar_end, base.retained_from) if end is not None]
    return base.complete_through is not None and base.complete_through > max(ends, default=BEGINNING)


def _delete(
    transaction: Transaction,
    symbols: TemporaryTable,
    deleted_range: TemporaryTable,
    time_range: TimeRange,
    batch: Batch,
) -> int:
    """Delete the bars of ``replaced_ranges``, and account for it; returns how many they are."""
    no_bars = sql("empty.bars", declared=declared_columns(transaction).nothing)
    changes = merge.replace(transaction, no_bars, time_range, batch.batch_id, ranges=deleted_range)
    if changes.bars is not None:
        merge.invalidate(transaction, changes.bars, batch.batch_id)
    scope = gather_intervals(transaction, sql("write.in_scope", scope_symbols=symbols))
    moves = transaction.make("edit.moves_after_deletion", scope_intervals=scope.intervals, bar_changes=changes.bars)
    recompute_coverage(transaction, moves, changes.recounted_bars, scope.units)
    return changes.deleted


def follow_first_session(transaction: Transaction, symbols: TemporaryTable) -> None:
    """Have the ranges of derived intervals start where their base's does now.

    Bars that are deleted beyond what is derived leave nothing to derive again, so that no processing would see to it.
    """
    scope = gather_intervals(transaction, sql("write.in_scope", scope_symbols=symbols))
    derived = transaction.make("edit.derived_intervals", scope_intervals=scope.intervals)
    moves = moves_of_derived(transaction, derived, scope)
    recompute_coverage(transaction, moves, sql("empty.sessions"), scope.units)


def end_session(transaction: Transaction, session_date: date, symbols: Sequence[str] | None) -> list[str]:
    """Declare a session over; see ``SessionCoordinator.end_session``."""
    registry.refuse_unknown(transaction, symbols)
    which = {"session_date": session_date, "symbols": symbols, "through": transaction.now + CLOCK_TOLERANCE}
    opens = transaction.one("edit.opens_of_session", which)
    if opens.next_open is not None and not opens.begun_count:
        raise InputError(
            f"the session of {session_date} begins at {opens.next_open}, and it is {transaction.now} by the store's "
            f"clock; give one that has begun"
        )
    moves = transaction.make("edit.moves_of_session_end", which)
    moved = [row.symbol for row in transaction.run("edit.symbols_of_moves", watermark_moves=moves)]
    if moved:
        extend_coverage(transaction, moves, sql("empty.bar_counts"))
    return moved


def remove_symbol(transaction: Transaction, name: str, *, purge: bool) -> DeleteReport:
    """Strike a symbol off; see ``SessionCoordinator.remove_symbol``."""
    rows = transaction.run("records.active_symbol", {"symbol": name})
    removed = [row.symbol_id for row in transaction.run("edit.removed_symbols", {"symbol": name})]
    if not rows and not (purge and removed):
        raise names.unknown(transaction, name)
    refuse_contracts(transaction, [name])
    if purge:
        return _purge_symbol(transaction, name, [*removed, *(row.symbol_id for row in rows)], active=bool(rows))
    symbol_id = rows[0].symbol_id
    batch = Batch.begin(transaction, "remove", name)
    removed_intervals = transaction.make("records.removed_intervals", {"symbol_id": symbol_id})
    bar_count = transaction.one("records.removed_bar_count", removed_intervals=removed_intervals).bar_count
    batch.deleted = bar_count
    identity = {"batch_id": batch.batch_id}
    transaction.write("records.move_bars_to_history", identity, removed_intervals=removed_intervals)
    action_changes.remove(transaction, [symbol_id], batch)
    symbol_names.strike(transaction, symbol_id, batch.batch_id)
    _strike(transaction, symbol_id, removed_intervals)
    batch.write(transaction)
    return DeleteReport(batch_id=batch.batch_id, deleted=bar_count)


def _purge_symbol(transaction: Transaction, name: str, symbol_ids: list[int], *, active: bool) -> DeleteReport:
    """Strike a symbol off without history, its own and that of symbols of its name before it."""
    batch = Batch.begin(transaction, "remove", name)
    everything = transaction.make("edit.all_bars_of_symbols", {"symbol_ids": symbol_ids})
    end = transaction.one("edit.end_of_all_bars", bars_to_purge=everything).last_end
    counts = transaction.one("edit.count_purged", bars_to_purge=everything)
    batch.deleted = counts.bar_count
    purged_actions = action_changes.purge(transaction, symbol_ids, batch)
    symbol_names.purge(transaction, symbol_ids)
    if not active and not counts.revision_count and not purged_actions:
        return DeleteReport(batch_id=None, deleted=0)
    retention.purge(transaction, batch, everything)
    if end is not None:
        bounds = {"batch_id": batch.batch_id, "end": end}
        transaction.write("edit.retain_nothing", bounds, bars_to_purge=everything)
    if active:
        removed_intervals = transaction.make("records.removed_intervals", {"symbol_id": symbol_ids[-1]})
        _strike(transaction, symbol_ids[-1], removed_intervals)
    batch.write(transaction)
    return DeleteReport(batch_id=batch.batch_id, deleted=counts.bar_count)


def _strike(transaction: Transaction, symbol_id: int, removed_intervals: TemporaryTable) -> None:
    """Take a symbol off the active ones, and with it whatever is kept by its intervals, but for revisions."""
    for table in _BY_INTERVAL:
        transaction.write(
            "records.remove_rows_of_intervals", table=identifier(table), removed_intervals=removed_intervals
        )
    transaction.write("records.remove_coverage_totals", removed_intervals=removed_intervals)
    transaction.run("records.remove_symbol", {"symbol_id": symbol_id, "now": transaction.now})
