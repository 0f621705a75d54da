"""Which base interval the rows of each symbol go to, or why to none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

import pyarrow as pa

from barhouse.coordinator.load import passed_lines
from barhouse.coordinator.load.columns import Column
from barhouse.coordinator.load.source_rows import SourceRows
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import INSTANT
from barhouse.store.model.interval import Interval
from barhouse.store.model.words import counted, shortened
from barhouse.store.records import names
from barhouse.store.records.names import NamePeriod

#: Of a name that means several symbols over time there is a row for each: from named_from to before named_to.
_TYPES = {
    "symbol_given": pa.string(),
    "named_from": pa.date32(),
    "named_to": pa.date32(),
    "home": pa.string(),
    "interval_id": pa.int32(),
    "calendar": pa.string(),
    "includes_closing_bar": pa.bool_(),
    "retained_from": INSTANT,
    "refusal": pa.string(),
}


class _Target(NamedTuple):
    """A row of ``symbol_map``."""

    symbol_given: str
    interval_id: int | None = None
    calendar: str | None = None
    named_from: date | None = None
    named_to: date | None = None
    home: str | None = None
    includes_closing_bar: bool = False
    retained_from: Any = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class SymbolMap:
    """Where rows go.

    Attributes
    ----------
    table
        ``symbol_map``: for each spelling of a symbol the base interval, or the reason why its rows go nowhere.
    base_definitions
        Those base intervals as they are before the rows come.
    calendars
        The calendars they follow.
    unregistered
        The symbols named that are not registered, in their one spelling.
    by_symbol
        Whether rows say which symbol they are of; otherwise all are of the only one.
    named
        What the source itself calls the only one, where that is another name.
    symbol_ids
        The symbols that rows go to, by the ids of their base intervals.
    refusals
        What is said of rows of a time in which their name means no symbol.
    is_dated
        Whether a name means several symbols over time, or none for some: rows find theirs by their sessions.
    is_on_one_calendar
        Whether those of each name follow one calendar, so that every row has one date.
    """

    table: TemporaryTable
    base_definitions: TemporaryTable
    calendars: frozenset[str]
    unregistered: tuple[str, ...]
    by_symbol: bool
    named: str | None = None
    symbol_ids: Mapping[int, int] = field(default_factory=dict)
    refusals: frozenset[str] = frozenset()
    is_dated: bool = False
    is_on_one_calendar: bool = True


def symbols_of_source(
    transaction: Transaction,
    rows: SourceRows,
    column: Column | None,
    symbol: str | None,
    interval: Interval,
    beside: Column | None = None,
    vendor: str | None = None,
) -> SymbolMap:
    """Where the rows of a source go: to one symbol, or to those that ``column`` names.

    Parameters
    ----------
    beside
        A column that names symbols, too, where ``column`` is what paths say.
    vendor
        Whose aliases count, too.

    Raises
    ------
    OptionsError
        When no column names the symbol; or one names several, and ``symbol`` one.
    UnknownSymbolError
        When ``symbol`` is not registered.
    """
    given = [] if column is None else _named(transaction, rows, column)
    if symbol is None:
        if column is None:
            raise OptionsError(
                f"{rows.name} has no column that names the symbol; say which symbol it holds with "
                f"{Option('symbol')}, or which column names it with {Option('columns', {'symbol': 'NAME'})}"
            )
        transaction.spelling.refuse_alike(given, rows.name)
        named = None if beside is None else _named_beside(transaction, rows, column, beside)
        return replace(_mapped(transaction, given, interval, vendor), named=named)
    if column is not None and len(given) > 1:
        listed = ", ".join(sorted(str(name) for name in given[:3]))
        raise OptionsError(
            f"{rows.name} names {counted(len(given), 'symbol')} in its column {column.name} ({listed}, ...), not only "
            f"{symbol}; leave out {Option('symbol')} to load each, or say {Option('columns', {'symbol': None})} if the "
            f"column means something else"
        )
    if column is None:
        given = passed_lines.symbols_named(rows.source)
    spelling = transaction.spelling
    other = given and _letters(spelling.of(given[0])) != _letters(spelling.of(symbol))
    named = given[0].strip() if other else None
    one = transaction.spelling.symbol(symbol)
    return replace(_mapped(transaction, [symbol], interval, vendor, one=one), named=named)


def _named_beside(transaction: Transaction, rows: SourceRows, column: Column, beside: Column) -> str | None:
    """What files call a symbol whose path says another; None where they agree.

    Raises
    ------
    OptionsError
        When rows of one path are of several.
    """
    named = None
    for row in transaction.run("load.symbols_beside", path=column.sql, symbol=beside.sql, rows=rows.relation):
        if len(row.names) > 1:
            raise OptionsError(
                f"rows of {rows.name} whose path says {row.path_symbol} name {counted(len(row.names), 'symbol')} in "
                f"their column {beside.name} ({', '.join(sorted(row.names)[:3])}, ...); say which counts, the column "
                f"with {Option('columns', {'symbol': beside.name})} or the path with "
                f"{Option('columns', {'symbol': column.name})}"
            )
        own, said = (_letters(transaction.spelling.of(text)) for text in (row.names[0], row.path_symbol))
        named = named or (None if own == said else row.names[0].strip())
    return named


def _letters(symbol: str) -> str:
    """A symbol without its signs: BTC-USD, BTC/USD and BTCUSD are one."""
    return "".join(filter(str.isalnum, symbol))


def symbols_of_bars(
    transaction: Transaction,
    symbols: pa.ChunkedArray,
    interval: Interval,
    vendor: str | None = None,
    *,
    of_today: bool = False,
) -> SymbolMap:
    """Where bars in our own columns go, by what their column ``symbol`` says.

    ``of_today`` says that these are names of today alone.
    """
    given = [text for text in symbols.unique().to_pylist() if text is not None]
    transaction.spelling.refuse_alike(given, "what was delivered")
    return _mapped(transaction, given, interval, vendor, of_today=of_today)


def _named(transaction: Transaction, rows: SourceRows, column: Column) -> list[str]:
    found = transaction.run("load.symbols_given", symbol=column.sql, rows=rows.relation)
    return [row.symbol_given for row in found]


def _mapped(
    transaction: Transaction,
    given: Sequence[str],
    interval: Interval,
    vendor: str | None = None,
    *,
    one: str | None = None,
    of_today: bool = False,
) -> SymbolMap:
    """Map spellings of symbols; ``one`` is the symbol that all rows are of, which must be there."""
    spelled = {text: transaction.spelling.of(text) for text in given}
    dated = {} if of_today else names.periods(transaction, spelled.values(), vendor)
    called = {name: dated.get(name) or (NamePeriod(None, None, name),) for name in spelled.values()}
    wanted = {period.symbol for periods in called.values() for period in periods}
    definitions = transaction.table("load.base_definitions", {"symbols": sorted(wanted)})
    known = {row["symbol"]: row for row in definitions.to_pylist()}
    targets = [
        _target(text, period, known.get(period.symbol), interval)
        for text, name in spelled.items()
        for period in called[name]
    ]
    if one is not None and len(targets) == 1 and targets[0].refusal is not None:
        _refuse(transaction, one, targets[0].refusal)
    refusals = frozenset(period.refusal for periods in dated.values() for period in periods if period.refusal)
    is_dated = len(targets) > len(spelled) or bool(refusals)
    if is_dated:
        targets = _with_zones(transaction, targets)
    columns = {name: [getattr(target, name) for target in targets] for name in _TYPES}
    table = pa.table({name: pa.array(column, _TYPES[name]) for name, column in columns.items()})
    return SymbolMap(
        table=transaction.attach("symbol_map", table),
        base_definitions=transaction.attach("base_definitions", definitions),
        calendars=frozenset(target.calendar for target in targets if target.calendar is not None),
        unregistered=tuple(sorted({name for name in spelled.values() if name not in known and name not in dated})),
        by_symbol=one is None,
        symbol_ids={row["interval_id"]: row["symbol_id"] for row in known.values() if row["interval"] == str(interval)},
        refusals=refusals,
        is_dated=is_dated,
        is_on_one_calendar=len({(target.symbol_given, target.calendar) for target in targets}) == len(spelled),
    )


def _target(text: str, period: NamePeriod, known: dict[str, Any] | None, interval: Interval) -> _Target:
    when = period.start, period.end
    if known is None:
        return _Target(text, None, None, *when, refusal=reason_unregistered(period.symbol))
    if period.refusal is not None:
        return _Target(text, None, known["calendar"], *when, refusal=period.refusal)
    refusal = None
    if known["interval"] != str(interval):
        refusal = f"{period.symbol} is loaded with {known['interval']} bars, not {interval}"
    return _Target(
        text,
        known["interval_id"],
        known["calendar"],
        *when,
        includes_closing_bar=known["includes_closing_bar"],
        retained_from=known["retained_from"],
        refusal=refusal,
    )


def _with_zones(transaction: Transaction, targets: Sequence[_Target]) -> list[_Target]:
    """Targets with where their calendars are at home: a bar outside of sessions has the date of the clock there."""
    calendars = {target.calendar for target in targets if target.calendar is not None}
    zones = {name: transaction.one("records.zone_of_calendar", {"calendar": name}).timezone for name in calendars}
    return [target._replace(home=None if target.calendar is None else zones[target.calendar]) for target in targets]


def reason_unregistered(name: str) -> str:
    """The reason why rows of a symbol go nowhere that is not registered."""
    return f"symbol {shortened(repr(name))} is not registered"


def _refuse(transaction: Transaction, name: str, refusal: str) -> None:
    if refusal == reason_unregistered(name):
        raise names.unknown(transaction, name)
    raise OptionsError(f"{refusal}; a symbol has one base interval, the others are derived from it")
