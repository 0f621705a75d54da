"""Continuous futures as they are asked for: by their names, now or as they were known."""

from __future__ import annotations

from collections.abc import Sequence

from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import UnknownSymbolError
from barhouse.store.hints import did_you_mean


def known(transaction: Transaction) -> set[str]:
    """The names of all continuous futures."""
    return {row.symbol for row in transaction.run("futures.futures_of", {"symbols": None})}


def refuse_unknown(transaction: Transaction, symbols: Sequence[str] | None) -> None:
    """Refuse names that are no continuous futures.

    Raises
    ------
    UnknownSymbolError
        Naming one.
    """
    there = known(transaction) if symbols else set()
    for name in symbols or ():
        if name not in there:
            raise UnknownSymbolError(
                f"there is no continuous future {name}{did_you_mean(name, there)}; there are "
                f"{', '.join(sorted(there)) or 'none'}"
            )
