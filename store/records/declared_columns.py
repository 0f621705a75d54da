"""Declared columns: numbers that bars have beyond those that every bar has, each with how bars are put together by it.

Values are kept beside bars, as one list for each set of values of a bar (``bar_values``): a column's place in it is its
number. Where a store declares none, statements carry a null of one byte in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.model.bar import COLUMN, NAMES
from barhouse.store.model.words import shortened
from barhouse.store.sql import Sql, joined, sql

Aggregate = Literal["sum", "mean", "min", "max", "first", "last"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)
#: Of how many columns a store knows at most.
MOST_COLUMNS = 24

#: What views call something else.
_TAKEN = frozenset(
    {
        *("symbol", "interval", "bar_start", "bar_end", "session_date", "segment", "span_seconds"),
        *("open", "high", "low", "close", "volume", "trade_count", "vwap", "base_count", "expected_count", "complete"),
        *("batch_id", "forming", "filled", "split_factor", "dividend_factor", "ex_inside", "written_at", "replaced_by"),
        *("price", "size", "replaced_at", "replaced_kind", "month", "part", "tick", "declared"),
    }
)


@dataclass(frozen=True, slots=True)
class DeclaredColumn:
    """A column that a store declares.

    Attributes
    ----------
    number
        Its place among the values of a bar, from 1.
    name
        What it is called.
    aggregate
        How the values of base bars are put together.
    symbol_ids
        The symbols that have it; None: all.
    """

    number: int
    name: str
    aggregate: Aggregate
    symbol_ids: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class DeclaredColumns:
    """All columns that a store declares, by their numbers."""

    columns: tuple[DeclaredColumn, ...]

    def __bool__(self) -> bool:
        return bool(self.columns)

    @property
    def length(self) -> int:
        """How long a list of values may be."""
        return max((column.number for column in self.columns), default=0)

    @property
    def nothing(self) -> Sql:
        """What stands for the values of bars that have none."""
        return sql("records.no_list" if self.columns else "records.no_values")

    def trimmed(self, values: Sql) -> Sql:
        """A list of values as it is kept: up to the last that is there, null without any."""
        return trimmed(values, self.length)

    def of_symbol(self, symbol_id: int) -> tuple[DeclaredColumn, ...]:
        """Those that a symbol has."""
        return tuple(one for one in self.columns if one.symbol_ids is None or symbol_id in one.symbol_ids)

    @property
    def signature(self) -> str:
        """What decides how a source is read; empty without columns."""
        said = [f"{one.number} {one.name} {sorted(one.symbol_ids or ())}" for one in self.columns]
        return f"columns {', '.join(said)}; " if said else ""


def trimmed(values: Sql, length: int) -> Sql:
    """A list of values up to the last that is there; null without any."""
    if not length:
        return sql("records.no_list")
    places = [sql("records.up_to", list=values, number=number) for number in range(length, 0, -1)]
    return sql("records.no_longer_than", longest=joined(Sql(" "), places))


def declared_columns(transaction: Transaction) -> DeclaredColumns:
    """The columns that are declared; remembered by writers."""
    known = transaction.memory.recall(DeclaredColumns)
    if known is None:
        known = DeclaredColumns(
            tuple(
                DeclaredColumn(
                    row.number,
                    row.name,
                    cast("Aggregate", row.aggregate),
                    None if row.of_all else frozenset(row.symbol_ids),
                )
                for row in transaction.run("records.declared_columns")
            )
        )
        if not transaction.reads_only:
            transaction.memory.keep(known)
    return known


def as_declared(given: object, name: str) -> dict[str, Aggregate]:
    """Columns as a caller says them: names, each with an aggregate.

    Raises
    ------
    InputError
        For anything else.
    """
    if not isinstance(given, Mapping) or not given:
        raise InputError(
            f"{Option(name, given)} is no columns; give names with an aggregate each, such as "
            f"{Option(name, {'open_interest': 'last'})}"
        )
    return {as_column(column, name): _as_aggregate(aggregate, str(column), name) for column, aggregate in given.items()}


def as_column(given: object, name: str) -> str:
    """The name of a column.

    Raises
    ------
    InputError
        For what is no such name, or is the name of something else.
    """
    if not isinstance(given, str) or COLUMN.fullmatch(given) is None:
        raise InputError(
            f"{shortened(repr(given))} in {Option(name)} is no name of a column; give lower-case letters, digits and "
            f"_, a letter first, such as open_interest"
        )
    if given in _TAKEN or any(given in names for names in NAMES.values()):
        raise InputError(
            f"{given} in {Option(name)} is the name of something that bars have already; give another name"
        )
    return given


def _as_aggregate(given: object, column: str, name: str) -> Aggregate:
    for one in AGGREGATES:
        if given == one:
            return one
    meant = did_you_mean(given, AGGREGATES) if isinstance(given, str) else ""
    raise InputError(
        f"{shortened(repr(given))} is no aggregate for {column} in {Option(name)}{meant}; allowed are "
        f"{', '.join(AGGREGATES)}"
    )


def listed(columns: Iterable[DeclaredColumn]) -> str:
    """Columns in words."""
    return ", ".join(f"{one.name} ({one.aggregate})" for one in columns)
