"""ActionStore: an open store as it is asked for corporate actions, and what they do to prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.store.model.inputs import Moment, Names, as_instant, optional
from barhouse.store.store_file import StoreFile

if TYPE_CHECKING:
    import pyarrow as pa


class ActionStore(StoreFile):
    """An open store with what is known of splits and dividends."""

    def actions(self, symbols: Names | None = None) -> pa.Table:
        """The view ``actions``, of all symbols or of some, by symbol and ex-date.

        Raises
        ------
        UnknownSymbolError
            For a symbol that is not registered.
        """
        from barhouse.store.records import registry

        names = optional(self.spelling.symbols, symbols, "symbols")
        with self.reading() as transaction:
            registry.refuse_unknown(transaction, names)
            return transaction.table("records.actions_in_order", {"symbols": names})

    def adjustments(self, symbol: str, *, as_of: Moment | None = None) -> pa.Table:
        """By which factors prices of a symbol are adjusted: a row for each stretch of sessions with one set of them.

        ``session_date`` is where the stretch begins, an ex-date that bars have reached; it is null in the first row,
        for whatever came before. Prices of the stretch are divided by ``split_factor`` and multiplied by
        ``dividend_factor``, volumes multiplied by ``split_factor``. ``total_return_factor`` is what one share of the
        first stretch has become, in shares, with dividends put into more of them: raw close x
        ``total_return_factor`` is an index of total return. Factors that cannot be told, for want of a close before a
        dividend, are null.

        Parameters
        ----------
        as_of
            By the actions, bars and calendar that were known at that instant; the symbol by its name of then, or of
            today.

        Raises
        ------
        InputError
            When history of that instant was purged.
        UnknownSymbolError
            For a symbol that is not registered (unless ``as_of`` is given: it may have been).
        """
        from barhouse.store.records import adjustment, names, registry

        name, then = self.spelling.symbol(symbol), optional(as_instant, as_of, "as_of")
        with self.reading() as transaction:
            if then is None:
                registry.refuse_unknown(transaction, [name])
                return adjustment.series(transaction, name, adjustment.Knowledge())
            called = names.then(transaction, [name], then)[name]
            return adjustment.series(transaction, called, adjustment.known_at(transaction, then))
