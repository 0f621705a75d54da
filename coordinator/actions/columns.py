"""Which column of a source is which part of a corporate action, and what it says, as SQL expressions.

SQL is put together here from constants, literals and identifiers alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from barhouse.coordinator.actions.options import ActionOptions
from barhouse.coordinator.load.columns import Column, folded
from barhouse.coordinator.load.source_rows import SourceRows
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.action import PARTS
from barhouse.store.sql import Sql, literal

#: What a paths' pattern says of its rows.
_PATH_SYMBOL = "path_symbol"
_NOTHING = Sql("NULL::VARCHAR")
_MISSING = ", ".join(literal(text) for text in ("", "-", "--", ".", "n/a", "na", "null", "none", "nan", "nat"))

Columns = Mapping[str, Column | None]


def columns_of(rows: SourceRows, options: ActionOptions) -> Columns:
    """The column of each part; None where there is none.

    Raises
    ------
    OptionsError
        When one is missing that was named, or without which there is no action, or when several could be the one.
    """
    known = {folded(name): column for name, column in rows.columns.items() if column.type.strip('"') != "NULL"}
    found: dict[str, Column | None] = {}
    for part, names in PARTS.items():
        if part in options.columns:
            name = options.columns[part]
            found[part] = None if name is None else known.get(folded(name))
            if name is not None and found[part] is None:
                raise OptionsError(f"{rows.name} has no column {name}, it has {', '.join(rows.columns)}")
            continue
        of_vendor = options.of_preset.get("columns", {}).get(part)
        if of_vendor is not None and (not of_vendor or folded(of_vendor) in known):
            found[part] = known.get(folded(of_vendor))
            continue
        candidates = [known[one] for one in names if one in known]
        if len(candidates) > 1 and part != "ex_date":
            listed = ", ".join(column.name for column in candidates)
            raise OptionsError(
                f"{rows.name} has several columns that could be {part}: {listed}; say which with "
                f"{Option('columns', {part: 'NAME'})}"
            )
        found[part] = candidates[0] if candidates else None
    if found["symbol"] is None and rows.source.path_symbol is not None and "symbol" not in options.columns:
        found["symbol"] = known.get(_PATH_SYMBOL)
    _refuse_incomplete(rows, found)
    return found


def _refuse_incomplete(rows: SourceRows, found: Columns) -> None:
    has = f"it has {', '.join(rows.columns)}"
    if found["ex_date"] is None:
        raise OptionsError(
            f"{rows.name} has no column for the ex-date, {has}; say which with {Option('columns', {'ex_date': 'NAME'})}"
        )
    if (found["ratio_to"] is None) is not (found["ratio_from"] is None):
        there = "ratio_to" if found["ratio_from"] is None else "ratio_from"
        lacking = "ratio_from" if there == "ratio_to" else "ratio_to"
        raise OptionsError(
            f"{rows.name} has a column for {there} and none for {lacking}, {has}; say which with "
            f"{Option('columns', {lacking: 'NAME'})}"
        )
    if found["ratio"] is None and found["ratio_to"] is None and found["amount"] is None:
        raise OptionsError(
            f"{rows.name} has no column for a ratio or an amount, {has}; say which with "
            f"{Option('columns', {'ratio': 'NAME'})} or {Option('columns', {'amount': 'NAME'})}"
        )


def name_in(column: Column | None) -> Sql:
    """The symbol that a row names, as the source spells it."""
    return _NOTHING if column is None else Sql(f"nullif(trim({column.sql}::VARCHAR), '')")


def text_in(column: Column | None) -> Sql:
    """What a row says, as text; null where it says nothing."""
    if column is None:
        return _NOTHING
    text = f"trim({column.sql}::VARCHAR)"
    return Sql(f"CASE WHEN lower({text}) NOT IN ({_MISSING}) THEN {text} END")


def date_in(column: Column, zone: str | None, date_format: str | None) -> Sql:
    """The date that a row says; null where it cannot be read. Of an instant it is that in the zone it was given in."""
    if column.type == "TIMESTAMP WITH TIME ZONE":
        return Sql(f"timezone({literal(zone or 'UTC')}, {column.sql})::DATE")
    if column.type == "DATE" or column.type.startswith("TIMESTAMP"):
        return Sql(f"{column.sql}::DATE")
    text = f"trim({column.sql}::VARCHAR)"
    if date_format is not None:
        return Sql(f"TRY_STRPTIME({text}, {literal(date_format)})::DATE")
    return Sql(
        f"CASE WHEN regexp_matches({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ].*)?$') "
        f"THEN TRY_CAST(left({text}, 10) AS DATE) "
        f"WHEN regexp_matches({text}, '^[0-9]{{8}}$') THEN TRY_STRPTIME({text}, '%Y%m%d')::DATE END"
    )
