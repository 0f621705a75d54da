"""Declared columns of a source: which column is which, and what its values come to.

A column is the one of its name, or the one that the option ``columns`` says. Values are carried as one list, in which
each has the place of its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from barhouse.coordinator.load.columns import Column, folded
from barhouse.coordinator.load.numbers import Numbers
from barhouse.coordinator.load.parts import Parts
from barhouse.coordinator.load.source_rows import SourceRows
from barhouse.coordinator.load.symbol_map import SymbolMap
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option, did_you_mean
from barhouse.store.model.bar import NAMES, VOLUME_LIMIT
from barhouse.store.model.words import shortened
from barhouse.store.records.declared_columns import DeclaredColumn, DeclaredColumns, declared_columns, trimmed
from barhouse.store.sql import Sql, joined, literal, sql

_LIST = Sql("r.declared")
#: Of these values are summed up as exact decimals.
_SUMMED = frozenset({"sum", "mean"})


@dataclass(frozen=True, slots=True)
class GivenColumns:
    """The declared columns that a source has.

    Attributes
    ----------
    declared
        All that the store declares.
    found
        Those of them that the source has, by their names, each with its column there.
    symbols
        The base intervals that each of them is kept for; None: all that the rows go to.
    """

    declared: DeclaredColumns
    found: Mapping[str, tuple[DeclaredColumn, Column]] = field(default_factory=dict)
    symbols: Mapping[str, Sequence[int] | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.found)

    @property
    def parts(self) -> dict[str, Column | None]:
        """Their columns in the source."""
        return {name: column for name, (_, column) in self.found.items()}

    def values(self, numbers: Numbers) -> Sql:
        """The list of values as a source gives them."""
        if not self.found:
            return self.declared.nothing
        by_number = {one.number: numbers.optional(column, name) for name, (one, column) in self.found.items()}
        places = [by_number.get(number, Sql("NULL::DOUBLE")) for number in range(1, max(by_number) + 1)]
        return sql("load.values_given", values=joined(Sql(", "), places))

    def judged(self) -> Sql:
        """Rows ``r`` with the values that are kept of them, and with what is wrong with these."""
        if not self.found:
            return sql("load.rows_as_they_are")
        by_number = {one.number: self._kept(one) for one, _ in self.found.values()}
        places = [by_number.get(number, Sql("NULL::DOUBLE")) for number in range(1, max(by_number) + 1)]
        wrong = [self._wrong(one) for one, _ in self.found.values()]
        return sql(
            "load.rows_with_values",
            values=joined(Sql(", "), places),
            misread=joined(Sql(" "), [case for cases in wrong for case in cases]),
        )

    @property
    def trimmed(self) -> Sql:
        """The values of a row as they are kept."""
        if not self.found:
            return Sql("declared")
        return trimmed(Sql("declared"), max(one.number for one, _ in self.found.values()))

    def _kept(self, column: DeclaredColumn) -> Sql:
        value = sql("load.value_given", list=_LIST, number=column.number)
        symbols = self.symbols.get(column.name)
        if symbols is None:
            return value
        listed = joined(Sql(", "), [Sql(str(int(number))) for number in symbols]) or Sql("NULL")
        return sql("load.value_of_some", value=value, intervals=listed)

    def _wrong(self, column: DeclaredColumn) -> list[Sql]:
        value = self._kept(column)
        cases = [("infinite", "is not finite")]
        if column.aggregate in _SUMMED:
            cases += [
                ("too_large", "is too large to be summed exactly"),
                ("too_small", "is too small to be summed exactly"),
            ]
        limit = {"limit": int(VOLUME_LIMIT)}
        return [
            sql(
                f"load.value_{case}",
                value=value,
                reason=literal(f"{column.name} {said}"),
                **(limit if case == "too_large" else {}),
            )
            for case, said in cases
        ]


def columns_of_source(
    transaction: Transaction, rows: SourceRows, found: Parts, symbols: SymbolMap, options: LoadOptions
) -> GivenColumns:
    """Find the declared columns of a source.

    Raises
    ------
    OptionsError
        For a column that was said and is not there, or for nothing that is declared.
    """
    declared = declared_columns(transaction)
    said = {name: column for name, column in options.columns.items() if name not in NAMES}
    _refuse_undeclared(said, declared)
    if not declared:
        return GivenColumns(declared)
    used = {name for column in found.values() if column is not None for name in column.names}
    by_name = {folded(name): column for name, column in rows.columns.items() if name not in used}
    chosen: dict[str, tuple[DeclaredColumn, Column]] = {}
    kept_for: dict[str, Sequence[int] | None] = {}
    for one in declared.columns:
        of = [number for number, symbol in symbols.symbol_ids.items() if _has(one, symbol)]
        name = said.get(one.name, one.name)
        if not of or name is None:
            continue
        assert isinstance(name, str)
        column = rows.columns.get(name) or by_name.get(folded(name))
        if column is None and one.name in said:
            raise OptionsError(f"{rows.name} has no column {name!r} for {one.name}; it has {', '.join(rows.columns)}")
        if column is not None and column.type.strip('"') != "NULL":
            if folded(column.name) in rows.ambiguous:
                raise OptionsError(
                    f"{rows.name} has several columns named {column.name}; name the one that is {one.name} with "
                    f"{Option('columns', {one.name: 'NAME'})}"
                )
            chosen[one.name] = (one, column)
            kept_for[one.name] = None if len(of) == len(symbols.symbol_ids) else of
    return GivenColumns(declared, chosen, kept_for)


def _has(column: DeclaredColumn, symbol_id: int) -> bool:
    return column.symbol_ids is None or symbol_id in column.symbol_ids


def _refuse_undeclared(said: Iterable[str], declared: DeclaredColumns) -> None:
    names = [one.name for one in declared.columns]
    for name in said:
        if name not in names:
            allowed = ", ".join([*NAMES, *names])
            raise OptionsError(
                f"{shortened(repr(name))} is no part of a bar, and no column that is declared"
                f"{did_you_mean(name, [*NAMES, *names])}; allowed are {allowed}"
            )
