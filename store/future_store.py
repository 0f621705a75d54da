"""FutureStore: an open store as it is asked for continuous futures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.store.model.inputs import Names, optional
from barhouse.store.store_file import StoreFile

if TYPE_CHECKING:
    import pyarrow as pa


class FutureStore(StoreFile):
    """An open store with what is known of continuous futures. Their bars are asked for as those of symbols are."""

    def futures(self) -> pa.Table:
        """The continuous futures: symbol, roll_rule, sessions_before, adjustment, and their contracts in order."""
        with self.reading() as transaction:
            return transaction.table("futures.futures_in_order")

    def rolls(self, symbols: Names | None = None) -> pa.Table:
        """The view ``rolls``, of all continuous futures or of some, by symbol and session.

        Raises
        ------
        UnknownSymbolError
            For a symbol that is no continuous future.
        """
        from barhouse.store.records import continuous

        names = optional(self.spelling.symbols, symbols, "symbols")
        with self.reading() as transaction:
            continuous.refuse_unknown(transaction, names)
            return transaction.table("futures.rolls_in_order", {"symbols": names})
