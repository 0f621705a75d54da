"""Coverage, gaps and quality of what a write touched, in the same transaction."""

from __future__ import annotations

from store.engine import Transaction
from store.sql import statement


def account(transaction: Transaction, changed: str) -> None:
    """Bring ``session_coverage``, ``gap`` and ``quality_pct`` up to date.

    ``changed`` names a table with the (interval_id, session_date) of every bar written; the temporary table
    ``progress`` says how far each interval has come and where its range starts.
    """
    transaction.run("account.touch", changed=changed)
    transaction.run("account.room")
    first_start, last_end, first_id, last_id = transaction.one("account.room_bounds")
    transaction.run("account.clear_coverage")
    transaction.run("account.clear_gaps")
    if first_start is not None:
        bounds = {"first_start": first_start, "last_end": last_end}
        transaction.run("account.present", {**bounds, "first_id": first_id, "last_id": last_id})
        transaction.run("account.add_coverage")
        lacking, first_id, last_id = transaction.one("account.lacking")
        if lacking:
            transaction.run("account.add_gaps", {**bounds, "first_id": first_id, "last_id": last_id})
    transaction.run("account.grade")


def take_stock(transaction: Transaction, condition: str) -> None:
    """Put the definitions a write deals with, and the pieces of time they are accounted by, into temporary tables.

    ``condition`` names the statement that selects them: ``account.of_reach`` or ``account.of_chunk``.
    """
    transaction.run("account.defined", condition=statement(condition))
    (block_count,) = transaction.one("account.block_count")
    blocks = statement("account.block_pieces") if block_count else ""
    transaction.run("account.piece", blocks=blocks)
