"""Declared columns in levels: what base bars come to in a bucket, and what that is as the values of a bar.

A level carries them as one column, of as many fields as its columns need: a mean is a sum and a count until a bar is
made of it, and sums stay exact decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from barhouse.store.database.transaction import Relation, Transaction
from barhouse.store.records.declared_columns import DeclaredColumns, declared_columns, trimmed
from barhouse.store.sql import Sql, identifier, joined, sql

_COMMA = Sql(", ")


@dataclass(frozen=True, slots=True)
class DeclaredLevels:
    """How levels carry declared columns.

    Attributes
    ----------
    declared
        All that the store declares.
    known
        Whether any base bar has a value.
    """

    declared: DeclaredColumns
    known: bool

    @classmethod
    def of(cls, transaction: Transaction, bounds: dict[str, Any]) -> DeclaredLevels:
        """See whether base bars between ``first_start`` and ``last_end`` have values."""
        declared = declared_columns(transaction)
        return cls(declared, bool(declared) and transaction.one("derive.values_known", bounds).known)

    @property
    def bars(self) -> Sql:
        """The bar table, with values beside bars where there are any."""
        return sql("derive.bars_with_values") if self.known else identifier("bar")

    def aggregates(self, read: Literal["bars", "level"]) -> Sql:
        """What a level has of base bars, or of a shorter level."""
        if not self.known:
            return self.declared.nothing
        fields = [sql(f"derive.{one.aggregate}_of_{read}", number=one.number) for one in self.declared.columns]
        return sql("derive.values_of_level", fields=joined(_COMMA, fields))

    def finished(self, level: Relation) -> Relation:
        """A level with its values as bars have them, up to the longest list."""
        if not self.known:
            return level
        by_number = {
            one.number: sql(
                "derive.finished_mean" if one.aggregate == "mean" else "derive.finished_value", number=one.number
            )
            for one in self.declared.columns
        }
        places = [by_number.get(number, sql("derive.finished_none")) for number in range(1, self.declared.length + 1)]
        return sql("derive.finished_level", level=level, values=joined(_COMMA, places))

    @property
    def trimmed(self) -> Sql:
        """Its values as they are kept."""
        return trimmed(Sql("declared"), self.declared.length) if self.known else Sql("declared")
