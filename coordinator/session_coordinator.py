"""SessionCoordinator: determines streams, writes registrations, loads and removes, one transaction per call.

It holds no copy of anything: what is loaded, streamed and generated is asked of the store.
"""

from __future__ import annotations

import logging
from typing import Unpack

from barhouse.coordinator.edit.editor import StoreEditor
from barhouse.coordinator.load.door import load_source
from barhouse.coordinator.load.trades import load_trades
from barhouse.coordinator.sources.opening import open_source
from barhouse.coordinator.sources.options import (
    LoadKeywords,
    LoadOptions,
    TradeKeywords,
    trade_options,
    with_load_options,
    with_trade_options,
)
from barhouse.coordinator.streams.registrar import StreamRegistrar
from barhouse.store.errors import IntervalError
from barhouse.store.hints import Option
from barhouse.store.model.former_calls import interval_came_first
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import LoadReport
from barhouse.store.model.words import counted
from barhouse.store.records import run
from barhouse.store.records.run import Run

log = logging.getLogger("barhouse.coordinator")


class SessionCoordinator(StreamRegistrar, StoreEditor):
    """The door to change a store through: one method, one intent, one transaction."""

    @interval_came_first("interval", "symbol", said="load takes the data, the symbol, the interval")
    @with_load_options
    def load(
        self,
        data: object,
        symbol: str | None = None,
        interval: str | None = None,
        **options: Unpack[LoadKeywords],
    ) -> LoadReport:
        """Load base bars: new ones are added, changed ones replace the old (kept as revisions), equal ones stay.

        Parameters
        ----------
        data
            A path to text, Parquet, Arrow or JSON (plain, packed, or in an archive), several paths or a pattern, where
            ``{symbol}`` may say whose the bars are; or an Arrow table or reader, a pandas or polars frame.
        symbol
            Whose bars they are; without it a column must say (``symbol`` or ``ticker``, or named in ``columns``).
        interval
            The base interval the rows are bars of; must be said.
        {options}

        Raises
        ------
        SourceError
            When it cannot be read as bars at all.
        RejectedBarsError
            When no row can be taken, or with ``strict`` any cannot.
        UnknownSymbolError
            When ``symbol`` is not registered.
        """
        how = LoadOptions(**options)
        if interval is None:
            raise self._without_interval(symbol)
        length = Interval.parse(interval)
        source = open_source(data, how)
        with self._store.transaction() as transaction:
            report = load_source(transaction, source, symbol, length, how).report
        log.info(
            "loaded %s: %s, %s new, %s revised, %s rejected",
            source.name,
            counted(report.rows, "row"),
            f"{report.inserted:,}",
            f"{report.revised:,}",
            f"{report.rejected:,}",
        )
        return report

    @with_trade_options
    def load_trades(
        self,
        data: object,
        symbol: str | None = None,
        interval: str | None = None,
        *,
        whole: bool = False,
        **options: Unpack[TradeKeywords],
    ) -> LoadReport:
        """Build base bars from trades, and load them: the trades are not kept.

        A bar that is not known to have all of its trades is loaded as one that lacks some: it is incomplete, a gap, and
        takes the place of no bar that is whole. It has them all when a file has trades from before its start to after
        its end, and no row was left out that may belong to it. The parts of a trade, for ``columns``, are traded_at,
        price, size, trade_id and symbol.

        Parameters
        ----------
        data
            As in ``load``, with trades for rows.
        symbol
            Whose trades they are; without it a column must say (``symbol`` or ``ticker``, or named in ``columns``).
        interval
            The base interval that bars are built of, less than a day; must be said.
        whole
            That the data have all trades of each bar they have any of, at their first and last bar too.
        {options}

        Returns
        -------
        LoadReport
            Of the bars that were built; ``rejected`` and ``rejects`` are of trades, too.

        Raises
        ------
        SourceError
            When it cannot be read as trades at all.
        RejectedBarsError
            When no row can be taken, or with ``strict`` any cannot.
        UnknownSymbolError
            When ``symbol`` is not registered.
        """
        how = trade_options(options)
        if interval is None:
            raise self._without_interval(symbol)
        length = Interval.parse(interval)
        source = open_source(data, how)
        with self._store.transaction() as transaction:
            report = load_trades(transaction, source, symbol, length, how, whole=whole)
        log.info("loaded %s of %s", counted(report.trades, "trade"), source.name)
        return report

    def close_run(self, run_id: int) -> Run:
        """Close a run that ended early, so that nobody goes on with it.

        Raises
        ------
        InputError
            When there is no such run, or it is done.
        RunActiveError
            When it is going on.
        """
        with self._store.transaction() as transaction:
            return run.close(transaction, run_id)

    def get_loaded_symbols(self) -> set[str]:
        """The symbols registered now."""
        return self._store.get_active_symbols()

    def get_streamed_data(self) -> dict[str, list[str]]:
        """Each symbol with the interval that is loaded or streamed for it."""
        return self._intervals(derived=False)

    def get_generated_data(self) -> dict[str, list[str]]:
        """Each symbol that has derived intervals, with them, finest first."""
        return self._intervals(derived=True)

    def _without_interval(self, symbol: str | None) -> IntervalError:
        """The error for a load that does not say its interval, with the one that was registered.

        It is not taken: bars of another length would be loaded as what they are not.
        """
        bases = {row["symbol"]: row["interval"] for row in self._store.interval_rows() if not row["derived"]}
        base = bases.get(self._store.spelling.symbol(symbol)) if symbol is not None else None
        if symbol is None and len(set(bases.values())) == 1:
            (base,) = set(bases.values())
        if base is None:
            return IntervalError(
                f"{Option('interval')} is missing; say how long the bars are, {Option('interval', '1m')}"
            )
        whose = "every symbol" if symbol is None else self._store.spelling.symbol(symbol)
        return IntervalError(
            f"{Option('interval')} is missing; {whose} is loaded with {base} bars: if these are such, say "
            f"{Option('interval', base)}"
        )

    def _intervals(self, *, derived: bool) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for row in self._store.interval_rows():
            if row["derived"] is derived:
                found.setdefault(row["symbol"], []).append(row["interval"])
        return found
