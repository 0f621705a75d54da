"""Bars that are stored already and come with other values: compared, and replaced where they differ.

Only where nothing that counts is another: then coverage stays as it is, and so does how many bars there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from barhouse.coordinator.fast.accounts import columns_of
from barhouse.coordinator.fast.arrays import Array, begins, dates, instants, moment_of
from barhouse.coordinator.fast.judgement import JudgedBars
from barhouse.coordinator.fast.mirror import Mirror, WaitingRanges
from barhouse.store.database.transaction import Transaction

_VALUES = ("open", "high", "low", "close", "volume", "trade_count", "vwap")
_KINDS = {name: pa.int64() if name == "trade_count" else pa.float64() for name in _VALUES}


@dataclass(frozen=True, slots=True)
class Corrections:
    """Bars to be replaced, and how many others were found as they are.

    Attributes
    ----------
    at
        The positions of their intervals.
    rows
        Where they are stored (interval_id, row_id), and their new values.
    unchanged
        How many there are besides.
    """

    at: Array
    rows: pa.Table
    unchanged: int


def of_rows(transaction: Transaction, mirror: Mirror, rows: JudgedBars) -> tuple[Corrections, JudgedBars] | None:
    """Compare rows with the bars that are stored where they lie; None unless there is one for each, counted alike.

    Returns
    -------
    tuple
        What differs, and those of the rows that do.
    """
    columns = columns_of(mirror, rows)
    table = pa.table({"number": pa.array(np.arange(len(rows.at))), **columns})
    found = transaction.arrays(
        "fast.compare_bars",
        {"first_start": moment_of(int(rows.start.min())), "last_end": moment_of(int(rows.start.max()) + 1)},
        compared_bars=transaction.place("compared_bars", table),
    )
    number = np.asarray(found["number"])
    if len(number) != len(rows.at) or np.asarray(found["recounted"]).any():
        return None
    order = np.argsort(number)
    differs, row_id = np.asarray(found["differs"])[order], np.asarray(found["row_id"])[order]
    mask = pa.array(differs)
    values = {name: columns[name].filter(mask) for name in ("interval_id", *_VALUES)}
    replaced = _revisions({"row_id": pa.array(row_id[differs], pa.int64()), **values})
    return Corrections(rows.at[differs], replaced, int((~differs).sum())), rows.where(differs)


def of_buckets(mirror: Mirror, found: Mapping[str, Array]) -> Corrections | None:
    """What ``fast.derive_again`` gave; None where anything that counts is another."""
    if np.asarray(found["recounted"]).any():
        return None
    differs = np.asarray(found["differs"], bool)
    interval_id = np.asarray(found["interval_id"])[differs]
    values = {name: _column(found[name][differs], kind) for name, kind in _KINDS.items()}
    replaced = _revisions(
        {
            "row_id": pa.array(np.asarray(found["row_id"])[differs], pa.int64()),
            "interval_id": pa.array(interval_id, pa.int32()),
            **values,
        }
    )
    return Corrections(np.searchsorted(mirror.interval_id, interval_id), replaced, int((~differs).sum()))


def _revisions(columns: dict[str, pa.Array]) -> pa.Table:
    """Columns as ``bar_changes``, all of them revisions."""
    return pa.table({"action": pa.repeat("revise", len(columns["row_id"])), **columns})


def _column(values: Array, kind: pa.DataType) -> pa.Array:
    """A column of values, some of which may be masked."""
    mask = np.ma.getmaskarray(values)
    return pa.array(np.ma.getdata(values), mask=mask if mask.any() else None, from_pandas=False).cast(kind)


def replace(transaction: Transaction, corrections: Corrections, batch_id: int) -> None:
    """Write the new values; the old ones are kept as revisions."""
    rows = transaction.place("revised_bars", corrections.rows)
    ids = corrections.rows["interval_id"].to_numpy()
    written = {"batch_id": batch_id, "first_id": int(ids.min()), "last_id": int(ids.max())}
    transaction.write("write.keep_old_values", written, bar_changes=rows)
    transaction.write("fast.revise", written, revised_bars=rows)


def invalidate(transaction: Transaction, mirror: Mirror, rows: JudgedBars, batch_id: int) -> None:
    """Take down where replaced base bars lie below what is derived: there bars are to be derived again."""
    is_derived = rows.start < mirror.settled_through[rows.at]
    at, start, end, date = (column[is_derived] for column in (rows.at, rows.start, rows.end, rows.date))
    if mirror.waiting is None or not len(at):
        return
    first = begins(at, date)
    at, date = at[first], date[first]
    start, end = np.minimum.reduceat(start, first), np.maximum.reduceat(end, first)
    table = pa.table(
        {
            "interval_id": pa.array(mirror.interval_id[at], pa.int32()),
            "session_date": dates(date),
            "range_start": instants(start),
            "range_end": instants(end),
        }
    )
    ranges = transaction.place("changed_ranges", table)
    transaction.write("fast.invalidate", {"batch_id": batch_id}, changed_ranges=ranges)
    mirror.waiting = mirror.waiting.and_(WaitingRanges(at, start, end))


def settle(transaction: Transaction, mirror: Mirror, bases: Array) -> None:
    """Drop what waited to be derived again of some base intervals."""
    if mirror.waiting is None or not np.isin(mirror.waiting.at, bases).any():
        return
    table = pa.table({"interval_id": pa.array(mirror.interval_id[bases], pa.int32())})
    transaction.write("fast.drop_invalidations", settled_bases=transaction.place("settled_bases", table))
    mirror.waiting = mirror.waiting.except_of(bases)
