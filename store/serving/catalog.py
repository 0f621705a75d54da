"""What a worker tells of a snapshot to clients that list what there is: its views, and the shape of a statement.

Listed are the views that analysts rely on. The tables below them can be asked, but may change without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import duckdb

from barhouse.store.database.comments import words
from barhouse.store.serving.flight_schemas import schema_of
from barhouse.store.serving.parameters import names_of
from barhouse.store.serving.permission import VIEWS as PERMITTED_VIEWS
from barhouse.store.sql import identifier, sql

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.database.transaction import Transaction

Rows = tuple["pa.Schema", Iterator["pa.RecordBatch"]]


def catalogs(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """The snapshot's name."""
    return _table(transaction, "catalogs", {})


def db_schemas(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """Its schema."""
    return _table(transaction, "db_schemas", {name: given.get(name) for name in ("catalog", "schema")})


def tables(transaction: Transaction, given: Mapping[str, Any], allowed: list[str] | None) -> Rows:
    """Its views, with the columns of each where they are asked for."""
    import pyarrow as pa

    asked = {name: given.get(name) for name in ("catalog", "schema", "table", "types")}
    views = list(words()["one_row_for_each"] if allowed is None else PERMITTED_VIEWS)
    schema, batches = _table(transaction, "tables", {**asked, "views": views})
    if not given.get("with_schemas"):
        return schema, batches
    found = pa.Table.from_batches(batches, schema)
    shapes = [
        _columns_of(transaction.cursor, name).serialize().to_pybytes() for name in found["table_name"].to_pylist()
    ]
    whole = schema_of("tables_with_schemas")
    table = pa.Table.from_arrays([*found.columns, pa.chunked_array([shapes], pa.binary())], schema=whole)
    return whole, iter(table.to_batches())


def _table(transaction: Transaction, name: str, parameters: dict[str, Any]) -> Rows:
    schema = schema_of(name)
    found: Any = transaction.cursor.execute(sql(f"serving.{name}"), parameters or None).to_arrow_table()
    return schema, iter(found.cast(schema).to_batches())


def _columns_of(cursor: duckdb.DuckDBPyConnection, view: str) -> pa.Schema:
    reader: Any = cursor.execute(sql("serving.columns_of_view", view=identifier(view))).to_arrow_reader(1)
    schema: pa.Schema = reader.schema
    reader.read_all()
    return schema


def described(cursor: duckdb.DuckDBPyConnection, text: str) -> Rows:
    """The shape of a statement, as a row: the schema of its answer as Arrow writes it, and its parameters' names.

    What an answer looks like can hang on its parameters. So while they are not known, it is told as it is with nulls in
    their place, or left out where that cannot be.
    """
    import pyarrow as pa

    names = names_of(cursor.extract_statements(text)[0])
    answer: pa.Schema | None = None
    if not names:
        answer = _schema_of_answer(cursor.sql(text))
    else:
        nothing: Any = [None] * len(names) if names[0].isdigit() else dict.fromkeys(names)
        with suppress(duckdb.Error):
            answer = _schema_of_answer(cursor.sql(text, params=nothing))
    row = {"schema": [None if answer is None else answer.serialize().to_pybytes()], "parameters": [names]}
    table = pa.table(row, pa.schema({"schema": pa.binary(), "parameters": pa.list_(pa.string())}))
    return table.schema, iter(table.to_batches())


def _schema_of_answer(relation: duckdb.DuckDBPyRelation) -> pa.Schema:
    import pyarrow as pa

    reader: Any = relation.limit(0).to_arrow_reader(1)
    # A limit gives names apart that are alike in the answer.
    return pa.schema([field.with_name(name) for field, name in zip(reader.schema, relation.columns, strict=True)])


#: Each read of what there is, and what it is given.
CATALOG_READS: dict[str, tuple[Callable[[Transaction, Mapping[str, Any], list[str] | None], Rows], tuple[str, ...]]] = {
    "catalogs": (catalogs, ()),
    "db_schemas": (db_schemas, ("catalog", "schema")),
    "tables": (tables, ("catalog", "schema", "table", "types", "with_schemas")),
}
