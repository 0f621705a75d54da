"""Changes to what symbols are called, each one transaction: names from a session on, and aliases that sources use."""

from __future__ import annotations

from datetime import date

from barhouse.coordinator.edit import symbol_names
from barhouse.store.model.inputs import Moment, as_name, as_session_date, as_session_range, optional
from barhouse.store.model.reports import NameReport
from barhouse.store.session_store import SessionStore


class NameEditor:
    """Changes names; bars stay as they are."""

    _store: SessionStore

    def rename(self, old: str, new: str, *, effective: Moment) -> NameReport:
        """Give a symbol another name: it is the same instrument, with all of its bars, under the new name.

        Rows of the old name are taken for it as long as their session lies before the date, and refused from then on
        unless another symbol is registered by that name. Rows of the new name are taken for it whenever they are of.
        Views show the new name, ``bars_as_of`` that of then; the view ``symbols`` has all names.

        Parameters
        ----------
        old
            Its name of today.
        new
            A name that no other symbol has from that date on.
        effective
            A date: the first session with the new name.

        Returns
        -------
        NameReport
            Of the name that it had; ``revert`` with its ``batch_id`` takes the renaming back.

        Raises
        ------
        UnknownSymbolError
            When ``old`` is not registered.
        InputError
            When another symbol has the new name from that date on, when the symbol got the name it has no earlier, and
            for a date ahead of the store's clock.
        """
        before, after = self._store.spelling.symbol(old), self._store.spelling.symbol(new)
        day = as_session_date(effective, "effective")
        with self._store.transaction() as transaction:
            return symbol_names.rename(transaction, before, after, day)

    def alias(
        self,
        symbol: str,
        name: str,
        *,
        vendor: str | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> NameReport:
        """Let sources call a symbol by another name as well: rows of that name are taken for it.

        An alias of a vendor goes before one of everybody, and that before the names of symbols.

        Parameters
        ----------
        symbol
            By its name of today.
        name
            Another name, such as how a vendor spells it.
        vendor
            Only in loads that name this vendor; None: in all.
        start, end
            Dates: only for sessions with ``start <= session_date < end``. Said again, other ones take their place.

        Raises
        ------
        UnknownSymbolError
            When ``symbol`` is not registered.
        InputError
            When the name means another symbol for sessions of that time.
        """
        first, last = as_session_range(start, end)
        alias = self._alias(symbol, name, vendor, first, last)
        with self._store.transaction() as transaction:
            return symbol_names.add_alias(transaction, alias)

    def remove_alias(self, symbol: str, name: str, *, vendor: str | None = None) -> NameReport:
        """Take an alias away; bars that came by it stay.

        Parameters
        ----------
        vendor
            Whose alias it is; None: everybody's.

        Raises
        ------
        UnknownSymbolError
            When ``symbol`` is not registered.
        """
        alias = self._alias(symbol, name, vendor)
        with self._store.transaction() as transaction:
            return symbol_names.remove_alias(transaction, alias)

    def _alias(
        self, symbol: str, name: str, vendor: str | None, start: date | None = None, end: date | None = None
    ) -> symbol_names.Alias:
        whose = optional(as_name, vendor, "vendor")
        called = self._store.spelling.symbol(symbol), self._store.spelling.symbol(name)
        return symbol_names.Alias(*called, whose.strip() if whose is not None else None, start, end)
