"""Declaring columns, and dropping them, inside one transaction: the views of the store show what is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from barhouse.store.database.comments import comment
from barhouse.store.database.declared_views import views_showing
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Action, did_you_mean
from barhouse.store.model.reports import ColumnDropReport
from barhouse.store.model.words import shortened
from barhouse.store.records import registry
from barhouse.store.records.declared_columns import (
    MOST_COLUMNS,
    Aggregate,
    DeclaredColumn,
    DeclaredColumns,
    declared_columns,
    trimmed,
)
from barhouse.store.sql import Sql, joined


def declare(transaction: Transaction, columns: Mapping[str, Aggregate], symbols: Sequence[str] | None) -> list[str]:
    """Declare columns of some symbols, or of all; see ``SessionCoordinator.declare_columns``."""
    registry.refuse_unknown(transaction, symbols)
    known = declared_columns(transaction)
    by_name = {column.name: column for column in known.columns}
    _refuse_others(columns, by_name)
    changed, new = [], False
    free = _free_numbers(known)
    for name, aggregate in columns.items():
        before = by_name.get(name)
        number = free.pop(0) if before is None else before.number
        if before is None:
            new = True
            said = {"number": number, "name": name, "aggregate": aggregate, "of_all": symbols is None}
            transaction.write("records.add_column", {**said, "now": transaction.now})
        if _widen(transaction, number, before, symbols) or before is None:
            changed.append(name)
    if new:
        _show(transaction)
    return changed


def drop(transaction: Transaction, names: Sequence[str]) -> ColumnDropReport:
    """Drop columns with their values; see ``SessionCoordinator.drop_columns``."""
    known = {column.name: column for column in declared_columns(transaction).columns}
    for name in names:
        if name not in known:
            has = f"; declared are {', '.join(known)}" if known else "; none is"
            raise InputError(f"no column {shortened(repr(name))} is declared{did_you_mean(name, list(known))}{has}")
    _refuse_needed(transaction, names)
    value_count = 0
    for name in names:
        which = {"number": known[name].number}
        value_count += transaction.one("records.count_values", which).value_count
        left = transaction.make("records.values_without", which, trimmed=trimmed(Sql("declared"), MOST_COLUMNS))
        transaction.write("records.drop_values", which)
        transaction.write("records.restore_values", values_left=left)
        transaction.write("records.forget_column_symbols", which)
        transaction.write("records.forget_column", which)
    _show(transaction)
    return ColumnDropReport(columns=tuple(names), values=value_count)


def _refuse_needed(transaction: Transaction, names: Sequence[str]) -> None:
    """Refuse to drop what rolls of continuous futures are decided by."""
    for future in transaction.run("futures.futures_of", {"symbols": None}):
        if future.roll_rule in names:
            raise InputError(
                f"the continuous future {future.symbol} is rolled by {future.roll_rule}; define it by another rule, or "
                f"remove it with {Action('remove_future', future.symbol)}"
            )


def _refuse_others(columns: Mapping[str, Aggregate], known: Mapping[str, DeclaredColumn]) -> None:
    """Refuse columns that are declared with another aggregate, and more than a store can have."""
    for name, aggregate in columns.items():
        before = known.get(name)
        if before is not None and before.aggregate != aggregate:
            raise InputError(
                f"{name} is declared with {before.aggregate}, not {aggregate}: bars were derived by that; declare "
                f"another name, or drop the column with its values and declare it anew"
            )
    count = len({*columns, *known})
    if count > MOST_COLUMNS:
        raise InputError(
            f"a store has at most {MOST_COLUMNS} declared columns, and these would make {count}; drop some"
        )


def _free_numbers(known: DeclaredColumns) -> list[int]:
    taken = {column.number for column in known.columns}
    return [number for number in range(1, MOST_COLUMNS + 1) if number not in taken]


def _widen(transaction: Transaction, number: int, before: DeclaredColumn | None, symbols: Sequence[str] | None) -> bool:
    """Have symbols have a column; whether any did not before."""
    which = {"number": number}
    if symbols is None:
        if before is None or before.symbol_ids is None:
            return False
        transaction.write("records.widen_column", which)
        transaction.write("records.forget_column_symbols", which)
        return True
    if before is not None and before.symbol_ids is None:
        return False
    return transaction.write("records.add_column_symbols", {**which, "symbols": list(symbols)}) > 0


def _show(transaction: Transaction) -> None:
    """Have views show the columns that are declared now."""

    def run(text: Sql) -> list[tuple[object, ...]]:
        return transaction.execute(text)

    shown = [(row.number, row.name, row.aggregate) for row in transaction.run("database.columns_shown")]
    run(joined(Sql(";\n"), views_showing(shown)))
    comment(run)
