"""Canonical rows: the rows of a load in columns that are known, whatever they came from.

A source is turned into them once. From here on nothing goes back to it, but for rejects, which are quoted as they
were given. Bars of feeds and those built from trades come in our own columns, and enter here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from barhouse.coordinator.load import (
    columns,
    declared_values,
    fixed_point,
    interval_columns,
    parts,
    source_rows,
    stamps,
    unfinished_bars,
)
from barhouse.coordinator.load.columns import Column
from barhouse.coordinator.load.declared_values import GivenColumns
from barhouse.coordinator.load.numbers import Numbers
from barhouse.coordinator.load.parts import Parts
from barhouse.coordinator.load.source_rows import MALFORMED_LINES, SourceRows
from barhouse.coordinator.load.symbol_map import SymbolMap, symbols_of_bars, symbols_of_source
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.source import Source
from barhouse.store.database.transaction import Relation, TemporaryTable, Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import COLUMNS, INSTANT, NAMES
from barhouse.store.model.interval import Interval
from barhouse.store.model.words import counted
from barhouse.store.records.declared_columns import DeclaredColumns, declared_columns
from barhouse.store.sql import Sql, joined, sql

#: The instants that stamps may mean; ``sql/load/source.sql`` has the same.
_FIRST_INSTANT, _LAST_INSTANT = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)

#: Where rows are of a shape that has none.
_NO_COLUMNS = GivenColumns(DeclaredColumns(()))

_VALUES = ("open", "high", "low", "close", "volume")

#: A few units in the last place, of floats of 64 bits and of 32.
_ROUNDING, _ROUNDING_32 = 1e-15, 2.5e-7


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many rows there are, and the time they span.

    Attributes
    ----------
    first_instant, last_instant
        None where no stamp is known. Local times count as if they were UTC.
    naive_count, naive_time_count
        How many stamps need a time zone to mean an instant; and how many do that name no date, at midnight.
    """

    row_count: int
    first_instant: datetime | None
    last_instant: datetime | None
    naive_count: int = 0
    naive_time_count: int = 0


@dataclass(frozen=True, slots=True)
class CanonicalRows:
    """Rows that are parsed but not judged.

    Attributes
    ----------
    name
        What reports call their source.
    relation
        ``canonical_rows``, numbered in their order from 1; where they are not kept, reading it reads the source.
    symbols
        Where the bars of each symbol go.
    given
        The same rows as they were given, in the same order.
    malformed
        ``malformed_lines``: the lines that are no rows, of a text; None for other sources.
    is_frame
        Whether they came in memory rather than in files.
    stamps
        The column that their stamps were given in; None for bars in our own columns.
    named_by
        The columns that say which bar a row is; None for bars in our own columns.
    named
        The column that says which symbol a row is of.
    rounding
        How far prices of one bar may pass each other for being rounded, as a part of them.
    columns_of_parts
        The names of the columns that prices and the volume of a text were given in, or the parts of a trade.
    names
        What each part of a row may be called.
    instruments
        Columns that nobody named, and that may tell instruments apart, such as a contract.
    intervals
        Columns that nobody named, and that may say how long bars are.
    stamp_part
        What the part of a row is called that says when.
    given_columns
        The declared columns that they have.
    ignored
        The columns of the source that nothing was made of.
    """

    name: str
    relation: Sql
    bounds: Bounds
    symbols: SymbolMap
    given: Relation
    malformed: TemporaryTable | None
    is_frame: bool
    stamps: Column | None = None
    named_by: Sql | None = None
    named: Column | None = None
    columns_of_parts: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Sequence[str]] = field(default_factory=lambda: NAMES)
    instruments: Sequence[Column] = ()
    intervals: Sequence[Column] = ()
    rounding: float = _ROUNDING
    stamp_part: str = "bar_start"
    given_columns: GivenColumns = _NO_COLUMNS
    ignored: Sequence[str] = ()


