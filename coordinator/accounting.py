"""Coverage, gaps and quality of what a write touched, in the same transaction."""

from __future__ import annotations

from typing import Any

from store.engine import Transaction
from store.sql import statement


def grow(transaction: Transaction, tally: str) -> None:
    """The same where ranges only go on and nothing below their ends was written: what is new is added to what is known.

    ``tally`` names a table with (interval_id, session_date, complete_count) of the bars added, several rows for a session
    maybe; ``progress`` says how far each interval has come.
    """
    (block_count,) = transaction.one("account.block_count")
    blocks = statement("account.grown_blocks") if block_count else ""
    transaction.run("account.grown", blocks=blocks, tally=tally)
    elsewhere, begun, first_date, new, lacking = transaction.one("account.count_grown")
    if elsewhere:  # an earlier session has become the first
        recount(transaction, tally)
        return
    if begun:
        transaction.run("account.grow_coverage", {"first_date": first_date})
    if new:
        transaction.run("account.begin_coverage")
    if lacking:
        transaction.run("account.touch_lacking")
        transaction.run("account.room")
        transaction.run("account.clear_gaps")
        first_start, last_end, first_id, last_id = transaction.one("account.room_bounds")
        bounds = {"first_start": first_start, "last_end": last_end, "first_id": first_id, "last_id": last_id}
        transaction.run("account.present", bounds)
        _add_gaps(transaction, bounds)
    if begun or new:
        transaction.run("account.add_up")


def recount(transaction: Transaction, changed: str) -> None:
    """Bring ``session_coverage``, ``gap`` and what they come to for each interval up to date.

    ``changed`` names a table with the (interval_id, session_date) of every bar written; the temporary table
    ``progress`` says how far each interval has come and where its range starts.
    """
    transaction.run("account.touch", changed=changed)
    transaction.run("account.room")
    first_start, last_end, first_id, last_id = transaction.one("account.room_bounds")
    transaction.run("account.clear_coverage")
    transaction.run("account.clear_gaps")
    if first_start is not None:
        bounds = {"first_start": first_start, "last_end": last_end, "first_id": first_id, "last_id": last_id}
        transaction.run("account.present", bounds)
        transaction.run("account.add_coverage")
        _add_gaps(transaction, bounds)
    transaction.run("account.grade")


def _add_gaps(transaction: Transaction, bounds: dict[str, Any]) -> None:
    """Write the gaps of the touched segments that lack bars."""
    lacking, first_id, last_id = transaction.one("account.lacking")
    if lacking:
        transaction.run("account.add_gaps", {**bounds, "first_id": first_id, "last_id": last_id})


def take_stock(transaction: Transaction, condition: str) -> None:
    """Put the definitions a write deals with, and the pieces of time they are accounted by, into temporary tables.

    ``condition`` names the statement that selects them: ``account.of_reach`` or ``account.of_chunk``.
    """
    transaction.run("account.defined", condition=statement(condition))
    (block_count,) = transaction.one("account.block_count")
    blocks = statement("account.block_pieces") if block_count else ""
    transaction.run("account.piece", blocks=blocks)
