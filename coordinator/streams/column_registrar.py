"""Declaring what columns bars have beyond the usual ones, and dropping them, each in one transaction."""

from __future__ import annotations

from collections.abc import Mapping

from barhouse.coordinator.streams import column_declaration
from barhouse.store.model.inputs import Names, as_columns, optional
from barhouse.store.model.reports import ColumnDropReport
from barhouse.store.records.declared_columns import Aggregate, as_declared
from barhouse.store.session_store import SessionStore


class ColumnRegistrar:
    """Declares columns of bars."""

    _store: SessionStore

    def declare_columns(self, columns: Mapping[str, Aggregate], symbols: Names | None = None) -> list[str]:
        """Declare columns that bars have beyond the usual ones, each with how derived bars are put together by it.

        Loads take them from columns of their names, or from those that ``columns`` of a load says. Bars that are there
        have no value in them until they are loaded again. What is declared already stays as it is.

        Parameters
        ----------
        columns
            Names, each with ``sum``, ``mean``, ``min``, ``max``, ``first`` or ``last``.
        symbols
            Whose bars have them; None: those of all symbols, also of symbols to come.

        Returns
        -------
        list
            The names of those that were not declared so before.

        Raises
        ------
        InputError
            For a name that is none or is taken, another aggregate, and a name that is declared with another one.
        UnknownSymbolError
            For a symbol that is not registered.
        """
        wanted = as_declared(columns, "columns")
        names = optional(lambda given, _: self._store.spelling.symbols(given), symbols, "symbols")
        with self._store.transaction() as transaction:
            return column_declaration.declare(transaction, wanted, names)

    def drop_columns(self, columns: Names) -> ColumnDropReport:
        """Drop declared columns, with all of their values: of bars, and of their revisions. This cannot be undone.

        Raises
        ------
        InputError
            For a name that is not declared.
        """
        wanted = as_columns(columns, "columns")
        with self._store.transaction() as transaction:
            return column_declaration.drop(transaction, wanted)
