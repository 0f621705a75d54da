"""Bars for a chart: of the finest interval that the chart has room for, so that little travels however long it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from barhouse.store.errors import UnknownSymbolError
from barhouse.store.records import bars as store_bars
from barhouse.store.records import session_days
from barhouse.store.records.session_days import Bounds

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.database.transaction import Transaction
    from barhouse.store.records.bars import Question


def chart(transaction: Transaction, asked: Question, as_of: datetime | None, points: int) -> pa.Table:
    """The bars of a range with ``time`` before their columns, oldest first.

    ``time`` is where a chart puts the bar, in seconds since 1970: its start, and from ``1d`` on midnight of its
    session's date, which is the day that people call it by.

    Parameters
    ----------
    asked
        Of one symbol. Without an interval it is the finest that has at most ``points`` bars in the range, filled ones
        among them, or the coarsest where none has so few. The columns are those to have after ``time``.
    as_of
        The bars that were known at that instant; None for those of now.
    """
    (symbol,) = asked.symbols
    if asked.interval:
        return _drawn(transaction, asked, as_of)
    names = intervals_with_room(transaction, symbol, asked.bounds, points)
    for name in names:
        found = _drawn(transaction, replace(asked, interval=name), as_of)
        if asked.fill is None or found.num_rows <= points:
            break
    return found


def _drawn(transaction: Transaction, asked: Question, as_of: datetime | None) -> pa.Table:
    in_sessions = asked.interval.endswith(("d", "w", "mo"))
    needed = None if asked.columns is None else [*asked.columns, "session_date" if in_sessions else "bar_start"]
    whole = replace(asked, columns=needed and list(dict.fromkeys(needed)))
    found = store_bars.bars(transaction, whole) if as_of is None else store_bars.bars_as_of(transaction, whole, as_of)
    timed = _with_time(found, in_sessions=in_sessions)
    return timed if asked.columns is None else timed.select(["time", *asked.columns])


def intervals_with_room(transaction: Transaction, symbol: str, bounds: Bounds, points: int) -> list[str]:
    """The intervals of a symbol of which a range has at most so many bars, finest first, or its coarsest.

    Raises
    ------
    UnknownSymbolError
        When it has none.
    """
    rows = transaction.run("records.intervals_of", {"symbols": [symbol]})
    if not rows:
        raise UnknownSymbolError(f"symbol {symbol!r} is not registered")
    start, end = session_days.ranges(transaction, [rows[0].calendar], *bounds)[rows[0].calendar]
    counts = {
        row.interval: row.bar_count
        for row in transaction.run("serving.bar_counts", {"symbol": symbol, "start": start, "end": end})
    }
    names = [str(row.interval) for row in rows]  # the base, which is the finest, first
    return [name for name in names if counts.get(name, 0) <= points] or names[-1:]


def _with_time(table: pa.Table, *, in_sessions: bool) -> pa.Table:
    import pyarrow as pa

    given = table["session_date" if in_sessions else "bar_start"]
    seconds = given.cast(pa.timestamp("s"), safe=False) if in_sessions else given.cast(pa.timestamp("us"))
    time = seconds.cast(pa.int64()) if in_sessions else pa.compute.divide(seconds.cast(pa.int64()), 1_000_000)
    return table.add_column(0, "time", time)