def rows_of_source(
    transaction: Transaction, source: Source, symbol: str | None, interval: Interval, options: LoadOptions
) -> CanonicalRows:
    """The rows of a source, of one symbol or of those that it names.

    Raises
    ------
    SourceError
        When it cannot be read as bars at all.
    UnknownSymbolError
        When ``symbol`` is not registered.
    """
    rows = source_rows.open_rows(transaction, source)
    found = parts.parts_of(transaction, rows, options)
    rows = parts.narrowed(rows, found, options, transaction.spelling)
    fixed_point.check(transaction, rows, found, options)
    if options.label == "end" and not interval.intraday:
        _refuse_dates(transaction, rows, found, options)
    beside = parts.symbol_beside_path(rows, options)
    symbols = symbols_of_source(transaction, rows, found["symbol"], symbol, interval, beside, options.vendor)
    given = declared_values.columns_of_source(transaction, rows, found, symbols, options)
    wants = _Wants(dates=not interval.intraday, symbols=symbol is None)
    relation = _parsed(transaction, rows, found, options, given, wants)
    with source_rows.read_errors(source.name):
        bounds = Bounds(*transaction.one("load.bounds", canonical_rows=relation))
    return CanonicalRows(
        name=source.name,
        relation=relation,
        bounds=bounds,
        symbols=symbols,
        given=rows.relation,
        malformed=MALFORMED_LINES if rows.is_text else None,
        is_frame=source.table is not None and not source.of_files,
        stamps=found["bar_start"],
        named_by=joined(Sql(", "), [column.sql for part in ("bar_start", "symbol") if (column := found[part])]),
        named=found["symbol"],
        columns_of_parts={part: column.name for part in _VALUES if rows.is_text and (column := found[part])},
        instruments=parts.instruments_of(rows, found),
        intervals=interval_columns.interval_columns_of(rows, found),
        given_columns=given,
        ignored=_ignored(rows, {**found, **given.parts}),
        rounding=_ROUNDING_32 if any(column and column.type == "FLOAT" for column in found.values()) else _ROUNDING,
    )


def _refuse_dates(transaction: Transaction, rows: SourceRows, found: Parts, options: LoadOptions) -> None:
    """Refuse dates where stamps are the ends of bars: one may mean its own session, or that of the day before."""
    column = found["bar_start"]
    assert column is not None
    with source_rows.read_errors(rows.name):
        is_date = stamps.is_date(column, options)
        date_count = transaction.one("load.count_dates", rows=rows.relation, is_date=is_date).date_count
    if date_count:
        raise OptionsError(
            f"{rows.name} has {counted(date_count, 'date')} among its stamps: a date names a session, not the end of a "
            f"bar; say "
            f"{Option('label', 'start')} where bars are named by the date of their first session, or give stamps with "
            f"the time of day at which bars end"
        )


def rows_of_bars(
    transaction: Transaction,
    bars: pa.Table,
    interval: Interval,
    name: str,
    vendor: str | None = None,
    *,
    of_today: bool = False,
) -> CanonicalRows:
    """Bars in our own columns, of the symbols they name, labelled by their start.

    ``of_today`` says that they name them by their names of today alone.
    """
    symbols = symbols_of_bars(transaction, bars["symbol"], interval, vendor, of_today=of_today)
    table = transaction.attach("canonical_bars", bars)
    local = sql("load.no_local_time" if interval.intraday else "load.local_time_in_utc")
    declared = declared_columns(transaction)
    relation = sql("load.bars_as_rows", canonical_bars=table, local=local, declared=declared.nothing)
    return CanonicalRows(
        name,
        relation,
        _bounds(bars),
        symbols,
        given=table,
        malformed=None,
        is_frame=True,
        given_columns=GivenColumns(declared),
    )


def is_canonical(table: pa.Table) -> bool:
    """Whether a table has exactly our own columns: symbol, and those of a bar."""
    return bool(table.schema.equals(COLUMNS))


