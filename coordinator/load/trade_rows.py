"""The rows of a source of trades: read once, each with when it was made, or with the reason why it is not taken."""

from __future__ import annotations

from dataclasses import dataclass

from barhouse.coordinator.load import (
    columns,
    fixed_point,
    marked_trades,
    parts,
    placement,
    plausibility,
    source_rows,
    stamps,
)
from barhouse.coordinator.load.canonical_rows import Bounds, CanonicalRows
from barhouse.coordinator.load.columns import A_DATE, FLOATS, Column, folded
from barhouse.coordinator.load.numbers import Numbers
from barhouse.coordinator.load.parts import Parts
from barhouse.coordinator.load.source_rows import MALFORMED_LINES, SourceRows
from barhouse.coordinator.load.symbol_map import symbols_of_source
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import INSTRUMENTS
from barhouse.store.model.interval import Interval
from barhouse.store.records import trading_calendar
from barhouse.store.sql import Sql, literal, sql

#: The parts by which a header further down is known.
_VALUES = ("traded_at", "price", "size", "trade_id")
#: Columns that tell contracts apart, of which one symbol has one; where a trade was made is another
#: thing, and a code may be that of a condition.
_CONTRACTS = INSTRUMENTS - {"exchange", "exch", "venue", "mic", "market", "publisher_id", "code"}


_LOST_DIGITS = "trade_id has lost its digits to an exponent; write it out, as text"


@dataclass(frozen=True, slots=True)
class TradeRows:
    """Trades of a source.

    Attributes
    ----------
    rows
        They, as the rows of any source.
    weighed
        ``weighed_trades``.
    file_starts
        The number of the first row of each file.
    has_ids
        Whether they are told apart by ids.
    """

    rows: CanonicalRows
    weighed: TemporaryTable
    file_starts: tuple[int, ...]
    has_ids: bool


def trades_of_source(
    transaction: Transaction, source: Source, symbol: str | None, interval: Interval, options: LoadOptions
) -> TradeRows:
    """Read a source of trades, of one symbol or of those that it names.

    Raises
    ------
    SourceError
        When it cannot be read as trades at all.
    UnknownSymbolError
        When ``symbol`` is not registered.
    """
    opened = source_rows.open_rows(transaction, source)
    found = parts.parts_of(transaction, opened, options, parts.TRADE)
    opened = parts.narrowed(opened, found, options, transaction.spelling)
    fixed_point.check(transaction, opened, found, options)
    beside = parts.symbol_beside_path(opened, options)
    symbols = symbols_of_source(transaction, opened, found["symbol"], symbol, interval, beside, options.vendor)
    marked_trades.check(transaction, opened, found)
    _refuse_contracts(transaction, opened, found, by_symbol=symbol is None)
    relation = sql("load.all_trade_rows", trade_rows=_parsed(transaction, opened, found, options, symbol is None))
    rows = CanonicalRows(
        name=source.name,
        relation=relation,
        bounds=Bounds(*transaction.one("load.bounds", canonical_rows=relation)),
        symbols=symbols,
        given=opened.relation,
        malformed=MALFORMED_LINES if opened.is_text else None,
        is_frame=source.table is not None,
        stamps=found["traded_at"],
        columns_of_parts={part: column.name for part in _VALUES if opened.is_text and (column := found[part])},
        names=parts.TRADE.names,
        stamp_part="traded_at",
    )
    placement.check_zone(rows, interval, options)
    plausibility.check_span(transaction, rows, interval, options)
    weighed = _weighed(transaction, rows, options, has_ids=found["trade_id"] is not None)
    return TradeRows(rows, weighed, _file_starts(transaction, opened, options), found["trade_id"] is not None)


