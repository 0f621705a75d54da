"""How the columns of a source become the values of bars: SQL expressions for numbers, counts and symbols.

Here and in ``stamps`` alone is SQL put together from texts: each is a constant, a literal or an identifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import REQUIRED, UNKNOWN
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
    """A column of a source, by name and DuckDB type."""

    name: str
    type: str

    @property
    def sql(self) -> Sql:
        """The column's name, quoted."""
        return identifier(self.name)

    @property
    def is_text(self) -> bool:
        """Whether the source holds text that has to be understood."""
        return self.type == "VARCHAR" or self.type.startswith("ENUM")


def number(column: Column | None, part: str) -> Sql:
    """An expression for a price or volume (DOUBLE); NULL where there is no column or no number."""
    if column is None:
        return Sql("NULL::DOUBLE")
    # Adding zero turns -0.0 into 0.0: equal values have equal bits.
    if column.is_text:
        return Sql(f"TRY_CAST(nullif(trim({column.sql}::VARCHAR), '') AS DOUBLE) + 0.0")
    if column.type in INTEGERS | FLOATS or column.type.startswith("DECIMAL"):
        return Sql(f"{column.sql}::DOUBLE + 0.0")
    raise OptionsError(
        f"{column.name} is {column.type}, but {part} takes numbers; name another column with {Option('columns')}"
    )


def volume(column: Column | None) -> Sql:
    """An expression for the volume; 0 where there is no column."""
    return Sql("0.0::DOUBLE") if column is None else number(column, "volume")


def optional(column: Column | None, part: str) -> Sql:
    """The same, for what a bar may lack (DOUBLE); NULL also where the source says that it is unknown."""
    value = number(column, part)
    # A comparison would not do: the statistics of a Parquet file leave NaN out, and DuckDB believes them.
    return Sql(f"CASE WHEN NOT isnan({value}) THEN {value} END")


def count(column: Column | None) -> Sql:
    """An expression for a number of trades (BIGINT); NULL where there is no column or no number."""
    if column is None:
        return Sql("NULL::BIGINT")
    return Sql(f"TRY_CAST({optional(column, 'trade_count')} AS BIGINT)")


def misread(parts: Mapping[str, Column | None], is_date: Sql | None = None) -> Sql:
    """An expression for what is wrong with the first part that cannot be meant as it stands; NULL where none is.

    Parameters
    ----------
    is_date
        A condition: that the stamp is a date, where a time is meant.
    """
    cases = [] if is_date is None else [f"WHEN {is_date} THEN {literal(A_DATE)}"]
    for part, column in parts.items():
        if column is not None and column.is_text and part not in ("bar_start", "symbol"):
            text = f"trim({column.sql}::VARCHAR)"
            unknown = "''" if part in REQUIRED else ", ".join(map(literal, UNKNOWN))
            is_wrong = f"TRY_CAST({text} AS DOUBLE) IS NULL AND lower({text}) NOT IN ({unknown})"
            cases.append(f"WHEN {is_wrong} THEN {literal(f'{part} is not a number')}")
    trades = parts.get("trade_count")
    if trades is not None and trades.type not in INTEGERS:
        given = optional(trades, "trade_count")
        # Casting it would round, and give null for what does not fit. 2 ** 63 and more fit no count.
        is_whole = f"(abs({given}) < 9223372036854775808 AND {given} = trunc({given}))"
        cases.append(f"WHEN NOT {is_whole} THEN 'trade_count is not a whole number'")
    return Sql(f"CASE {' '.join(cases)} END") if cases else Sql("NULL::VARCHAR")


def symbol(column: Column | None) -> Sql:
    """An expression for the symbol as the source spells it; NULL where all rows are of one."""
    return Sql("NULL::VARCHAR") if column is None else Sql(f"{column.sql}::VARCHAR")


def named(column: Column, names: Sequence[str]) -> Sql:
    """A condition: that the column names one of some symbols; ``*`` and ``?`` stand for other characters."""
    spelled = f"upper(trim({column.sql}::VARCHAR))"
    plain = ", ".join(literal(text) for text in names if not is_pattern(text))
    wanted = [f"{spelled} IN ({plain})"] if plain else []
    wanted += [f"{spelled} GLOB {literal(text.replace('[', '[[]'))}" for text in names if is_pattern(text)]
    return Sql(f"({' OR '.join(wanted)})")


def is_pattern(text: str) -> bool:
    """Whether a text that names symbols has ``*`` or ``?`` in it, and names many."""
    return "*" in text or "?" in text
