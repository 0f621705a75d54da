"""The columns of a source, and the symbols that one of them names, as SQL expressions.

Here, in ``numbers`` and in ``stamps`` alone is SQL put together from texts: each is a constant, a literal or an
identifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from barhouse.store.model.bar import NUMBERED
from barhouse.store.model.spelling import Spelling
from barhouse.store.model.symbol_range import SymbolRange
from barhouse.store.sql import Sql, identifier, literal

INTEGERS = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
}
FLOATS = {"FLOAT", "DOUBLE"}
#: Why a stamp is no instant that names a day.
A_DATE = "the stamp is a date without a time of day"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source, by name and DuckDB type; or what several of them say together.

    Attributes
    ----------
    made
        Of several columns, the expression that puts them together.
    of
        Their names.
    """

    name: str
    type: str
    made: Sql | None = None
    of: tuple[str, ...] = ()

    @property
    def sql(self) -> Sql:
        """The column's name, quoted; or what several are together."""
        return identifier(self.name) if self.made is None else Sql(f"({self.made})")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the source that it is."""
        return self.of or (self.name,)

    @property
    def is_text(self) -> bool:
        """Whether the source holds text that has to be understood."""
        return self.type == "VARCHAR" or self.type.startswith("ENUM")


def folded(name: str) -> str:
    """A name as it is compared: without case, the brackets of ``<OPEN>``, or the number of ``1. open``."""
    return NUMBERED.sub("", name.strip()).removeprefix("<").removesuffix(">").strip().casefold()


def symbol(column: Column | None) -> Sql:
    """An expression for the symbol as the source spells it; NULL where all rows are of one."""
    return Sql("NULL::VARCHAR") if column is None else Sql(f"{column.sql}::VARCHAR")


def named(column: Column, symbols: Sequence[str], spelling: Spelling) -> Sql:
    """A condition: that the column names one of some symbols; ``*`` and ``?`` stand for other characters."""
    spelled = _spelled(column, spelling)
    names = [spelling.of(text) for text in symbols]
    plain = ", ".join(literal(text) for text in names if not is_pattern(text))
    wanted = [f"{spelled} IN ({plain})"] if plain else []
    wanted += [f"{spelled} GLOB {literal(text.replace('[', '[[]'))}" for text in names if is_pattern(text)]
    return Sql(f"({' OR '.join(wanted)})")


def in_range(column: Column, symbols: SymbolRange, spelling: Spelling) -> Sql:
    """A condition: that the column names a symbol of a range; one that names none goes with the first range."""
    spelled = _spelled(column, spelling)
    bounds = [f"{spelled} {sign} {literal(edge)}" for sign, edge in ((">=", symbols.first), ("<", symbols.end)) if edge]
    if symbols.holds_unnamed:
        return Sql(f"coalesce({' AND '.join(bounds) or 'true'}, true)")
    return Sql(f"({' AND '.join(bounds)})")


def _spelled(column: Column, spelling: Spelling) -> str:
    spelled = f"nfc_normalize(trim({column.sql}::VARCHAR))"
    return spelled if spelling.case_sensitive else f"upper({spelled})"


def is_pattern(text: str) -> bool:
    """Whether a text that names symbols has ``*`` or ``?`` in it, and names many."""
    return "*" in text or "?" in text
