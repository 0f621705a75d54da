"""The bars of some symbols in one interval, as they are, as they are forming, or as they were known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from barhouse.store.database.transaction import Row, TemporaryTable, Transaction
from barhouse.store.errors import InputError, UnknownSymbolError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.model.bar import INSTANT
from barhouse.store.model.interval import Interval
from barhouse.store.model.words import shortened
from barhouse.store.records import adjusted_bars, adjustment, continuous, filled_bars, names, session_days
from barhouse.store.records.adjustment import Adjust, Knowledge, OwnBars, Steps
from barhouse.store.records.filled_bars import Edges, Fill
from barhouse.store.records.session_days import BEGINNING, END, Bounds, Range
from barhouse.store.sql import Sql, identifier, joined, sql, statement

_ALL, _NOTHING = Sql("*"), Sql("")
#: The views of which bars of continuous futures are had.
_OF_ROLLS = ("contract_stretch", "bars_continuous")


@dataclass(frozen=True, slots=True)
class Question:
    """Which bars are asked for; see ``SessionStore.bars``.

    Attributes
    ----------
    symbols
        In the store's spelling, each once.
    interval
        In its one spelling.
    bounds
        From where to where, by each symbol's own calendar.
    last
        How many of each symbol at most, the newest; None for all.
    columns
        Only these, each once, in this order; None for all.
    complete
        Only bars that are complete.
    adjust
        What prices are adjusted for; None for nothing.
    fill
        What stands in for bars that are not there; None for nothing.
    """

    symbols: Sequence[str]
    interval: str
    bounds: Bounds
    last: int | None = None
    columns: Sequence[str] | None = None
    complete: bool = False
    adjust: Adjust | None = None
    fill: Fill | None = None

    @property
    def is_raw(self) -> bool:
        """Whether bars are had as they are."""
        return self.adjust is None and self.fill is None


def bars(transaction: Transaction, asked: Question, *, live: bool = False) -> pa.Table:
    """The bars there are now, those forming included if ``live``."""
    rows = transaction.run("records.intervals_of", {"symbols": list(asked.symbols)})
    if not {row.symbol for row in rows}.issuperset(asked.symbols) and _are_continuous(transaction, asked):
        if live:
            raise InputError("continuous futures have no bars still forming; ask for those of the contract that counts")
        return _continuous(transaction, asked, Sql("bars_continuous"), {})
    calendars = _calendars_of(transaction, asked, rows)
    spans = session_days.ranges(transaction, set(calendars.values()), *asked.bounds)
    ranges = {symbol: spans[calendar] for symbol, calendar in calendars.items()}
    source = Sql("bars_live") if live else Sql("bars")
    if asked.is_raw:
        return _read(transaction, asked, ranges, source, {})
    return _made(transaction, asked, _BarRanges(ranges, calendars, source, {}), Knowledge(live=live))


def bars_as_of(transaction: Transaction, asked: Question, as_of: datetime) -> pa.Table:
    """The bars that were known at an instant, on the calendars and by the names of then.

    Symbols are asked for by those names; one that no symbol had then is that of the one that has it today.

    Raises
    ------
    InputError
        When what was known then was purged.
    """
    if _are_continuous(transaction, asked):
        return _continuous_then(transaction, asked, as_of)
    called = names.then(transaction, asked.symbols, as_of)
    asked = replace(asked, symbols=list(dict.fromkeys(called.values())))
    then = transaction.run("records.calendars_then", {"symbols": list(asked.symbols), "as_of": as_of})
    pinned = max((row.batch_id for row in then), default=0)
    calendars = {row.symbol: row.calendar for row in then}
    spans = session_days.ranges(transaction, set(calendars.values()), *asked.bounds, pinned)
    opens = session_days.first_opens(transaction, spans, asked.bounds[0], pinned)
    ranges = {symbol: spans[calendars[symbol]] if symbol in calendars else (None, None) for symbol in asked.symbols}
    first_opens = {symbol: opens[calendar] for symbol, calendar in calendars.items()}
    _refuse_untold(transaction, asked, as_of, _spans(transaction, ranges, first_opens))
    source = Sql("bars_as_of($as_of::TIMESTAMPTZ)")
    if asked.is_raw:
        return _read(transaction, asked, ranges, source, {"as_of": as_of})
    return _made(transaction, asked, _BarRanges(ranges, calendars, source, {"as_of": as_of}), Knowledge(pinned))


def as_adjust(given: object, name: str) -> Adjust:
    """What prices are to be adjusted for.

    Raises
    ------
    InputError
        For anything else.
    """
    for one in adjustment.ADJUSTS:
        if given == one:
            return one
    raise InputError(
        f"{Option(name, given)} is nothing to adjust for; give {' or '.join(map(repr, adjustment.ADJUSTS))}"
    )


@dataclass(frozen=True, slots=True)
class _BarRanges:
    """Where bars are read from.

    Attributes
    ----------
    ranges
        From where to where, by symbol.
    calendars
        Which each symbol follows, or followed; one that never was has none.
    source, parameters
        The view, and what it needs to know.
    """

    ranges: Mapping[str, Range]
    calendars: Mapping[str, str]
    source: Sql
    parameters: dict[str, Any]


def _made(transaction: Transaction, asked: Question, place: _BarRanges, known: Knowledge) -> pa.Table:
    """Bars that are adjusted or filled, of which the columns asked for are chosen afterwards."""
    everything = replace(asked, columns=None)
    holes: dict[str, Edges] = {}
    if asked.fill is not None:
        holes = {
            symbol: filled_bars.edges(transaction, symbol, asked.interval, span, place.source, place.parameters)
            for symbol, span in place.ranges.items()
        }
    ranges = {
        symbol: (holes[symbol].read_from, end) if symbol in holes else (start, end)
        for symbol, (start, end) in place.ranges.items()
    }
    table = _read(transaction, everything, ranges, place.source, place.parameters)
    found: Mapping[str, Steps] = {}
    blocks = not Interval.parse(asked.interval).intraday
    if asked.adjust is not None:
        found = _steps(transaction, asked, table, known)
        table = adjusted_bars.adjusted(transaction, table, asked.adjust, known, found, blocks=blocks)
    if holes:
        table = _filled(transaction, asked, table, place, holes, known)
        if asked.adjust is not None:
            table = adjusted_bars.with_factors(table, asked.adjust, found, blocks=blocks)
    if asked.columns is None:
        return table
    _refuse_unknown_columns(asked.columns, table.column_names)
    return table.select(list(asked.columns))


def _steps(transaction: Transaction, asked: Question, table: pa.Table, known: Knowledge) -> Mapping[str, Steps]:
    """What the ex-dates of the symbols asked for do."""
    length = Interval.parse(asked.interval)
    outside = table["session_date"].null_count > 0
    whole = asked.bounds == (None, None) and asked.last is None and not asked.complete and len(asked.symbols) == 1
    own = _own_bars(table, length) if whole and not outside and length.unit == "day" else None
    return adjustment.steps(transaction, asked.symbols, known, outside=outside, own=own)


def _filled(
    transaction: Transaction,
    asked: Question,
    table: pa.Table,
    place: _BarRanges,
    holes: Mapping[str, Edges],
    known: Knowledge,
) -> pa.Table:
    """The bars of each symbol, and those that are not there between them."""
    assert asked.fill is not None
    parts = []
    for symbol in sorted(holes):
        bars = table.filter(pc.equal(table["symbol"], symbol))
        one = filled_bars.filled(
            transaction,
            bars,
            symbol,
            asked.interval,
            place.calendars.get(symbol),
            holes[symbol],
            asked.fill,
            pinned=known.parameters["pinned"],
            as_of=place.parameters.get("as_of", transaction.now),
        )
        parts.append(one if asked.last is None else one.slice(max(len(one) - asked.last, 0)))
    return pa.concat_tables(parts)


def _read(
    transaction: Transaction, asked: Question, ranges: Mapping[str, Range], source: Sql, parameters: dict[str, Any]
) -> pa.Table:
    """The bars of a view in ranges: of one symbol without a join, which DuckDB finds sooner."""
    places = {
        "source": source,
        "columns": _columns(transaction, asked, source, parameters),
        "only": sql("records.complete_alone") if asked.complete else _NOTHING,
    }
    parameters = {**parameters, "interval": asked.interval}
    if asked.last is not None:
        parameters["last"] = asked.last
    if len(ranges) == 1:
        ((symbol, (start, end)),) = ranges.items()
        parameters |= {"symbol": symbol, "start": start, "end": end}
        name = "records.bars_in_range" if asked.last is None else "records.newest_in_range"
        return transaction.table(name, parameters, **places)
    parameters["first"] = min(start or BEGINNING for start, _ in ranges.values())
    parameters["end"] = max(end or END for _, end in ranges.values())
    return transaction.table(
        "records.bars_of_symbols",
        parameters,
        symbol_spans=_spans(transaction, ranges, {}),
        newest=_NOTHING if asked.last is None else sql("records.newest_of_each"),
        **places,
    )


def _own_bars(table: pa.Table, length: Interval) -> OwnBars:
    return OwnBars(length.unit, length.length, adjusted_bars.instants(table["bar_start"]), table["close"].to_numpy())


def _columns(transaction: Transaction, asked: Question, source: Sql, parameters: dict[str, Any]) -> Sql:
    """The columns asked for.

    Raises
    ------
    InputError
        For those that there are not, with those that there are.
    """
    if asked.columns is None:
        return _ALL
    there = transaction.table("records.no_bars", parameters, source=source).column_names
    _refuse_unknown_columns(asked.columns, there)
    return joined(Sql(", "), map(identifier, asked.columns))


def _refuse_unknown_columns(asked: Sequence[str], there: Sequence[str]) -> None:
    unknown = [name for name in asked if name not in there]
    if unknown:
        shown = shortened(repr(unknown[0]))
        raise InputError(
            f"bars have no column {shown}{did_you_mean(unknown[0], there)}; name some of {', '.join(there)} in "
            f"{Option('columns')}"
        )


def _spans(
    transaction: Transaction, ranges: Mapping[str, Range], first_opens: Mapping[str, datetime | None]
) -> TemporaryTable:
    """The range of each symbol as a table, and from where on bars in sessions are meant."""
    columns: dict[str, tuple[Any, pa.DataType]] = {
        "symbol": (list(ranges), pa.string()),
        "start_at": ([start or BEGINNING for start, _ in ranges.values()], INSTANT),
        "end_at": ([end or END for _, end in ranges.values()], INSTANT),
        "first_open": ([first_opens.get(symbol) or BEGINNING for symbol in ranges], INSTANT),
    }
    made = pa.table({name: pa.array(values, kind) for name, (values, kind) in columns.items()})
    return transaction.attach("symbol_spans", made)


def _are_continuous(transaction: Transaction, asked: Question) -> bool:
    """Whether what is asked for are continuous futures.

    Raises
    ------
    InputError
        When some of it are, and some are symbols; and for what continuous futures cannot be asked.
    """
    there = continuous.known(transaction)
    futures = [name for name in asked.symbols if name in there]
    others = [name for name in asked.symbols if name not in there]
    if futures and others:
        raise InputError(
            f"{futures[0]} is a continuous future, and {others[0]} is none; ask for the bars of each kind by themselves"
        )
    if futures and not asked.is_raw:
        raise InputError(
            f"{futures[0]} is a continuous future: its prices are as it is defined, and its holes stay; leave out "
            f"{Option('adjust')} and {Option('fill')}"
        )
    return bool(futures)


def _continuous(
    transaction: Transaction, asked: Question, source: Sql, parameters: dict[str, Any], pinned: int | None = None
) -> pa.Table:
    """The bars of continuous futures, on the calendar of their contracts."""
    calendars = _calendars_of(
        transaction, asked, transaction.run("futures.intervals_of", {"symbols": list(asked.symbols)})
    )
    spans = session_days.ranges(transaction, set(calendars.values()), *asked.bounds, pinned)
    ranges = {symbol: spans[calendar] for symbol, calendar in calendars.items()}
    table = _read(transaction, asked, ranges, source, parameters)
    if "close" in table.column_names and table["close"].null_count:
        raise InputError(
            f"prices of {', '.join(asked.symbols)} cannot be brought to those of the newest contract: a roll lies "
            f"between two contracts that have no session in common, see the view rolls; load what is missing, or give "
            f"a later {Option('start')}"
        )
    return table


def _continuous_then(transaction: Transaction, asked: Question, as_of: datetime) -> pa.Table:
    """The same as they were known at an instant."""
    contracts = [row.symbol for row in transaction.run("futures.contracts_named_by", {"symbols": list(asked.symbols)})]
    ranges: dict[str, Range] = dict.fromkeys(names.then(transaction, contracts, as_of).values(), (None, None))
    _refuse_untold(transaction, asked, as_of, _spans(transaction, ranges, {}))
    pinned = transaction.one("futures.batch_then", {"as_of": as_of}).batch_id
    views = {name: Sql(statement(f"views.{name}").text.partition(" AS\n")[2]) for name in _OF_ROLLS}
    return _continuous(transaction, asked, sql("futures.bars_then", **views), {"pinned": pinned}, pinned)


def _calendars_of(transaction: Transaction, asked: Question, rows: Sequence[Row]) -> dict[str, str]:
    """The calendar of each symbol; all of them must be registered with the interval."""
    intervals: dict[str, list[str]] = {}
    calendars: dict[str, str] = {}
    for row in rows:
        intervals.setdefault(row.symbol, []).append(row.interval)
        calendars[row.symbol] = row.calendar
    for symbol in asked.symbols:
        if symbol not in intervals:
            raise names.unknown(transaction, symbol)
        if asked.interval not in intervals[symbol]:
            raise UnknownSymbolError(
                f"{symbol} has no interval {asked.interval!r}, it has {', '.join(intervals[symbol])}; register "
                f"{asked.interval!r} to have it"
            )
    return {symbol: calendars[symbol] for symbol in asked.symbols}


def _refuse_untold(transaction: Transaction, asked: Question, as_of: datetime, spans: TemporaryTable) -> None:
    """Refuse a question about the past whose answer was purged; derived bars are asked for from an open on."""
    kept_from = transaction.one("records.history_kept").kept_from
    if kept_from is not None and as_of < kept_from:
        raise InputError(
            f"{Option('as_of', as_of)} lies before {kept_from.isoformat()}, and earlier revisions were "
            f"purged; give that instant or a later one"
        )
    parameters = {"interval": asked.interval, "as_of": as_of}
    for purged in transaction.run("records.purged_past", parameters, symbol_spans=spans):
        before, at = purged.purged_before.isoformat(), purged.purged_at.isoformat()
        raise InputError(
            f"bars of {purged.symbol} {asked.interval} before {before} were purged at {at}, and what was known of them "
            f"at {Option('as_of', as_of)} is gone; give {Option('start', before)} or a later one"
        )
