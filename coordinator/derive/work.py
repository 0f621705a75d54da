"""The work there is: which derived intervals wait, and which symbols one transaction works on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.sql import Sql, sql


@dataclass(frozen=True, slots=True)
class Work:
    """What waits to be derived.

    Attributes
    ----------
    intervals
        ``waiting_intervals``: the derived intervals that wait.
    symbol_count
        Of how many symbols these are.
    has_long_backlog
        Whether some have more to derive than a month.
    """

    intervals: TemporaryTable
    symbol_count: int
    has_long_backlog: bool


def find_work(transaction: Transaction, clock: datetime) -> Work | None:
    """Find what waits; None where it takes no more than a glance to see that nothing does.

    Parameters
    ----------
    clock
        Buckets that end no later than it are closed, whatever bars have come.
    """
    at_most = transaction.one("derive.may_wait", {"clock": clock})
    if not at_most.invalidation_count and not at_most.closed_count:
        return None
    intervals = waiting_intervals(transaction, clock if at_most.closed_count else None)
    found = transaction.one("derive.count_waiting", waiting_intervals=intervals)
    return Work(intervals, found.symbol_count, found.has_long_backlog)


def waiting_intervals(transaction: Transaction, clock: datetime | None) -> TemporaryTable:
    """The derived intervals that wait; without a clock only those whose base changed below what is derived."""
    if clock is None:
        return transaction.make("derive.waiting_intervals", pending=Sql(""))
    return transaction.make("derive.waiting_intervals", {"clock": clock}, pending=sql("derive.pending"))


def first_symbols(transaction: Transaction, work: Work, *, symbol_count: int, bar_count: int) -> TemporaryTable:
    """Make the ``scope_symbols`` one transaction works on: the first so many of those that wait.

    Parameters
    ----------
    bar_count
        How many base bars they are to hold at most, with a long backlog; one symbol may hold more.
    """
    bounds = {"symbol_count": symbol_count}
    if not work.has_long_backlog:
        return transaction.make("derive.first_symbols", bounds, waiting_intervals=work.intervals)
    bounds["bar_count"] = bar_count
    return transaction.make("derive.first_symbols_of_backlog", bounds, waiting_intervals=work.intervals)
