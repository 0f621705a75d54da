"""Registering symbols: by what is wanted and available, for a backtest, or for a live session.

A backtest has what the store, or a source, holds of each symbol over the range; a live session what its feed declares.
Everything else, and every check, is the same for both, and happens in one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from barhouse.coordinator.derive.derivation import GRACE
from barhouse.coordinator.edit import symbol_move
from barhouse.coordinator.edit.trial import trial
from barhouse.coordinator.load import canonical_rows, parts, source_rows
from barhouse.coordinator.sources.opening import open_source
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.readable_files import readable
from barhouse.coordinator.streams import symbol_registration
from barhouse.coordinator.streams.column_registrar import ColumnRegistrar
from barhouse.coordinator.streams.symbol_registration import Available, OnMissing, RegistrationRequest, by_symbol
from barhouse.store.calendars.time_zone import clock_named
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError, SourceError
from barhouse.store.hints import Action, Option, spelled
from barhouse.store.model.former_calls import interval_came_first
from barhouse.store.model.inputs import (
    Moment,
    Names,
    as_interval,
    as_intervals,
    as_name,
    as_session_range,
    optional,
)
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import MoveReport, Registration, StreamReport
from barhouse.store.model.spelling import as_written
from barhouse.store.model.symbol import ClosingBar
from barhouse.store.records import registry, trading_calendar
from barhouse.store.session_store import SessionStore

log = logging.getLogger("barhouse.coordinator")


@dataclass(frozen=True, slots=True, init=False)
class SourceBars:
    """Bars in files or a frame that a backtest is to be registered for.

    Attributes
    ----------
    data, symbol, interval, options
        As ``SessionCoordinator.load`` takes them; the interval must be said.
    """

    data: object
    symbol: str | None
    interval: str
    options: LoadOptions

    @interval_came_first("interval", "symbol", said="SourceBars takes the data, the symbol, the interval")
    def __init__(
        self,
        data: object,
        symbol: str | None = None,
        interval: str | None = None,
        options: LoadOptions | None = None,
    ) -> None:
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "symbol", optional(lambda one, _: as_written(one), symbol, "symbol"))
        object.__setattr__(self, "interval", as_interval(interval, "interval"))
        object.__setattr__(self, "options", options or LoadOptions())


class StreamRegistrar(ColumnRegistrar):
    """Registers symbols: by what is wanted and available, for a backtest, or for a live session."""

    def __init__(self, store: SessionStore, *, grace: timedelta = GRACE) -> None:
        self._store = store
        self._grace = grace

    def register(
        self,
        symbols: Names,
        intervals: Names,
        calendar: str,
        *,
        base: str | None = None,
        available: Available | None = None,
        closing_bar: ClosingBar = "outside",
        added_by: str = "user",
        on_missing: OnMissing = "raise",
        move: bool = False,
        reuse_names: bool = False,
    ) -> list[Registration]:
        """Register symbols for the intervals wanted: all of them, or none.

        Idempotent and additive: registering again never loses a bar, and an interval that is new is derived back
        to the first base bar.

        Parameters
        ----------
        symbols
            One symbol or many; case does not matter, unless the store was made case-sensitive.
        intervals
            What is wanted; the base interval to load is determined from it (see ``determine_streams``).
        calendar
            An exchange's name such as ``XNYS``, ``24/7``, or a calendar that was added.
        base
            The base interval, when the source is known to offer just this one.
        available
            What the source offers: intervals for all symbols, or a mapping from symbol to intervals. A symbol
            registered before has its base; nothing else is available to it.
        closing_bar
            What becomes of the bar that starts exactly at a session's last close: ``outside`` keeps it aside,
            ``include`` adds it to the last bucket of every derived interval (base of 1m or finer).
        on_missing
            ``skip`` registers the symbols that can be had and leaves out the rest.
        move
            Let those that hold bars under another calendar follow this one, as ``move_symbols`` does; otherwise they
            are refused.
        reuse_names
            Symbols that are new are other instruments than those that had their names before (see ``rename``);
            otherwise such are refused.

        Raises
        ------
        RegistrationError
            Naming each symbol that cannot be registered, and why.
        """
        names = self._store.spelling.symbols(symbols)
        symbol_registration.check_on_missing(on_missing)
        if base is not None and available is not None:
            raise InputError(
                f"{Option('base')} and {Option('available')} exclude each other; {Option('base', '1m')} means that 1m "
                f"is all there is"
            )
        wanted = as_intervals(intervals, "intervals")
        request = RegistrationRequest(
            names, wanted, calendar, closing_bar, added_by, move=move, reuse_names=reuse_names
        )
        with self._store.transaction() as transaction:
            offered = by_symbol(self._store.spelling, names, [base] if base is not None else available, "available")
            if base is None:
                for name, found in symbol_registration.standing(transaction, names).items():
                    offered[name] = [found.base]
            registered, failures = symbol_registration.register(transaction, request, offered, on_missing, self._grace)
        _say(failures)
        return registered

    def move_symbols(self, symbols: Names, calendar: str, *, apply: bool = True) -> MoveReport:
        """Let symbols follow another calendar, as one batch: all of them, or none.

        Their base bars lie in its sessions from now on, or outside of them, and what is derived of them is derived
        again; old values stay as revisions, ``bars_as_of`` and backtests that were begun keep the calendar of then.
        Symbols that follow it already stay as they are.

        Parameters
        ----------
        calendar
            As in ``register``.
        apply
            False only says what it would come to: it is tried, and nothing of it is kept. Not inside a transaction
            of the caller's, which would be given up with it.

        Raises
        ------
        UnknownSymbolError
            For a symbol that is not registered.
        CalendarError
            For a calendar that nobody knows, or that has no place for bars that are there.
        RegistrationError
            For a symbol of which bars were purged.
        """
        names, wanted = self._store.spelling.symbols(symbols), as_name(calendar, "calendar")
        with trial(self._store, apply=apply) as transaction:
            registry.refuse_unknown(transaction, names)
            report = symbol_move.move(transaction, names, wanted, self._grace)
        return report if apply else report.model_copy(update={"batch_id": None})

    def register_for_backtest(
        self,
        symbols: Names,
        intervals: Names,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        source: SourceBars | Mapping[str, Names] | None = None,
        calendar: str | None = None,
        closing_bar: ClosingBar | None = None,
        on_missing: OnMissing = "raise",
    ) -> StreamReport:
        """Register symbols for what there is of them over a range: all of them, or none.

        Parameters
        ----------
        start, end
            The range, by dates: sessions with ``start <= session_date < end``; None leaves it open.
        source
            What holds the bars: the store itself (None), files or a frame (``SourceBars``, which is looked at but
            not loaded), or a mapping from symbol to the intervals there are.
        calendar
            For symbols that are new; those registered keep theirs.
        closing_bar
            As in ``register``; None keeps what a symbol has.
        on_missing
            ``skip`` registers the symbols that can be had, and reports the rest.

        Raises
        ------
        RegistrationError
            Naming each symbol that there are no bars of, that lacks a base for the intervals, or that contradicts
            what is registered.
        """
        names, (first, last) = self._store.spelling.symbols(symbols), as_session_range(start, end)
        with self._store.transaction() as transaction:
            known = symbol_registration.standing(transaction, names)
            held: dict[str, list[str]]
            if source is None:
                rows = transaction.run("streams.symbols_with_bars_in", {"symbols": names, "start": first, "end": last})
                held = {name: [known[name].base] for (name,) in rows}
                where = "the store holds"
            elif isinstance(source, SourceBars):
                calendars = {name: found.calendar for name, found in known.items()}
                if calendar is not None:
                    calendars = {name: calendars.get(name, calendar) for name in names}
                held = _held_by_source(transaction, source, calendars, first, last)
                where = f"the source holds {Interval.parse(source.interval)}, but"
            else:
                held = {
                    name: one for name, one in by_symbol(self._store.spelling, names, source, "source").items() if one
                }
                where = "the source holds"
            refused = {name: _without_bars(name, where, first, last) for name in names if not held.get(name)}
            request = RegistrationRequest(
                names, as_intervals(intervals, "intervals"), calendar, closing_bar, "backtest", refused
            )
            return _registered(transaction, request, held, on_missing)

    def register_for_live(
        self,
        symbols: Names,
        intervals: Names,
        feed_intervals: Available | None,
        *,
        calendar: str | None = None,
        closing_bar: ClosingBar | None = None,
        on_missing: OnMissing = "raise",
    ) -> StreamReport:
        """Register symbols for what a feed declares: all of them, or none.

        Parameters
        ----------
        feed_intervals
            The intervals the feed declares: for all symbols, or a mapping from symbol to intervals. None for a feed
            that declares nothing: it is taken to have the base that a symbol has, or the best of 1s, 1m and 1d.
        calendar, closing_bar, on_missing
            As in ``register_for_backtest``.

        Raises
        ------
        RegistrationError
            Naming each symbol that the feed does not declare a base for, or whose registered base it lacks.
        """
        names = self._store.spelling.symbols(symbols)
        declared = by_symbol(self._store.spelling, names, feed_intervals, "feed_intervals")
        with self._store.transaction() as transaction:
            refused = {name: "the feed declares no interval for it" for name in names if declared[name] == []}
            request = RegistrationRequest(
                names, as_intervals(intervals, "intervals"), calendar, closing_bar, "live", refused
            )
            return _registered(transaction, request, declared, on_missing)


def _registered(
    transaction: Transaction,
    request: RegistrationRequest,
    offered: Mapping[str, list[str] | None],
    on_missing: OnMissing,
) -> StreamReport:
    """Register for what is offered of each symbol (None: nothing is said); one that has a base keeps it."""
    refused = dict(request.refused)
    bases: dict[str, list[str]] = {}
    for name, standing in symbol_registration.standing(transaction, request.names).items():
        intervals = offered.get(name)
        if name not in refused and intervals is not None and standing.base not in intervals:
            refused[name] = (
                f"registered with base {standing.base}, but there is only {', '.join(intervals)}; "
                f"{Action('remove_symbol', name)} first to give it another base"
            )
        bases[name] = [standing.base]
    request = replace(request, refused=refused)
    registered, failures = symbol_registration.register(transaction, request, {**offered, **bases}, on_missing)
    _say(failures)
    return StreamReport(
        registered=tuple(registered), skipped={name: spelled(failure) for name, failure in failures.items()}
    )


def _say(failures: Mapping[str, str]) -> None:
    for failure in failures.values():
        log.warning("skipped %s", spelled(failure))


def _without_bars(name: str, where: str, start: date | None, end: date | None) -> str:
    since = "" if start is None else f" from {start}"
    until = "" if end is None else f" to {end}"
    return f"{where} no bar of it in a session{since}{until}"


def _held_by_source(
    transaction: Transaction,
    source: SourceBars,
    calendars: Mapping[str, str],
    start: date | None,
    end: date | None,
) -> dict[str, list[str]]:
    """Which of the symbols a source has bars of, by the sessions of each one's calendar."""
    interval = Interval.parse(source.interval)
    by_name = source.symbol is None
    with readable(open_source(source.data, source.options), transaction.scratch) as opened:
        rows = source_rows.open_rows(transaction, opened)
        columns = parts.parts_of(transaction, rows, source.options)
        if by_name and columns["symbol"] is None:
            raise SourceError(
                f"{opened.name} has no column that names the symbol; say which one it holds with {Option('symbol')}"
            )
        read = canonical_rows.keep_parsed(
            transaction, rows, columns, source.options, wants_dates=not interval.intraday, by_symbol=by_name
        )
    ends = source.options.label == "end" and interval.intraday
    clock = clock_named(source.options.timezone or "UTC")
    spelling = transaction.spelling
    own = None if source.symbol is None else spelling.symbol(source.symbol)
    canonical = trading_calendar.canonical(transaction, set(calendars.values()))
    trading_calendar.keep(transaction, canonical.values())
    found: dict[str, list[str]] = {}
    for calendar in sorted(set(canonical.values())):
        if start is not None and end is not None:
            trading_calendar.reach(transaction, [calendar], start, end)
        bounds = transaction.one("streams.session_bounds", {"calendar": calendar, "start": start, "end": end})
        first, last = bounds.first_open, bounds.last_close
        if (start is not None and first is None) or (end is not None and last is None):
            continue  # no session in the range
        named = transaction.run(
            "streams.symbols_in_source",
            {
                "timezone": clock.zone.key,
                "clock_seconds": clock.ahead_seconds,
                "shift_seconds": interval.length if ends else 0,
                "from": first,
                "through": last,
            },
            parsed_rows=read,
        )
        names = {own if own is not None else spelling.symbol(given) for (given,) in named if own or given}
        for name, follows in calendars.items():
            if name in names and canonical[follows] == calendar:
                found[name] = [str(interval)]
    return found
