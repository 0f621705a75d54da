"""A small load: new rows are added and those that were corrected replaced, with all that must be true with them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barhouse.coordinator.fast import corrections, switch
from barhouse.coordinator.fast.accounts import BatchCounts, account, add_bars, add_batch
from barhouse.coordinator.fast.arrays import NONE, begins, date_of, moment_of
from barhouse.coordinator.fast.growth import Bars, Moves, growth_of, parts_of
from barhouse.coordinator.fast.judgement import JudgedBars, judge, may_be_judged
from barhouse.coordinator.fast.mirror import Mirror, mirror_of
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport


def load(
    transaction: Transaction,
    table: pa.Table,
    symbol: str | None,
    interval: Interval,
    name: str,
    *,
    spaced: bool,
    of_today: bool = False,
) -> LoadReport | None:
    """Load rows in our own columns, if all are bars that are new or stored already; None, and nothing is written, else.

    Parameters
    ----------
    symbol
        Whose they are; None: their column says.
    name
        What reports call where they come from.
    spaced
        Whether the steps between their stamps must say how long they are.
    of_today
        Whether symbols are named by their names of today alone.
    """
    if not switch.is_open() or not may_be_judged(table, names_symbols=symbol is None):
        return None
    mirror = mirror_of(transaction)
    if mirror.has_offers or not len(mirror.bases):
        return None
    spelled = None if symbol is None else transaction.spelling.symbol(symbol)
    if not of_today and mirror.is_dated(table["symbol"] if spelled is None else spelled):
        return None
    rows = judge(mirror, table, spelled, interval, transaction.now, spaced=spaced)
    if rows is None or mirror.has_columns[rows.at].any():
        return None
    corrected = None
    if rows.is_below.any():
        if mirror.has_ranks or mirror.waiting is None:
            return None
        corrected = corrections.of_rows(transaction, mirror, rows.where(rows.is_below))
        if corrected is None:
            return None
    new = rows.where(~rows.is_below) if corrected is not None else rows
    written = _add(transaction, mirror, new, corrected)
    if written is None:
        return None
    return _report(mirror, rows, interval, name, _end(transaction, mirror, name, written), written)


def _add(
    transaction: Transaction,
    mirror: Mirror,
    new: JudgedBars,
    corrected: tuple[corrections.Corrections, JudgedBars] | None,
) -> BatchCounts | None:
    """Write all of it but for the batch; None, and nothing is written, where ranges begin elsewhere than before."""
    batch_id = mirror.newest_batch + 1
    grown = None
    if len(new.at):
        moves = _moves(mirror, new)
        parts = parts_of(mirror, moves)
        if parts is None:
            return None
        bars = Bars(new.at, new.start, (new.base_count == 1) & (new.expected_count == 1))
        grown = moves, bars, growth_of(mirror, parts, bars)
    with transaction.memory.following():
        revised, unchanged = 0, 0
        if corrected is not None:
            found, replaced = corrected
            revised, unchanged = len(found.at), found.unchanged
            if revised:
                corrections.replace(transaction, found, batch_id)
                corrections.invalidate(transaction, mirror, replaced, batch_id)
        if grown is not None:
            add_bars(transaction, mirror, new, batch_id)
            account(transaction, mirror, *grown)
    return BatchCounts(len(new.at), revised, unchanged)


def _end(transaction: Transaction, mirror: Mirror, name: str, counts: BatchCounts) -> int:
    with transaction.memory.following():
        return add_batch(transaction, mirror, "load", name, counts)


def _moves(mirror: Mirror, rows: JudgedBars) -> Moves:
    first = begins(rows.at)
    at = rows.at[first]
    through = np.maximum(np.maximum.reduceat(rows.end, first), mirror.complete_through[at])
    within = np.where(rows.date == NONE, np.iinfo(np.int64).max, rows.date)
    earliest = np.minimum.reduceat(within, first)
    known = mirror.first_session[at]
    began = np.where(known == NONE, earliest, np.minimum(known, earliest))
    began = np.where(began == np.iinfo(np.int64).max, NONE, began)
    retained = mirror.account_from[at]
    return Moves(at, mirror.complete_through[at], through, known, np.where(retained == NONE, began, retained))


def _report(
    mirror: Mirror, rows: JudgedBars, interval: Interval, name: str, batch_id: int, counts: BatchCounts
) -> LoadReport:
    within = rows.date[rows.date != NONE]
    symbols = mirror.symbols.take(pa.array(np.searchsorted(mirror.bases, rows.at[begins(rows.at)])))
    count = len(rows.at)
    return LoadReport(
        batch_id=batch_id,
        source=name,
        symbols=tuple(symbols.take(pc.sort_indices(symbols)).to_pylist()),
        interval=str(interval),
        rows=count,
        inserted=counts.inserted,
        revised=counts.revised,
        unchanged=counts.unchanged,
        rejected=0,
        outside=count - len(within),
        deleted=0,
        first_session=date_of(int(within.min())) if len(within) else None,
        last_session=date_of(int(within.max())) if len(within) else None,
        first_bar=moment_of(int(rows.start.min())),
        last_bar_end=moment_of(int(rows.end.max())),
    )
