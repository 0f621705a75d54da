"""The ranges of derived intervals to compute: what has closed since the last time, and what changed below."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from barhouse.store.database.transaction import TemporaryTable, Transaction


@dataclass(frozen=True, slots=True)
class DeriveRanges:
    """The ranges to derive.

    Attributes
    ----------
    table
        ``derive_ranges``, one for each interval, or ``rederive_ranges``, of which each is part of a session or one
        block of sessions.
    again
        Whether they are the latter.
    intervals, units
        ``scope_intervals`` and ``coverage_units``: the intervals' definitions and the sessions that these may lie in.
    count
        How many ranges there are.
    first_start, last_end
        The stretch of time all of them lie in; None without any.
    """

    table: TemporaryTable
    again: bool
    intervals: TemporaryTable
    units: TemporaryTable
    count: int
    first_start: datetime
    last_end: datetime

    @property
    def bounds(self) -> dict[str, datetime]:
        """The stretch of time, as parameters of a statement."""
        return {"first_start": self.first_start, "last_end": self.last_end}


def ranges_forward(
    transaction: Transaction, waiting: TemporaryTable, intervals: TemporaryTable, units: TemporaryTable
) -> DeriveRanges:
    """What has closed since the last time, of the intervals that wait."""
    table = transaction.make("derive.derive_ranges", waiting_intervals=waiting, scope_intervals=intervals)
    return _ranges(transaction, table, intervals, units, again=False)


def ranges_again(transaction: Transaction, intervals: TemporaryTable, units: TemporaryTable) -> DeriveRanges:
    """What invalidations touch below the instants the intervals are derived through."""
    table = transaction.make("derive.rederive_ranges", scope_intervals=intervals, coverage_units=units)
    return _ranges(transaction, table, intervals, units, again=True)


def _ranges(
    transaction: Transaction, table: TemporaryTable, intervals: TemporaryTable, units: TemporaryTable, *, again: bool
) -> DeriveRanges:
    found = transaction.one("derive.bounds_of_ranges", ranges=table)
    return DeriveRanges(table, again, intervals, units, found.range_count, found.first_start, found.last_end)


def derived_moves(transaction: Transaction, forward: DeriveRanges, again: DeriveRanges) -> TemporaryTable:
    """Make ``derived_moves``: how far the intervals of both passes were and are derived."""
    return transaction.make(
        "derive.derived_moves",
        derive_ranges=forward.table,
        rederive_ranges=again.table,
        scope_intervals=forward.intervals,
    )


def derived_bar_counts(transaction: Transaction, forward: DeriveRanges, batch_id: int) -> TemporaryTable:
    """Make ``derived_bar_counts``: how many bars the forward pass added to each session, and complete ones."""
    return transaction.make(
        "derive.derived_bar_counts", {"batch_id": batch_id, **forward.bounds}, derive_ranges=forward.table
    )
