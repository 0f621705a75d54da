"""SessionCoordinator: determines streams, writes registrations, loads and removes, one transaction per call.

It holds no copy of anything: what is loaded, streamed and generated is asked of the store.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Unpack

from barhouse.coordinator.actions.deletion import delete_actions
from barhouse.coordinator.actions.options import ActionKeywords, ActionOptions
from barhouse.coordinator.actions.source import load_actions
from barhouse.coordinator.edit.editor import StoreEditor
from barhouse.coordinator.futures.definition import define, remove
from barhouse.coordinator.load import known_files
from barhouse.coordinator.load.door import load_source, request_of
from barhouse.coordinator.load.scratch import scratch_of
from barhouse.coordinator.load.trades import load_trades
from barhouse.coordinator.sources.far_files import far_files
from barhouse.coordinator.sources.opening import open_source
from barhouse.coordinator.sources.options import (
    LoadKeywords,
    LoadOptions,
    TradeKeywords,
    trade_options,
    with_load_options,
    with_trade_options,
)
from barhouse.coordinator.sources.source import Source
from barhouse.coordinator.streams.registrar import StreamRegistrar
from barhouse.store.errors import IntervalError
from barhouse.store.hints import Option
from barhouse.store.model.action import ActionKind, as_kind
from barhouse.store.model.former_calls import interval_came_first
from barhouse.store.model.future import Contracts, FutureDefinition, PriceAdjustment, RollRule
from barhouse.store.model.inputs import Moment, as_session_date, optional
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import ActionDeleteReport, ActionReport, FutureReport, LoadReport
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
        with self._opened(data, how, symbol, length) as source, self._store.transaction() as transaction:
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
        with self._opened(data, how) as source, self._store.transaction() as transaction:
            report = load_trades(transaction, source, symbol, length, how, whole=whole)
        log.info("loaded %s of %s", counted(report.trades, "trade"), source.name)
        return report

    def load_actions(self, data: object, symbol: str | None = None, **options: Unpack[ActionKeywords]) -> ActionReport:
        """Load splits and dividends: new ones are added, changed ones replace the old (kept as revisions).

        An action is told by its symbol, its ex-date and its kind: ``split``, ``cash_dividend``, ``special_dividend`` or
        ``stock_dividend``. Bars stay as they are; ``SessionStore.bars`` adjusts them as it reads.

        Parameters
        ----------
        data
            As in ``load``, with actions for rows.
        symbol
            Whose actions they are; without it a column must say (``symbol`` or ``ticker``, or named in ``columns``).
        preset
            A vendor's layout: polygon_splits, polygon_dividends, yfinance, alpaca, nasdaq_dividends or nasdaq_splits.
        columns
            Which column is which part of an action, where its name does not say: symbol, ex_date, kind, ratio (or
            ratio_to and ratio_from), amount, currency, special. Without a name there is none.
        kind
            What all rows are, where no column says.
        currency
            Of the amounts, where no column says.
        date_format
            How ex-dates are written that are not ISO 8601, such as ``%m/%d/%Y``.
        divided_by_splits
            Whether amounts were divided by the splits that came after them, which are in the same source.
        unknown
            What becomes of rows of symbols that are not registered: ``reject`` or ``skip``.
        strict
            Load nothing when one row cannot be taken.

        Raises
        ------
        SourceError
            When it cannot be read as actions at all.
        RejectedBarsError
            When no row can be taken, or with ``strict`` any cannot.
        UnknownSymbolError
            When ``symbol`` is not registered.
        """
        how = ActionOptions.of(**options)
        with self._opened(data, LoadOptions()) as source, self._store.transaction() as transaction:
            report = load_actions(transaction, source, symbol, how)
        log.info(
            "loaded %s: %s, %s new, %s revised, %s rejected",
            source.name,
            counted(report.actions, "action"),
            f"{report.inserted:,}",
            f"{report.revised:,}",
            f"{report.rejected:,}",
        )
        return report

    def delete_actions(self, symbol: str, ex_date: Moment, *, kind: ActionKind | None = None) -> ActionDeleteReport:
        """Delete the corporate actions of a symbol on one ex-date, all of them or those of one kind.

        Their values stay in ``action_revisions``.

        Parameters
        ----------
        ex_date
            A date.
        kind
            ``split``, ``cash_dividend``, ``special_dividend`` or ``stock_dividend``; by default all that there are.
        """
        name, day = self._store.spelling.symbol(symbol), as_session_date(ex_date, "ex_date")
        which = optional(as_kind, kind, "kind")
        with self._store.transaction() as transaction:
            return delete_actions(transaction, name, day, which)

    def define_future(
        self,
        symbol: str,
        contracts: Contracts,
        *,
        roll: RollRule = "volume",
        sessions_before: int | None = None,
        adjustment: PriceAdjustment = "none",
    ) -> FutureReport:
        """Define a continuous future over contracts, or define it anew; its rolls are decided at once.

        It has the bars in sessions of the contract that counts at the time, under its own name: ``bars`` and the view
        ``bars_continuous`` have them. From then on processing decides rolls as sessions close, and again where bars of
        contracts are corrected: what moves is kept in ``roll_revisions``.

        Parameters
        ----------
        contracts
            The symbols in the order in which they count, each with a date: with ``roll="dates"`` the session from which
            on it counts, otherwise the last one that it can count in. Without dates a sequence of names will do.
        roll
            ``volume``: from the session on that follows the first one in which more was traded of the next contract,
            at last from the one that follows expiry. ``open_interest``: likewise by the declared column of that name,
            as the last bar of a session that has a value says it. ``expiry``: so many sessions before the last.
            ``dates``: as said.
        sessions_before
            With ``roll="expiry"``: how many sessions before its last a contract stops to count; with 0 it does not
            count in its last session either.
        adjustment
            What brings prices to those of the newest contract: ``ratio`` multiplies what came before a roll by the
            close of the new contract by that of the old one, in the last session until the decision that has both;
            ``difference`` adds the one less the other; ``none`` leaves them.

        Raises
        ------
        InputError
            For a rule that there is not, contracts that come twice or whose dates do not rise, a date that is missing.
        RegistrationError
            When the name is that of a symbol, or contracts have several calendars or base intervals.
        UnknownSymbolError
            For a contract that is not registered.
        """
        wanted = FutureDefinition.of(self._store.spelling, symbol, contracts, roll, sessions_before, adjustment)
        with self._store.transaction() as transaction:
            return define(transaction, wanted, transaction.now - self._grace)

    def remove_future(self, symbol: str) -> FutureReport:
        """Remove a continuous future; its contracts and their bars stay, its rolls become ``roll_revisions``.

        Raises
        ------
        UnknownSymbolError
            When there is none of that name.
        """
        name = self._store.spelling.symbol(symbol)
        with self._store.transaction() as transaction:
            return remove(transaction, name)

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

    @contextmanager
    def _opened(
        self, data: object, how: LoadOptions, symbol: str | None = None, interval: Interval | None = None
    ) -> Iterator[Source]:
        """Open a source, and bring what of it is in buckets here before anybody has to wait for the write.

        A file that looks as if it was loaded before stays where it is: with ``interval``, it need not be read again.
        """
        source = open_source(data, how)
        if not source.is_far:
            yield source
            return
        with far_files(scratch_of(self._store)) as far:
            known = False
            if interval is not None:
                with self._store.reading() as transaction:
                    request = request_of(transaction, symbol, interval, how)
                    known = known_files.may_be_recalled(transaction, source, request, how)
            yield source if known else far.brought(source)

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
