"""Bars for a chart: of the finest interval that the chart has room for, so that little travels however long it is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from barhouse.store.errors import UnknownSymbolError
from barhouse.store.records import bars as store_bars
from barhouse.store.records import session_days
from barhouse.store.records.session_days import Bounds

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.database.transaction import Transaction


def chart(
    transaction: Transaction,
    symbol: str,
    interval: str | None,
    bounds: Bounds,
    as_of: datetime | None,
    points: int,
    columns: list[str] | None = None,
) -> pa.Table:
    """The bars of a range with ``time`` before their columns, oldest first.

    ``time`` is where a chart puts the bar, in seconds since 1970: its start, and from ``1d`` on midnight of its
    session's date, which is the day that people call it by.

    Parameters
    ----------
    interval
        None for the finest interval that has at most ``points`` bars in the range, or the coarsest where none has so
        few.
    bounds
        As for ``SessionStore.bars``.
    as_of
        The bars that were known at that instant; None for those of now.
    columns
        Those to have after ``time``; None for all.
    """
    chosen = interval or finest(transaction, symbol, bounds, points)
    in_sessions = chosen.endswith(("d", "w", "mo"))
    needed = None if columns is None else [*columns, "session_date" if in_sessions else "bar_start"]
    asked = store_bars.Question([symbol], chosen, bounds, None, needed and list(dict.fromkeys(needed)))
    found = store_bars.bars(transaction, asked) if as_of is None else store_bars.bars_as_of(transaction, asked, as_of)
    timed = _with_time(found, in_sessions=in_sessions)
    return timed if columns is None else timed.select(["time", *columns])


def finest(transaction: Transaction, symbol: str, bounds: Bounds, points: int) -> str:
    """The finest interval of a symbol of which a range has at most so many bars; otherwise its coarsest.

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
    return next((name for name in names if counts.get(name, 0) <= points), names[-1])


def _with_time(table: pa.Table, *, in_sessions: bool) -> pa.Table:
    import pyarrow as pa

    given = table["session_date" if in_sessions else "bar_start"]
    seconds = given.cast(pa.timestamp("s"), safe=False) if in_sessions else given.cast(pa.timestamp("us"))
    time = seconds.cast(pa.int64()) if in_sessions else pa.compute.divide(seconds.cast(pa.int64()), 1_000_000)
    return table.add_column(0, "time", time)
