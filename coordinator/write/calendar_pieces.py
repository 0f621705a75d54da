"""Time cut at the opens and closes of calendars' segments, so that instants find their session."""

from __future__ import annotations

from datetime import date

from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction


def calendar_pieces(transaction: Transaction, calendars: Relation, first: date, last: date) -> TemporaryTable:
    """Make the ``calendar_pieces`` that instants of some dates may lie in.

    Parameters
    ----------
    calendars
        Which calendars: (calendar).
    first, last
        Dates of UTC, both included; pieces reach some way beyond.
    """
    return transaction.make("write.calendar_pieces", {"first": first, "last": last}, calendars=calendars)