def _parsed(
    transaction: Transaction, opened: SourceRows, found: Parts, options: LoadOptions, by_symbol: bool
) -> TemporaryTable:
    if opened.is_text:
        source_rows.forget_malformed(transaction)
    column = found["traded_at"]
    assert column is not None
    numbers = Numbers.said_by(options)
    local, instant = stamps.stamp(column, opened.source, options, wants_dates=False)
    with source_rows.read_errors(opened.name):
        return transaction.make(
            "load.make_trade_rows",
            rows=opened.noting,
            symbol=columns.symbol(found["symbol"] if by_symbol else None),
            local=local,
            instant=instant,
            trade_id=_id(found["trade_id"]),
            price=numbers.value(found["price"], "price"),
            size=numbers.value(found["size"], "size"),
            misread=_misread(found["trade_id"], numbers.misread(found, stamps.is_date(column, options))),
        )


def _id(column: Column | None) -> Sql:
    """An expression for the id of a trade; a whole number is written as one, whatever holds it."""
    if column is None:
        return Sql("NULL::VARCHAR")
    text = f"nullif(trim({column.sql}::VARCHAR), '')"
    if column.type not in FLOATS:
        return Sql(text)
    return Sql(f"CASE WHEN {_is_whole(column)} THEN {column.sql}::BIGINT::VARCHAR END")


def _is_whole(column: Column) -> str:
    """A condition: that a float holds each digit of a whole number."""
    return f"{column.sql} = trunc({column.sql}) AND abs({column.sql}) < 9007199254740992"


def _misread(ids: Column | None, misread: Sql) -> Sql:
    """An expression for what cannot be meant as it stands; ids that lost digits would make one trade of several."""
    if ids is None or not (ids.is_text or ids.type in FLOATS):
        return misread
    lost = f"regexp_full_match(trim({ids.sql}::VARCHAR), '[0-9](\\.[0-9]+)?[eE]\\+[0-9]+')"
    if ids.type in FLOATS:
        lost = f"NOT isnan({ids.sql}) AND NOT ({_is_whole(ids)})"
    return Sql(f"coalesce({misread}, CASE WHEN {lost} THEN {literal(_LOST_DIGITS)} END)")


def _weighed(transaction: Transaction, rows: CanonicalRows, options: LoadOptions, *, has_ids: bool) -> TemporaryTable:
    first, last = placement.dates_of(rows.bounds, transaction.now.date())
    trading_calendar.reach(transaction, rows.symbols.calendars, min(first, last), last)
    found = placement.stamps_of(transaction, rows, options, first, last)
    return transaction.make(
        "load.make_weighed_trades",
        canonical_rows=found.rows,
        symbol_map=rows.symbols.table,
        symbol_match=placement.symbol_match(rows.symbols),
        zoned=found.join,
        stamp=found.instant,
        ambiguous=found.ambiguous,
        timed_rows=sql("load.trades_by_name") if rows.symbols.is_dated else Sql("timed"),
        a_date=literal(A_DATE),
        has_ids=has_ids,
    )


def _file_starts(transaction: Transaction, opened: SourceRows, options: LoadOptions) -> tuple[int, ...]:
    """The number of the first row of each file, as rows are counted through all of them."""
    starts = [1]
    for path in opened.source.paths[:-1]:
        alone = source_rows.open_rows(transaction, opened.source.only(path))
        found = parts.parts_of(transaction, alone, options, parts.TRADE)
        alone = parts.narrowed(alone, found, options, transaction.spelling)
        starts.append(starts[-1] + transaction.one("load.count_rows", rows=alone.relation).row_count)
    return tuple(starts)


def _refuse_contracts(transaction: Transaction, opened: SourceRows, found: Parts, *, by_symbol: bool) -> None:
    """Refuse trades of several contracts as those of one symbol."""
    symbol = columns.symbol(found["symbol"] if by_symbol else None)
    for column in parts.instruments_of(opened, found):
        if folded(column.name) not in _CONTRACTS:
            continue
        with source_rows.read_errors(opened.name):
            asked = {"symbol": symbol, "instrument": column.sql, "rows": opened.relation}
            count = transaction.one("load.count_instruments", **asked).symbol_count
        if count:
            raise OptionsError(
                f"{opened.name} has trades of several instruments of one symbol, by its column {column.name}; load "
                f"those of one, or name them apart with {Option('columns', {'symbol': column.name})}"
            )
