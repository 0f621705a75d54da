"""How many bars each interval has, and its first and last, kept up as bars are written."""

from __future__ import annotations

from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction


def add(transaction: Transaction, bar_counts: Relation) -> None:
    """Take down bars that were added.

    Parameters
    ----------
    bar_counts
        Of the bars: (interval_id, bar_count, first_start, last_start), several rows for an interval maybe.
    """
    transaction.write("write.add_bar_totals", bar_counts=bar_counts)


def change(transaction: Transaction, bar_changes: TemporaryTable, *, deleted: bool) -> None:
    """Take down what a merge has written; where the first or last bar of an interval went, its bars are counted."""
    recounted = transaction.make("write.lost_edges", bar_changes=bar_changes) if deleted else None
    transaction.write("write.change_bar_totals", bar_changes=bar_changes)
    if recounted is not None and recounted.row_count:
        recount(transaction, recounted)


def recount(transaction: Transaction, intervals: Relation) -> None:
    """Count all bars of some intervals (interval_id)."""
    transaction.write("write.recount_bars", recounted_intervals=intervals)
