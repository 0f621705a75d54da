"""A small load: rows beyond everything that is stored are written, with all that must be true with them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barhouse.coordinator.fast import switch
from barhouse.coordinator.fast.accounts import account, add_bars, add_batch
from barhouse.coordinator.fast.arrays import NONE, begins, date_of, moment_of
from barhouse.coordinator.fast.growth import Bars, Moves, growth_of, parts_of
from barhouse.coordinator.fast.mirror import Mirror, mirror_of
from barhouse.coordinator.fast.new_bars import NewBars, judge, may_be_judged
from barhouse.store.database.transaction import Transaction
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport


def load(
    transaction: Transaction, table: pa.Table, symbol: str | None, interval: Interval, name: str, *, spaced: bool
) -> LoadReport | None:
    """Load rows in our own columns, if all of them are bars that are new; None, and nothing is written, otherwise.

    Parameters
    ----------
    symbol
        Whose they are; None: their column says.
    name
        What reports call where they come from.
    spaced
        Whether the steps between their stamps must say how long they are.
    """
    if not switch.is_open() or not may_be_judged(table, names_symbols=symbol is None):
        return None
    mirror = mirror_of(transaction)
    if mirror.has_offers or not len(mirror.bases):
        return None
    spelled = None if symbol is None else transaction.spelling.symbol(symbol)
    rows = judge(mirror, table, spelled, interval, transaction.now, spaced=spaced)
    if rows is None:
        return None
    moves = _moves(mirror, rows)
    parts = parts_of(mirror, moves)
    if parts is None:
        return None
    is_complete = (rows.base_count == 1) & (rows.expected_count == 1)
    bars = Bars(rows.at, rows.start, is_complete)
    growth = growth_of(mirror, parts, bars)
    with transaction.memory.following():
        add_bars(transaction, mirror, rows, mirror.newest_batch + 1)
        account(transaction, mirror, moves, bars, growth)
        batch_id = add_batch(transaction, mirror, "load", name, len(rows.at))
    return _report(mirror, rows, moves, interval, name, batch_id)


def _moves(mirror: Mirror, rows: NewBars) -> Moves:
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


def _report(mirror: Mirror, rows: NewBars, moves: Moves, interval: Interval, name: str, batch_id: int) -> LoadReport:
    within = rows.date[rows.date != NONE]
    symbols = mirror.symbols.take(pa.array(np.searchsorted(mirror.bases, moves.at)))
    count = len(rows.at)
    return LoadReport(
        batch_id=batch_id,
        source=name,
        symbols=tuple(symbols.take(pc.sort_indices(symbols)).to_pylist()),
        interval=str(interval),
        rows=count,
        inserted=count,
        revised=0,
        unchanged=0,
        rejected=0,
        outside=count - len(within),
        deleted=0,
        first_session=date_of(int(within.min())) if len(within) else None,
        last_session=date_of(int(within.max())) if len(within) else None,
        first_bar=moment_of(int(rows.start.min())),
        last_bar_end=moment_of(int(rows.end.max())),
    )
