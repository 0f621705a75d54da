"""Rows of trades that a column marks as something else: cancelled, corrected, or no trade but an order.

Exchanges' records have them beside the trades that count. Built into bars they would be prices that never were paid, so
that a source with such rows is refused, whatever they look like otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from barhouse.coordinator.load import source_rows
from barhouse.coordinator.load.columns import folded
from barhouse.coordinator.load.parts import Parts
from barhouse.coordinator.load.source_rows import SourceRows
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.model.bar import UNKNOWN
from barhouse.store.model.words import agreeing, counted
from barhouse.store.sql import Sql, joined, literal

_NOTHING = (*UNKNOWN, "0", "00", "0.0", "false", "f", "n", "no", "[]")
_CORRECTED = "may have been cancelled or corrected"
#: What a column says, by its name: what of it is said of a trade that counts, and what else it may mean.
_MARKS: Mapping[str, tuple[tuple[str, ...], str]] = {
    **{
        name: (_NOTHING, _CORRECTED)
        for name in (
            "correction",
            "corrections",
            "correction_indicator",
            "corr",
            "tr_corr",
            "cancel",
            "canceled",
            "cancelled",
            "is_canceled",
            "is_cancelled",
            "busted",
            "is_busted",
        )
    },
    "action": (("t", "trade"), "may be orders, or other events than trades"),
}


def check(transaction: Transaction, opened: SourceRows, found: Parts) -> None:
    """Refuse a source with rows that one of its columns marks.

    Raises
    ------
    OptionsError
        Naming the column and what it says.
    """
    used = {name for column in found.values() if column is not None for name in column.names}
    for name, column in opened.columns.items():
        if name in used or folded(name) not in _MARKS:
            continue
        counting, meaning = _MARKS[folded(name)]
        with source_rows.read_errors(opened.name):
            marked = transaction.one(
                "load.marked_rows",
                value=column.sql,
                counting=joined(Sql(", "), map(literal, counting)),
                rows=opened.relation,
            )
        if marked.row_count:
            say = agreeing(marked.row_count, "says", "say")
            raise OptionsError(
                f"{counted(marked.row_count, 'row')} of {opened.name} {say} {marked.one!r} or the like in the column "
                f"{name}: they {meaning}; leave out those that do not count, and the column where the rest does"
            )
