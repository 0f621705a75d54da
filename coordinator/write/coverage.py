"""Coverage, gaps and quality of what a write touched, in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from barhouse.store.database.transaction import Transaction
from barhouse.store.sql import sql


def go_on(transaction: Transaction, tally: str) -> None:
    """Move base intervals on to where ``progress`` says they are complete now, rows below their ends untouched.

    ``tally`` names a table with (interval_id, session_date, complete_count) of the bars added.
    """
    blocks, since = transaction.one("account.bounds_of_progress")
    if blocks:
        take_stock(transaction, "account.of_progress")
    if not grow(transaction, tally, since, blocks=blocks):
        transaction.run("account.advance")
        take_stock(transaction, "account.of_progress")
        recount(transaction, tally)


def grow(transaction: Transaction, tally: str, since: datetime, *, blocks: bool) -> bool:
    """Bring accounts up to date where ranges only go on and nothing below their ends was written, by what is new.

    Parameters
    ----------
    tally
        Names a table with (interval_id, session_date, complete_count) of the bars added, several rows for a session
        maybe; the temporary table ``progress`` says how far each interval has come.
    since
        Until when every session has its account already.
    blocks
        Whether some of the intervals cover whole sessions; their pieces must be at hand.

    Returns
    -------
    bool
        False, and nothing is written, when an earlier session has become the first of a range; ``recount`` then.
    """
    pieces = sql("account.grown_blocks") if blocks else ""
    transaction.run("account.grown", {"since": since}, blocks=pieces, tally=tally)
    elsewhere, begun, first_date, new, lacking = transaction.one("account.count_grown")
    if elsewhere:
        return False
    if begun:
        transaction.run("account.grow_coverage", {"first_date": first_date})
    if new:
        transaction.run("account.begin_coverage")
    if lacking:
        transaction.run("account.touch_lacking")
        bounds = _make_room(transaction, blocks=blocks)
        transaction.run("account.clear_gaps")
        transaction.run("account.present", bounds)
        _add_gaps(transaction, bounds)
    transaction.run("account.add_up")
    return True


def recount(transaction: Transaction, changed: str) -> None:
    """Bring ``session_coverage``, ``gap`` and what they come to for each interval up to date.

    ``changed`` names a table with the (interval_id, session_date) of every bar written; the temporary table
    ``progress`` says how far each interval has come and where its range starts.
    """
    transaction.run("account.touch", changed=changed)
    bounds = _make_room(transaction, blocks=True)
    transaction.run("account.clear_coverage")
    transaction.run("account.clear_gaps")
    if bounds["first_start"] is not None:
        transaction.run("account.present", bounds)
        transaction.run("account.add_coverage")
        _add_gaps(transaction, bounds)
    transaction.run("account.grade")


def _make_room(transaction: Transaction, *, blocks: bool) -> dict[str, Any]:
    """See what the touched sessions have room for; returns the part of the bar table they are."""
    transaction.run("account.room", blocks=sql("account.room_blocks") if blocks else "")
    names = ("first_start", "last_end", "first_id", "last_id")
    return dict(zip(names, transaction.one("account.room_bounds"), strict=True))


def _add_gaps(transaction: Transaction, bounds: dict[str, Any]) -> None:
    """Write the gaps of the touched segments that lack bars."""
    lacking, first_id, last_id = transaction.one("account.lacking")
    if lacking:
        transaction.run("account.add_gaps", {**bounds, "first_id": first_id, "last_id": last_id})


def take_stock(transaction: Transaction, condition: str, concerned: str = "defined") -> bool:
    """Put the definitions a write deals with, and the pieces of time they are accounted by, into temporary tables.

    ``condition`` names the statement that selects them: ``account.of_progress`` or ``account.of_chunk``; ``concerned``
    is a table of those of which blocks of sessions are needed. Returns whether there are any such.
    """
    transaction.run("account.defined", condition=sql(condition))
    (block_count,) = transaction.one("account.block_count", concerned=concerned)
    blocks = sql("account.block_pieces", concerned=concerned) if block_count else ""
    transaction.run("account.piece", blocks=blocks)
    return bool(block_count)
