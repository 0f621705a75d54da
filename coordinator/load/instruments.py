"""Rows of several instruments under one symbol: which column tells them apart is said, or they are refused.

A file of futures has a row for each contract and minute. Taken for one symbol, the last contract of each minute would
win.

A contract may take the place of another, though, in the history of one symbol: where no two have a bar of one stamp,
the report says so.
"""

from __future__ import annotations

from barhouse.coordinator.load import columns
from barhouse.coordinator.load.canonical_rows import CanonicalRows
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option


def check(transaction: Transaction, rows: CanonicalRows) -> None:
    """Refuse rows that contradict each other, where a column that nobody named tells those of one stamp apart.

    Raises
    ------
    OptionsError
        Naming the column.
    """
    for column in rows.instruments:
        found = transaction.one(
            "load.instruments_of_one_stamp", rows=rows.given, bar=rows.named_by, instrument=column.sql
        )
        if found.stamp_count:
            raise OptionsError(
                f"{rows.name} has rows of one stamp that differ in its column {column.name} ({', '.join(found.some)}), "
                f"{found.stamp_count} times; say that it names the symbol, with "
                f"{Option('columns', {'symbol': column.name})}, or load the rows of one of them alone"
            )


def several(transaction: Transaction, rows: CanonicalRows) -> tuple[str, ...]:
    """The columns of rows without a symbol that name several instruments, no two of them at one time."""
    asked = [] if rows.named is not None else rows.instruments
    symbol = columns.symbol(None)
    return tuple(
        column.name
        for column in asked
        if transaction.one("load.count_instruments", symbol=symbol, instrument=column.sql, rows=rows.given).symbol_count
    )
