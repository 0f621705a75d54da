"""The tables by which Flight SQL tells what a server has, in its own schemas, to the last ``not null``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

#: What is listed as a table is a view of the store.
TABLE_TYPE = "VIEW"

#: Which columns each has, in order: its name, its type, and whether it may be null.
_KEYS = (
    *(("pk_catalog_name", "string", True), ("pk_db_schema_name", "string", True)),
    *(("pk_table_name", "string", False), ("pk_column_name", "string", False)),
    *(("fk_catalog_name", "string", True), ("fk_db_schema_name", "string", True)),
    *(("fk_table_name", "string", False), ("fk_column_name", "string", False)),
    *(("key_sequence", "int32", False), ("fk_key_name", "string", True), ("pk_key_name", "string", True)),
    *(("update_rule", "uint8", False), ("delete_rule", "uint8", False)),
)
_TABLES = (
    *(("catalog_name", "string", True), ("db_schema_name", "string", True)),
    *(("table_name", "string", False), ("table_type", "string", False)),
)
_COLUMNS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "catalogs": (("catalog_name", "string", False),),
    "db_schemas": (("catalog_name", "string", True), ("db_schema_name", "string", False)),
    "tables": _TABLES,
    "tables_with_schemas": (*_TABLES, ("table_schema", "binary", False)),
    "table_types": (("table_type", "string", False),),
    "primary_keys": (
        *(("catalog_name", "string", True), ("db_schema_name", "string", True), ("table_name", "string", False)),
        *(("column_name", "string", False), ("key_sequence", "int32", False), ("key_name", "string", True)),
    ),
    "foreign_keys": _KEYS,
}

#: What is said of the server, by the number that Flight SQL gives each question.
_SERVER_INFO: dict[int, Any] = {
    0: "Barhouse",
    3: True,  # it only reads
    4: True,  # it takes SQL
    5: False,  # it takes no Substrait plans
    8: 0,  # it has no transactions
    9: False,  # a query is cancelled by leaving it
    100: 0,  # prepared statements do not expire by time
    500: False,  # no catalogs,
    501: False,  # schemas
    502: False,  # or tables are made or dropped
    503: 1,  # the case of names does not count
    504: '"',
    505: 1,  # nor that of quoted ones
    506: True,  # whatever is listed can be selected from
    507: 3,  # nulls come last
    508: [],
    509: [],
    510: [],
    511: [],
    512: [],
    513: "\\",
    514: "",
    515: True,  # columns can be renamed by AS
    516: True,  # null and something is null
    518: True,  # tables, too,
    519: False,  # to any name
    520: True,  # ORDER BY takes expressions
    521: True,  # and what is not selected
    522: 3,  # GROUP BY, too
    523: True,  # LIKE has ESCAPE
    524: True,  # columns may be not null
    528: 2,  # outer joins of every kind
    529: "schema",
    530: "procedure",
    531: "catalog",
    532: True,  # a catalog's name comes first
}
_ARROW_VERSION, _VERSION = 2, 1


@cache
def schema_of(table: str) -> pa.Schema:
    """The schema of one of the tables: ``catalogs``, ``db_schemas``, ``tables``, ``sql_info`` and so on."""
    import pyarrow as pa

    if table == "sql_info":
        return pa.schema(
            [pa.field("info_name", pa.uint32(), nullable=False), pa.field("value", _info_type(), nullable=False)]
        )
    types = {"string": pa.string(), "binary": pa.binary(), "int32": pa.int32(), "uint8": pa.uint8()}
    return pa.schema([pa.field(name, types[kind], nullable=nullable) for name, kind, nullable in _COLUMNS[table]])


def _info_type() -> pa.DataType:
    import pyarrow as pa

    kinds = {
        "string_value": pa.string(),
        "bool_value": pa.bool_(),
        "bigint_value": pa.int64(),
        "int32_bitmask": pa.int32(),
        "string_list": pa.list_(pa.string()),
        "int32_to_int32_list_map": pa.map_(pa.int32(), pa.list_(pa.int32())),
    }
    return pa.dense_union([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])


def empty(table: str) -> pa.Table:
    """One of the tables without rows."""
    return schema_of(table).empty_table()


def table_types() -> pa.Table:
    """What kinds of tables there are."""
    import pyarrow as pa

    return pa.Table.from_pydict({"table_type": [TABLE_TYPE]}, schema=schema_of("table_types"))


def sql_info(asked: Iterable[int], version: str) -> pa.Table:
    """What is said of the server, of what was asked, or of everything where nothing was; what is not known is left out.

    Parameters
    ----------
    version
        Of Barhouse.
    """
    import pyarrow as pa

    said = {**_SERVER_INFO, _VERSION: version, _ARROW_VERSION: pa.__version__}
    wanted = sorted(said.keys() & set(asked)) or ([] if list(asked) else sorted(said))
    kind = _info_type()
    children: list[list[Any]] = [[] for _ in range(kind.num_fields)]
    members, offsets = [], []
    for number in wanted:
        member = _member_of(said[number])
        members.append(member)
        offsets.append(len(children[member]))
        children[member].append(said[number])
    value = pa.Array.from_buffers(
        kind,
        len(wanted),
        [None, pa.array(members, pa.int8()).buffers()[1], pa.array(offsets, pa.int32()).buffers()[1]],
        children=[pa.array(values, kind.field(place).type) for place, values in enumerate(children)],
    )
    return pa.Table.from_arrays([pa.array(wanted, pa.uint32()), value], schema=schema_of("sql_info"))


def _member_of(value: Any) -> int:
    """Which member of the union a value is."""
    if isinstance(value, str):
        return 0
    if isinstance(value, bool):
        return 1
    return 4 if isinstance(value, list) else 3
