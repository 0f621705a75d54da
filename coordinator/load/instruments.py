"""Rows of several instruments under one symbol: which column tells them apart is said, or they are refused.

A file of futures has a row for each contract and minute. Taken for one symbol, the last contract of each minute would
win.
"""

from __future__ import annotations

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
