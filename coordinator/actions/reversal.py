"""Undoing a batch of corporate actions, as a batch of its own: each action is as it was before, or gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from barhouse.coordinator.actions import changes
from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.errors import InputError
from barhouse.store.model.reports import RevertReport
from barhouse.store.model.words import counted
from barhouse.store.records.batch import Batch

#: So many batches are named in a message.
_NAMED = 5


def batch_actions(transaction: Transaction, batch_id: int) -> TemporaryTable | None:
    """The actions that a batch wrote or replaced; None where it had to do with none."""
    found = transaction.make("actions.batch_actions", {"batch_id": batch_id})
    return found if found.row_count else None


def revert(
    transaction: Transaction,
    batch_id: int,
    named: Row,
    found: TemporaryTable,
    undone: Mapping[int, int],
    *,
    apply: bool,
) -> RevertReport:
    """Undo a batch that wrote or replaced actions; ``undone`` are the batches that were, each with what undid it."""
    _refuse_changed(transaction, batch_id, found, undone)
    differing = transaction.make("actions.reversed_actions", {"batch_id": batch_id}, batch_actions=found)
    symbols = transaction.one("actions.symbols_of_changes", action_changes=differing).symbols
    batch = Batch.begin(transaction, "revert", f"batch {batch_id}")
    batch.reverts = batch_id
    changes.count(transaction, differing, batch)
    if apply:
        changes.write(transaction, differing, batch)
        batch.write(transaction)
    return RevertReport(
        batch_id=batch.batch_id if apply else None,
        reverted=batch_id,
        kind=named.kind,
        source=named.source,
        symbols=tuple(symbols),
        inserted=batch.inserted,
        revised=batch.revised,
        deleted=batch.deleted,
    )


def _refuse_changed(transaction: Transaction, batch_id: int, found: TemporaryTable, undone: Mapping[int, int]) -> None:
    removed = transaction.run("actions.removed_symbols_of", batch_actions=found)
    if removed:
        names = ", ".join(row.symbol for row in removed[:_NAMED])
        raise InputError(
            f"batch {batch_id} cannot be undone: {names}{' and others' * (len(removed) > _NAMED)} of its symbols were "
            f"removed since; register them again and load their actions"
        )
    later = transaction.run("actions.batches_since", {"batch_id": batch_id}, batch_actions=found)
    # Two that came after, of which one undid the other, changed nothing; an undo of something before it did.
    over = {batch for pair in undone.items() if pair[0] > batch_id for batch in pair}
    in_the_way = [row for row in later if row.batch_id not in over]
    if in_the_way:
        raise InputError(
            f"batch {batch_id} cannot be undone: of its actions {_listed(in_the_way)} wrote or replaced some since; "
            f"undo the later ones first, the newest before the others, or load actions that are right"
        )


def _listed(batches: Sequence[Row]) -> str:
    texts = [f"batch {row.batch_id} ({row.kind}, {counted(row.action_count, 'action')})" for row in batches[:_NAMED]]
    left = len(batches) - _NAMED
    return ", ".join(texts) + (f" and {counted(left, 'other')}" if left > 0 else "")
