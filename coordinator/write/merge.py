"""Writing bars so that nothing is lost: new ones are added, changed ones keep their old values as revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from barhouse.coordinator.write import bar_totals
from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction
from barhouse.store.records.declared_columns import declared_columns
from barhouse.store.sql import Sql, sql

#: What is written anew: a stretch of time of an interval, a session, a stretch of time in one, or a bar.
Within = Literal["range", "session", "range_of_session", "bar"]


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The stretch of time that is written to: ``[first_start, last_end)``."""

    first_start: datetime
    last_end: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """How many bars a merge wrote, and which.

    Attributes
    ----------
    recounted
        Whether any of them counts another way than before.
    bars
        The ``bar_changes`` themselves; None where bars were only added.
    """

    inserted: int = 0
    revised: int = 0
    deleted: int = 0
    recounted: bool = False
    bars: TemporaryTable | None = None

    @property
    def count(self) -> int:
        """How many bars it wrote."""
        return self.inserted + self.revised + self.deleted

    @property
    def recounted_bars(self) -> Sql:
        """Those that count another way than before."""
        return sql("empty.sessions") if self.bars is None else sql("write.recounted_bars", bar_changes=self.bars)


def append(transaction: Transaction, new_bars: Relation, batch_id: int, *, valued: bool = True) -> int:
    """Add bars none of which can be stored yet; returns how many they are.

    Parameters
    ----------
    valued
        Whether any may have a value in a declared column.
    """
    count = transaction.write("write.append", {"batch_id": batch_id}, new_bars=new_bars)
    if count and valued and declared_columns(transaction):
        transaction.write("write.append_values", {"batch_id": batch_id}, new_bars=new_bars)
    return count


def stored_by_key(transaction: Transaction, overlapping_intervals: Relation) -> Sql:
    """The bars of some intervals between ``first_start`` and ``last_end``, with the values of declared columns."""
    return sql("write.stored_by_key", overlapping_intervals=overlapping_intervals, **values_beside(transaction))


def values_beside(transaction: Transaction) -> dict[str, Sql]:
    """How a statement has the values of bars ``b`` beside them: what to join, and what they are then."""
    declared = declared_columns(transaction)
    if not declared:
        return {"declared": declared.nothing, "beside": Sql("")}
    return {"declared": sql("write.stored_values"), "beside": sql("write.values_beside")}


def merge(
    transaction: Transaction,
    new_bars: Relation,
    time_range: TimeRange,
    batch_id: int,
    *,
    overlapping_intervals: Relation,
) -> Changes:
    """Write the new bars where they differ from those that are stored; what else is stored stays.

    Parameters
    ----------
    new_bars
        With the columns of a bar, but for its batch.
    time_range
        Where bars may be stored that new ones are to be compared with.
    overlapping_intervals
        The intervals (interval_id) of which such may be.
    """
    stored_bars = stored_by_key(transaction, overlapping_intervals)
    bounds = {"first_start": time_range.first_start, "last_end": time_range.last_end}
    bars = transaction.make(
        "write.bar_changes",
        bounds,
        new_bars=new_bars,
        stored_bars=stored_bars,
        joined=Sql("LEFT"),
        except_rejected=Sql(""),
    )
    return _write_changes(transaction, bars, batch_id)


def replace(
    transaction: Transaction,
    new_bars: Relation,
    time_range: TimeRange,
    batch_id: int,
    *,
    ranges: Relation,
    within: Within = "range",
    except_rejected: Sql | None = None,
) -> Changes:
    """Write the new bars in place of those stored in some ranges, where they differ; what else is there is deleted.

    Parameters
    ----------
    time_range
        Where all of the ranges lie.
    ranges
        What is written anew: (interval_id, from_, to_), (interval_id, session_date), all of these, or (interval_id,
        bar_start), as ``within`` says; all new bars lie there.
    except_rejected
        A further condition that stored bars ``b`` meet which are deleted, beginning with AND.
    """
    stored_bars = sql(
        "write.stored_in_ranges",
        replaced_ranges=ranges,
        within=sql(f"write.within_{within}"),
        **values_beside(transaction),
    )
    bounds = {"first_start": time_range.first_start, "last_end": time_range.last_end}
    bars = transaction.make(
        "write.bar_changes",
        bounds,
        new_bars=new_bars,
        stored_bars=stored_bars,
        joined=Sql("FULL"),
        except_rejected=except_rejected or Sql(""),
    )
    return _write_changes(transaction, bars, batch_id)


def _write_changes(transaction: Transaction, bars: TemporaryTable, batch_id: int) -> Changes:
    found = transaction.one("write.count_changes", bar_changes=bars)
    changes = Changes(found.inserted, found.revised, found.deleted, found.recounted, bars)
    if changes.count:
        written = {"batch_id": batch_id, "first_id": found.first_id, "last_id": found.last_id}
        if changes.revised or changes.deleted:
            transaction.write("write.keep_old_values", written, bar_changes=bars)
        transaction.write("write.apply_changes", written, bar_changes=bars)
        if declared_columns(transaction):
            transaction.write("write.apply_values", {"batch_id": batch_id}, bar_changes=bars)
        if changes.inserted or changes.deleted:
            bar_totals.change(transaction, bars, deleted=changes.deleted > 0)
    return changes


def invalidate(transaction: Transaction, changed_bars: Relation, batch_id: int) -> None:
    """Take down where bars changed below what is derived already: there bars are to be derived again."""
    transaction.write("write.invalidate", {"batch_id": batch_id}, changed_bars=changed_bars)