def _bounds(bars: pa.Table) -> Bounds:
    starts = bars["bar_start"]
    known = pc.and_(
        pc.greater_equal(starts, pa.scalar(_FIRST_INSTANT, INSTANT)),
        pc.less_equal(starts, pa.scalar(_LAST_INSTANT, INSTANT)),
    )
    span = pc.min_max(starts.filter(known)).as_py()
    return Bounds(bars.num_rows, span["min"], span["max"])


def _ignored(rows: SourceRows, found: Parts) -> tuple[str, ...]:
    """The columns that say nothing of a bar, as the source calls them."""
    used = {name for column in found.values() if column is not None for name in column.names}
    used |= {column.name for column in interval_columns.interval_columns_of(rows, found)}
    used |= {column.name for column in unfinished_bars.columns_of(rows, found)}
    return tuple(name for name in rows.columns if name not in used | {parts.PATH_SYMBOL})


@dataclass(frozen=True, slots=True)
class _Wants:
    """What else is wanted of rows: a stamp's own local date, for bars of 1d or longer; and which symbol they are of."""

    dates: bool
    symbols: bool


def keep_parsed(
    transaction: Transaction,
    rows: SourceRows,
    found: Parts,
    options: LoadOptions,
    *,
    wants_dates: bool,
    by_symbol: bool,
) -> TemporaryTable:
    """Read a source into ``parsed_rows``, declared columns aside.

    Parameters
    ----------
    wants_dates
        Whether bars are of 1d or longer, so that a stamp's own local date matters.
    by_symbol
        Whether rows say which symbol they are of.
    """
    return _kept(transaction, rows, found, options, _NO_COLUMNS, _Wants(wants_dates, by_symbol))


def _kept(
    transaction: Transaction,
    rows: SourceRows,
    found: Parts,
    options: LoadOptions,
    given: GivenColumns,
    wants: _Wants,
) -> TemporaryTable:
    """Read a source into ``parsed_rows``: text is parsed once, what it comes to is asked several times."""
    if rows.is_text:
        source_rows.forget_malformed(transaction)
    text = _expressions(rows, rows.noting, found, options, "load.row_counted", given, wants)
    with source_rows.read_errors(rows.name):
        return transaction.make("load.keep_parsed_rows", canonical_rows=text)


def _parsed(
    transaction: Transaction,
    rows: SourceRows,
    found: Parts,
    options: LoadOptions,
    given: GivenColumns,
    wants: _Wants,
) -> Sql:
    if rows.is_text:
        return sql("load.kept_in_order", parsed_rows=_kept(transaction, rows, found, options, given, wants))
    if rows.numbered is not None:
        return _expressions(rows, rows.numbered, found, options, "load.row_of_parquet", given, wants)
    return _expressions(rows, rows.relation, found, options, "load.row_counted", given, wants)


def _expressions(
    rows: SourceRows,
    relation: Relation,
    found: Parts,
    options: LoadOptions,
    numbered: str,
    given: GivenColumns,
    wants: _Wants,
) -> Sql:
    column = found["bar_start"]
    assert column is not None
    local, instant = stamps.stamp(column, rows.source, options, wants_dates=wants.dates)
    numbers = Numbers.said_by(options)
    prices = {part: numbers.value(found[part], part) for part in ("open", "high", "low", "close")}
    is_date = None if wants.dates else stamps.is_date(column, options)
    misread = numbers.misread({**found, **given.parts}, is_date)
    return sql(
        "load.canonical_rows",
        file_row=sql(numbered),
        symbol=columns.symbol(found["symbol"] if wants.symbols else None),
        local=local,
        instant=instant,
        volume=numbers.volume(found["volume"]),
        trade_count=numbers.count(found["trade_count"]),
        vwap=numbers.optional(found["vwap"], "vwap"),
        declared=given.values(numbers),
        misread=unfinished_bars.marked(rows, found, misread),
        rows=relation,
        **prices,
    )
