"""What a query reaches besides the tables of its store, told by the tree that DuckDB parses it into.

A connection is one of a process, whose files are all within reach of all of its connections. So what a query asks for
is looked at before it is bound, for DuckDB opens files when it binds: each table must be one, and each function that
stands for a table must be known to read none. A store that is opened ``sealed`` has this from DuckDB itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.sql import sql


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Functions in place of tables that read nothing but what DuckDB has in memory.
_OF_MEMORY = _names("""
    generate_series histogram histogram_values icu_calendar_names json_each json_tree pg_timezone_names range repeat
    repeat_row summary test_all_types test_vector_types unnest
    pragma_collations pragma_database_size pragma_metadata_info pragma_platform pragma_show pragma_storage_info
    pragma_table_info pragma_user_agent pragma_version
    """)
#: Those that read files.
_OF_FILES = _names("""
    glob parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata
    parquet_page_index parquet_scan parquet_schema read_blob read_csv read_csv_auto read_json read_json_auto
    read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects read_parquet read_text
    sniff_csv
    """)
#: Functions of values that change something beyond their answer.
_CHANGING = frozenset({"write_log", "nextval", "setval", "setseed"})
#: What can be done instead by whoever asks from another machine.
_AT_HOME = "fetch bars, or attach the snapshot's file, and join them with a file of yours where that lies"
_PLAIN_NAME = re.compile(r"\w+")
_CLAUSES = frozenset({"USING", "GROUP", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT"})


def refuse_beyond(cursor: duckdb.DuckDBPyConnection, text: str, *, reads_files: bool, is_remote: bool = False) -> None:
    """Refuse a statement that reads when it reaches beyond its store.

    Parameters
    ----------
    reads_files
        Whether it may read files.
    is_remote
        Whether it comes from another machine, for whom no file can be read here.

    Raises
    ------
    InputError
        Naming the file, or the function.
    """
    for node in nodes_of(tree_of(cursor, text)):
        if node.get("type") == "BASE_TABLE" and not reads_files:
            _refuse_file(cursor, path_of(node), is_remote=is_remote)
        elif node.get("type") == "TABLE_FUNCTION":
            name = str(node["function"]["function_name"]).lower()
            _refuse_table_function(cursor, name, reads_files=reads_files, is_remote=is_remote)
        elif node.get("class") == "FUNCTION" and str(node["function_name"]).lower() in _CHANGING:
            raise InputError(f"a query does not call {node['function_name']}, which changes more than its answer")


def path_of(table: dict[str, Any]) -> list[str]:
    """The parts of the name of a table in a tree: catalog and schema where they are said, and its own."""
    path = table.get("qualified_name", {}).get("path")
    return list(path or filter(None, map(table.get, ("catalog_name", "schema_name", "table_name"))))


def _refuse_file(cursor: duckdb.DuckDBPyConnection, path: list[str], *, is_remote: bool) -> None:
    """Refuse a name in place of a table that DuckDB would take for a file's: one with a dot, or of several parts."""
    if len(path) == 1 and _PLAIN_NAME.fullmatch(path[0]):
        return
    *within, name = (part.lower() for part in path)
    there = cursor.execute(sql("database.is_table"), {"name": name, "path": within}).fetchall()
    if not there[0][0]:
        if is_remote:
            raise InputError(
                f"{'.'.join(path)} is no table or view of the store, and no files are read here; {_AT_HOME}"
            )
        raise InputError(
            f"{'.'.join(path)} is no table or view of the store, and a query reads no files unless that is said; say "
            f"{Option('reads_files', True)} if a file is meant"
        )


def _refuse_table_function(cursor: duckdb.DuckDBPyConnection, name: str, *, reads_files: bool, is_remote: bool) -> None:
    if name in _OF_MEMORY or name.startswith("duckdb_") or (reads_files and name in _OF_FILES):
        return
    if name in _OF_FILES and is_remote:
        raise InputError(f"no files are read here, and {name} does; {_AT_HOME}")
    if name in _OF_FILES:
        raise InputError(
            f"a query reads no files unless that is said, and {name} does; say {Option('reads_files', True)}"
        )
    if not cursor.execute(sql("database.is_macro"), {"name": name}).fetchall()[0][0]:
        raise InputError(
            f"a query does not call {name} in place of a table: it may change what DuckDB is for the whole process, or "
            f"runs what cannot be looked at; ask tables, views and files directly"
        )


def nodes_of(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a tree."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def tree_of(cursor: duckdb.DuckDBPyConnection, text: str) -> Any:
    """The statement as DuckDB parses it.

    A PIVOT that finds its columns in the data is several statements to DuckDB, of which it gives no tree. It has one as
    soon as their values are said, whatever they are: the tables and functions that it names are the same.

    Raises
    ------
    InputError
        When DuckDB gives none.
    """
    for tried in (text, _with_values(text)):
        try:
            (given,) = cursor.execute(sql("database.parsed"), {"text": tried}).fetchall()[0]
            tree = json.loads(given)
        except (duckdb.Error, RecursionError) as error:
            raise InputError(f"the query cannot be looked at before it is run: {str(error).splitlines()[0]}") from error
        if not tree["error"]:
            return tree
    raise InputError(
        "the query cannot be looked at before it is run; where it is a PIVOT, name the values that become "
        "columns, as in PIVOT bars ON symbol IN ('SPY', 'QQQ')"
    )


def _with_values(text: str) -> str:
    """A text whose PIVOTs say which values they make columns of."""
    given = text.encode()
    found = duckdb.tokenize(text)
    tokens = [(at, given[at:end].decode().strip()) for (at, _), end in zip(found, _ends(found, given), strict=True)]
    comments = {at for at, kind in found if kind == duckdb.token_type.comment}
    made, copied = b"", 0
    depth = 0
    pivots: list[tuple[int, str]] = []  # the depth of each PIVOT, and whether its ON has come, and values been said

    def say(at: int) -> None:
        nonlocal made, copied
        made += given[copied:at] + b" IN ('') "
        copied = at

    for at, word in tokens:
        if at in comments or not word:
            continue
        upper = word.upper()
        state = pivots[-1][1] if pivots and pivots[-1][0] == depth else None
        ends = state in ("on", "said") and (upper in _CLAUSES or word in (")", ";"))
        if state == "on" and (ends or word == ","):
            say(at)
        if ends:
            pivots.pop()
        elif state == "said" and word == ",":
            pivots[-1] = (depth, "on")
        elif state == "on" and upper == "IN":
            pivots[-1] = (depth, "said")
        elif state == "pivot" and upper == "ON":
            pivots[-1] = (depth, "on")
        if upper in ("PIVOT", "PIVOT_WIDER"):
            pivots.append((depth, "pivot"))
        depth += word.count("(") + word.count("[") - word.count(")") - word.count("]")
        while pivots and pivots[-1][0] > depth:
            pivots.pop()
    if pivots and pivots[-1][1] == "on":
        say(len(given))
    return (made + given[copied:]).decode()


def _ends(found: list[tuple[int, Any]], given: bytes) -> list[int]:
    return [*(at for at, _ in found[1:]), len(given)]
