"""Actions written: what differs takes the place of what is there, which stays as revisions, as part of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.records.batch import Batch
from barhouse.store.sql import identifier

_TABLES = ("corporate_action", "corporate_action_revision")


def count(transaction: Transaction, changes: TemporaryTable, batch: Batch) -> int:
    """Add to a batch how many actions are new, revised and deleted; returns how many in all."""
    counts = transaction.one("actions.count_changes", action_changes=changes)
    batch.inserted += counts.inserted
    batch.revised += counts.revised
    batch.deleted += counts.deleted
    return int(counts.inserted + counts.revised + counts.deleted)


def write(transaction: Transaction, changes: TemporaryTable, batch: Batch) -> None:
    """Write ``action_changes``; the batch's own row is written by the caller."""
    identity = {"batch_id": batch.batch_id}
    transaction.write("actions.keep_replaced", identity, action_changes=changes)
    transaction.write("actions.drop_replaced", action_changes=changes)
    transaction.write("actions.add_actions", identity, action_changes=changes)


def remove(transaction: Transaction, symbol_ids: Sequence[int], batch: Batch) -> None:
    """Let the actions of symbols that are struck off become history."""
    changes = transaction.make("actions.actions_of_symbols", {"symbol_ids": list(symbol_ids)})
    if count(transaction, changes, batch):
        write(transaction, changes, batch)


def purge(transaction: Transaction, symbol_ids: Sequence[int], batch: Batch) -> int:
    """Give up the actions of symbols and their old values; returns how many that is, revisions among them."""
    whose = {"symbol_ids": list(symbol_ids)}
    counts = transaction.one("actions.count_of_symbols", whose)
    if not counts.action_count + counts.revision_count:
        return 0
    batch.deleted += counts.action_count
    transaction.write("actions.note_purged", {**whose, "batch_id": batch.batch_id})
    for table in _TABLES:
        transaction.write("actions.purge_of_symbols", whose, table=identifier(table))
    return int(counts.action_count + counts.revision_count)
