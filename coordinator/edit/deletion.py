"""Taking away: base bars deleted, symbols struck off, sessions declared over, each inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from barhouse.coordinator.edit import retention
from barhouse.coordinator.edit.rebuild import rebuild
from barhouse.coordinator.write import merge
from barhouse.coordinator.write.coverage import extend_coverage, gather_intervals, recompute_coverage
from barhouse.coordinator.write.merge import TimeRange
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.model.inputs import unknown_symbol
from barhouse.store.model.reports import DeleteReport
from barhouse.store.records.batch import Batch
from barhouse.store.sql import Sql, sql


def delete_bars(
    transaction: Transaction, name: str, text: str, bounds: dict[str, datetime | None], *, rewind: bool
) -> DeleteReport:
    """Delete base bars; see ``SessionCoordinator.delete_bars``."""
    rows = transaction.run("registration.intervals_of", {"symbols": [name]})
    if not rows:
        raise unknown_symbol(name, {row[0] for row in transaction.run("registration.active_symbols")})
    base = next(row[1] for row in rows if not row[2])
    if text != base:
        raise InputError(f"{name} is loaded with {base} bars; delete those, {text} follows by itself")
    retention.refuse_purged(transaction, name, bounds)
    transaction.run("load.deleting", {"symbol": name, **bounds})
    interval_id, first_start, last_end = transaction.one("load.deleting_place")
    if interval_id is None:
        return DeleteReport(batch_id=None, deleted=0)
    batch = Batch.begin(transaction, "delete")
    transaction.run("derive.gather", fresh="fresh", bars=sql("empty.bars"))
    time_range = TimeRange(first_start, last_end)
    changes = merge.replace(transaction, Sql("fresh"), time_range, batch.batch_id, ranges=Sql("deleting"))
    merge.invalidate(transaction, changes.bars or Sql("fresh"), batch.batch_id)
    transaction.run("rebuild.symbols_named", {"symbols": [name]})
    scope = gather_intervals(transaction, sql("write.in_scope", scope_symbols=Sql("scope_symbols")))
    transaction.run("rebuild.moves_after_deletion")
    recompute_coverage(transaction, Sql("watermark_moves"), changes.recounted_bars, scope.units)
    batch.deleted = changes.deleted
    if rewind:
        transaction.run("load.rewind", {"interval_id": interval_id})
        rebuild(transaction, batch, clock=None)
    batch.write(transaction)
    return DeleteReport(batch_id=batch.batch_id, deleted=changes.deleted)


def end_session(transaction: Transaction, session_date: date, names: Sequence[str] | None) -> list[str]:
    """Declare a session over; see ``SessionCoordinator.end_session``."""
    known = {row[0] for row in transaction.run("registration.active_symbols")}
    for name in names or ():
        if name not in known:
            raise unknown_symbol(name, known)
    transaction.run("load.ending", {"session_date": session_date, "symbols": names})
    moved = [name for (name,) in transaction.run("load.symbols_reached")]
    if moved:
        extend_coverage(transaction, Sql("progress"), sql("empty.bar_counts"))
    return moved


def remove_symbol(transaction: Transaction, name: str, *, purge: bool) -> DeleteReport:
    """Strike a symbol off; see ``SessionCoordinator.remove_symbol``."""
    rows = transaction.run("registration.symbol_row", {"symbol": name})
    removed = [symbol_id for (symbol_id,) in transaction.run("retain.removed_before", {"symbol": name})]
    if not rows and not (purge and removed):
        raise unknown_symbol(name, {row[0] for row in transaction.run("registration.active_symbols")})
    if purge:
        return _purge_symbol(transaction, name, [*removed, *(row[0] for row in rows)], active=bool(rows))
    symbol_id = rows[0][0]
    batch = Batch.begin(transaction, "remove", name)
    transaction.run("registration.leaving", {"symbol_id": symbol_id})
    (batch.deleted,) = transaction.one("registration.count_leaving")
    transaction.run("registration.remove_bars", {"batch_id": batch.batch_id})
    for table in ("bar", "invalidation", "session_coverage", "gap", "trade", "trade_bucket"):
        transaction.run("registration.forget", table=table)
    transaction.run("registration.forget_account")
    transaction.run("registration.remove", {"symbol_id": symbol_id, "now": transaction.now})
    batch.write(transaction)
    return DeleteReport(batch_id=batch.batch_id, deleted=batch.deleted)


def _purge_symbol(transaction: Transaction, name: str, symbol_ids: list[int], *, active: bool) -> DeleteReport:
    """Strike a symbol off without history, its own and that of symbols of its name before it."""
    batch = Batch.begin(transaction, "remove", name)
    transaction.run("retain.everything", {"symbol_ids": symbol_ids})
    (end,) = transaction.one("retain.end_of_everything")
    (batch.deleted, revisions) = transaction.one("retain.count_going")
    if not active and not revisions:
        return DeleteReport(batch_id=None, deleted=0)
    retention.drop(transaction, batch)
    if end is not None:
        transaction.run("retain.retain_nothing", {"batch_id": batch.batch_id, "end": end})
    if active:
        transaction.run("registration.leaving", {"symbol_id": symbol_ids[-1]})
        for table in ("invalidation", "session_coverage", "gap"):
            transaction.run("registration.forget", table=table)
        transaction.run("registration.forget_account")
        transaction.run("registration.remove", {"symbol_id": symbol_ids[-1], "now": transaction.now})
    batch.write(transaction)
    return DeleteReport(batch_id=batch.batch_id, deleted=batch.deleted)
