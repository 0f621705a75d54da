"""What those may ask who may see some symbols only.

Views of the same names take the place of the store's on their connection, with the rows of their symbols alone. That
holds for what is asked by these names, so a statement's tree is looked at before it is bound: it names such views and
tables of its own (WITH), and calls only functions that read nothing else. What is on no list is refused, so that what a
later DuckDB brings is, until somebody has looked at it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import duckdb

from barhouse.store.database.reach import nodes_of, path_of, tree_of
from barhouse.store.errors import InputError
from barhouse.store.sql import Sql, identifier, joined, literal, sql

#: The views whose rows are of a symbol each.
_BY_SYMBOL = (
    *("bars", "bars_live", "bars_adjusted", "bars_filled", "intervals", "coverage", "gaps", "health", "conflicts"),
    *("revisions", "retention", "actions", "action_revisions", "adjustments", "symbols"),
)
#: Those of which no row says whose it is.
_HIDDEN = ("rejected", "runs")
#: Those that tell of no symbol.
_OF_ALL = ("revision_retention", "history")
VIEWS = (*_BY_SYMBOL, "batches", "vendors", *_HIDDEN, *_OF_ALL)
#: Those that typed reads look into; the others are asked for in SQL alone.
READ_VIEWS = (
    *("bars", "bars_live", "intervals", "coverage", "gaps", "health", "conflicts", "revisions", "retention"),
    *("batches", "vendors", *_HIDDEN),
)

#: Functions in place of tables: what they give comes from their arguments, or from the macro that takes its place.
_TABLE_FUNCTIONS = frozenset({"bars_as_of", "generate_series", "json_each", "json_tree", "range", "unnest"})
#: Functions of values that tell more than the values do: of whole columns, below what a view leaves out.
_TELLING = frozenset({"stats"})
#: What may stand in place of a table in a tree.
_TABLES = frozenset(
    {
        *("BASE_TABLE", "TABLE_FUNCTION", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "PIVOT", "EMPTY", "EMPTY_FROM"),
        *("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"),
    }
)
_PLACES = ("from_table", "left", "right", "source")


def shadow(cursor: duckdb.DuckDBPyConnection, symbols: Iterable[str], views: Collection[str]) -> None:
    """Have some views of a connection, and ``bars_as_of``, show some symbols only, in the spelling of the store."""
    ((name,),) = cursor.execute(sql("serving.catalog")).fetchall()
    catalog = identifier(name)
    named = joined(Sql(", "), map(literal, symbols)) or Sql("NULL")
    for view in _BY_SYMBOL:
        if view in views:
            cursor.execute(sql("serving.shadow_of_view", view=identifier(view), catalog=catalog, symbols=named))
    if not {"batches", "vendors"}.isdisjoint(views):
        cursor.execute(sql("serving.shadow_of_batches", catalog=catalog, symbols=named))
        cursor.execute(sql("serving.shadow_of_vendors", catalog=catalog))
    cursor.execute(sql("serving.shadow_of_bars_as_of", catalog=catalog, symbols=named))
    for view in _HIDDEN:
        if view in views:
            cursor.execute(sql("serving.shadow_of_nothing", view=identifier(view), catalog=catalog))


def allowed_views(cursor: duckdb.DuckDBPyConnection, text: str) -> set[str]:
    """The views that a statement names, which ``shadow`` is to replace; ``check_reads`` has seen that it reads.

    Raises
    ------
    InputError
        When it reaches beyond them, naming what it asks for that is not for this token.
    """
    if cursor.extract_statements(text)[0].type == duckdb.StatementType.EXPLAIN:
        raise InputError(
            "a token that is limited to some symbols sees no plans, which tell of all; ask without EXPLAIN"
        )
    views: set[str] = set()
    macros = {name for (name,) in cursor.execute(sql("serving.macros")).fetchall()}
    for node in nodes_of(tree_of(cursor, text)):
        _check_places(node)
        if node.get("type") == "BASE_TABLE":
            path = path_of(node)
            _check_table(cursor, path)
            views.add(_lower(path[-1]))
        elif node.get("type") == "TABLE_FUNCTION":
            _check_table_function(node["function"])
        elif node.get("class") == "FUNCTION":
            name = _lower(str(node["function_name"]))
            if name in _TELLING or name in macros - _TABLE_FUNCTIONS:
                raise _not_allowed(f"{name}()")
    return views


def _check_places(node: Mapping[str, Any]) -> None:
    for place in _PLACES:
        there = node.get(place)
        if isinstance(there, dict) and "class" not in there and there.get("type") not in _TABLES:
            raise _not_allowed(f"{there.get('type')}, such as DESCRIBE, SHOW and SUMMARIZE,")


def _check_table(cursor: duckdb.DuckDBPyConnection, path: list[str]) -> None:
    name = _lower(path[-1]) if path else ""
    if len(path) != 1:
        raise _not_allowed(".".join(path) or "a table without a name")
    if name in VIEWS:
        return
    ((is_named,),) = cursor.execute(sql("serving.is_named"), {"name": name}).fetchall()
    if is_named:  # as nothing else is, it is a table of the statement's own, or there is none
        raise _not_allowed(name)


def _check_table_function(function: Mapping[str, Any]) -> None:
    name = _lower(str(function["function_name"]))
    path = function.get("qualified_name", {}).get("path") or [
        *filter(None, (function.get("catalog"), function.get("schema"))),
        name,
    ]
    if len(path) != 1 or name not in _TABLE_FUNCTIONS:
        raise _not_allowed(f"{'.'.join(map(str, path))}()")


def _lower(name: str) -> str:
    """A name as DuckDB compares it: without the case of the letters of ASCII."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def _not_allowed(what: str) -> InputError:
    return InputError(
        f"a token that is limited to some symbols does not ask for {what}; it asks the views {', '.join(VIEWS)}, and "
        f"bars_as_of(instant)"
    )
