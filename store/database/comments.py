"""Comments in the catalog of a store: what each view and column that was promised is, and which are not.

They are what a client shows beside the names. A view that is made anew loses those it had, so that all are said again
whenever a store was brought to a schema.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from barhouse.store.sql import Sql, identifier, joined, literal, sql

if TYPE_CHECKING:
    import sqlalchemy as sa

#: Runs a statement where the store is; returns its rows.
Run = Callable[[Sql], Iterable[tuple[Any, ...]]]


@cache
def words() -> dict[str, Any]:
    """What the promised views and their columns are."""
    return tomllib.loads((resources.files("barhouse.store.sql") / "columns.toml").read_text(encoding="utf-8"))


def meaning(view: str, column: str) -> str:
    """What a column of a promised view is: the same in every view, unless it is said of this one."""
    said = words()
    own = said.get("of", {}).get(view, {}).get(column) or said["columns"].get(column)
    return str(own or "A column that the store declares; declared_columns says how bars are put together by it.")


def comment(run: Run) -> None:
    """Say of all views and columns of a store what they are; a view that was made anew has lost what was said."""
    columns, relations = (
        [(one[0], one[1]) for one in run(sql(f"database.{name}"))] for name in ("columns", "relations")
    )
    if statements := list(comments(columns, relations)):
        run(joined(Sql(";\n"), statements))


def comments(columns: Iterable[tuple[str, str]], views: Iterable[tuple[str, str]]) -> Iterator[Sql]:
    """The statements that say all of it. Tables have no comments: Alembic would take these for a part of them.

    Parameters
    ----------
    columns
        The columns of views that a store has, each with its view.
    views
        The views and macros that it has, each with what it is.
    """
    promised = words()["one_row_for_each"]
    own = f"Of Barhouse itself; it may change without a word. Ask {', '.join(promised)}()."
    for kind, name in views:
        if name in promised or kind != "MACRO TABLE":
            said = f"One row for each {promised[name]}." if name in promised else own
            yield sql("database.comment", what=Sql(kind), name=identifier(name), said=literal(said))
    for view, column in columns:
        if view in promised:
            name = Sql(f"{identifier(view)}.{identifier(column)}")
            said = meaning(view, column)
            yield sql("database.comment", what=Sql("COLUMN"), name=name, said=literal(said))


def say_what_there_is(connection: sa.Connection) -> None:
    """Say of all views and columns of a store what they are, by the connection of an upgrade."""

    def run(text: Sql) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.exec_driver_sql(text).fetchall()]

    comment(run)
