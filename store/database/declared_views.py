"""Views that show declared columns: those of a store, with something in the places that they keep free for it.

A place is a comment in ``store/sql/views.sql``, so that where nothing is declared views are what is written there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from barhouse.store.database.comments import Run
from barhouse.store.sql import Sql, identifier, joined, sql, statements

#: A column as views know it: its number, its name, its aggregate.
Shown = tuple[int, str, str]

_PLACE = re.compile(r"/\*(?:declared|list|formed|named|values of ([a-z]))\*/")
_COMMA = Sql(", ")


def views_showing(columns: Sequence[Shown]) -> list[Sql]:
    """The statements that make views anew which show some columns, or none, and those that are made of these."""
    every = {name: str(view.text) for name, view in statements("views").items()}
    changed: dict[str, str] = {}
    for name, text in every.items():
        if _PLACE.search(text) or any(re.search(rf"\bFROM {other}\b", text) for other in changed):
            changed[name] = text
    return [Sql(_anew(_filled(text, columns))) for text in changed.values()]


def _anew(text: str) -> str:
    return re.sub(r"^CREATE (VIEW|MACRO)\b", r"CREATE OR REPLACE \1", text)


def _filled(text: str, columns: Sequence[Shown]) -> str:
    if not columns:
        return text

    def place(found: re.Match[str]) -> str:
        kind = found[0].strip("/*").split()[0]
        if kind == "values":
            return str(sql("database.values_beside", bars=identifier(found[1])))
        if kind == "list":
            return str(sql("database.values_listed"))
        pieces = [_COMMA + _piece(kind, *column) for column in columns]
        return "".join(pieces)

    return _PLACE.sub(place, text)


def _piece(kind: str, number: int, name: str, aggregate: str) -> Sql:
    if kind == "named":
        return identifier(name)
    if kind == "formed":
        return sql(f"database.formed_{aggregate}", number=number, name=identifier(name))
    return sql("database.value_shown", number=number, name=identifier(name))


def show_columns(run: Run) -> None:
    """Show the columns that a store declares in its views, unless it declares none."""
    columns = [
        (int(number), str(name), str(aggregate)) for number, name, aggregate in run(sql("database.columns_shown"))
    ]
    if columns:
        run(joined(Sql(";\n"), views_showing(columns)))
