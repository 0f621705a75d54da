"""Corporate actions deleted, inside one transaction; their values stay as revisions."""

from __future__ import annotations

from datetime import date

from barhouse.coordinator.actions import changes
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.action import ActionKind
from barhouse.store.model.reports import ActionDeleteReport
from barhouse.store.records import registry
from barhouse.store.records.batch import Batch


def delete_actions(transaction: Transaction, name: str, ex_date: date, kind: ActionKind | None) -> ActionDeleteReport:
    """Delete the actions of a symbol on one ex-date; see ``SessionCoordinator.delete_actions``."""
    registry.refuse_unknown(transaction, [name])
    which = {"symbol": name, "ex_date": ex_date, "kind": kind}
    going = transaction.make("actions.actions_to_delete", which)
    batch = Batch.begin(transaction, "delete")
    if not changes.count(transaction, going, batch):
        return ActionDeleteReport(batch_id=None, symbol=name, ex_date=ex_date)
    kinds = tuple(row.kind for row in transaction.run("actions.kinds_of_changes", action_changes=going))
    changes.write(transaction, going, batch)
    batch.write(transaction)
    return ActionDeleteReport(batch_id=batch.batch_id, symbol=name, ex_date=ex_date, kinds=kinds)
