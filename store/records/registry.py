"""What is registered: refusing symbols and intervals that are not."""

from __future__ import annotations

from collections.abc import Sequence

from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.model.interval import Interval
from barhouse.store.records import names


def refuse_unknown(
    transaction: Transaction, symbols: Sequence[str] | None, intervals: Sequence[str] | None = None
) -> None:
    """Refuse symbols that are not registered, and intervals that none of them, or none at all (None), has.

    Raises
    ------
    UnknownSymbolError
        For a symbol, with the names that come close.
    InputError
        For an interval, with those that there are.
    """
    if symbols is None and intervals is None:
        return
    rows = transaction.run("records.intervals_of", {"symbols": symbols})
    known = {row.symbol for row in rows}
    for name in symbols or ():
        if name not in known:
            raise names.unknown(transaction, name)
    there = {row.interval for row in rows}
    for text in intervals or ():
        if text not in there:
            listed = ", ".join(sorted(there, key=Interval.parse)) or "none"
            raise InputError(f"no symbol asked for has interval {text!r}; there are {listed}")
