"""Prices that count in small fractions of one are whole numbers: with a decimal point they mean themselves.

A vendor writes either; read in the scale of the other they are off by a factor of a thousand million.
"""

from __future__ import annotations

from barhouse.coordinator.load import source_rows
from barhouse.coordinator.load.numbers import Numbers
from barhouse.coordinator.load.parts import Parts
from barhouse.coordinator.load.source_rows import SourceRows
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.sql import Sql, joined, sql

#: Hundredths may have fractions: shares are quoted in pence, and in parts of one.
_WHOLE_BELOW = 1e-2
_PRICES = ("open", "high", "low", "close", "price")


def check(transaction: Transaction, rows: SourceRows, found: Parts, options: LoadOptions) -> None:
    """Refuse prices with a decimal point where they are said to count in thousandths or less.

    Raises
    ------
    OptionsError
        Naming the option.
    """
    scale = options.price_scale
    if scale is None or scale >= _WHOLE_BELOW:
        return
    numbers = Numbers.said_by(options)
    given = [numbers.fraction(column) for part in _PRICES if (column := found.get(part)) is not None]
    with source_rows.read_errors(rows.name):
        price = sql("load.first_of", values=joined(Sql(", "), given))
        seen = transaction.one("load.fractions", rows=rows.relation, price=price)
    if seen.price_count:
        raise OptionsError(
            f"{rows.name} has prices with a decimal point, such as {seen.first_price}, and "
            f"{Option('price_scale', scale)} is for whole numbers: say {Option('price_scale', 1.0)} where prices are "
            f"written as what they mean"
        )
