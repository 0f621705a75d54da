"""Increments: what a store has that a snapshot of it lacks, table by table, as one file of Arrow.

A part of an increment says how a table comes from what it was to what it is: rows are added; or those of some keys go
and others come; or the whole table is another one. What a table was is what it is after all increments before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from barhouse.store.database.changes import BY_INTERVAL, BY_SESSION, INTERVAL_KEY, SESSION_KEY, WHOLE, Key, Noted
from barhouse.store.errors import StoreError
from barhouse.store.sql import identifier

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.database.transaction import Transaction

How = Literal["added", "keyed", "whole"]

#: A table with more new rows than that is copied with the store.
MOST_ROWS: Final = 200_000
#: How each table may come from what it was to what it is; all others of a store are for writers alone.
HOW: Final[Mapping[str, tuple[How, ...]]] = {
    "bar": ("keyed",),
    **dict.fromkeys(BY_SESSION, ("keyed",)),
    "bar_revision": ("added",),
    "bar_values": ("added",),
    "batch": ("added",),
    "rejected_bar": ("added",),
    **dict.fromkeys(sorted(WHOLE), ("whole",)),
    **dict.fromkeys(BY_INTERVAL, ("keyed", "whole")),
}
#: What tells which rows of tables are replaced.
KEYS: Final[Mapping[str, Key]] = {
    "bar": ("interval_id", "bar_start"),
    **dict.fromkeys(BY_SESSION, SESSION_KEY),
    **dict.fromkeys(BY_INTERVAL, INTERVAL_KEY),
}


#: What files of Arrow begin and end with.
_MAGIC: Final = b"ARROW1"
#: How rows are read by keys, and the column of these that bounds where they are looked for.
_READ_BY: Final = {
    SESSION_KEY: ("rows_of_sessions", "session_date"),
    INTERVAL_KEY: ("rows_of_intervals", "interval_id"),
}


class TooManyRowsError(Exception):
    """There is so much that is new that the store is copied instead."""


@dataclass(frozen=True, slots=True)
class TableChange:
    """What becomes of a table.

    Attributes
    ----------
    how
        ``added``: the rows come. ``keyed``: those of the keys go, and the rows come. ``whole``: the rows are all.
    rows
        In the columns of the table.
    keys
        Of ``keyed``; they may come more than once.
    """

    how: How
    rows: pa.Table
    keys: pa.Table | None = None


Increment = dict[str, TableChange]


def increment_since(transaction: Transaction, since: int, noted: Noted) -> Increment:
    """What was written since an earlier state.

    Parameters
    ----------
    transaction
        Reads the store as it is now.
    since
        The newest batch of that state; 0 for none.
    noted
        What was written since then, all of which can be told.

    Raises
    ------
    TooManyRowsError
        It is more than an increment holds.
    """

    def read(name: str, parameters: Mapping[str, Any], **places: object) -> pa.Table:
        found = transaction.table(f"copies.{name}", {**parameters, "most": MOST_ROWS + 1}, **places)
        if found.num_rows > MOST_ROWS:
            raise TooManyRowsError
        return found

    parts: Increment = {}
    since_then = {"since": since}
    if "batch" in noted.tables:
        parts["batch"] = TableChange("added", read("batches_since", since_then))
    if "bar_revision" in noted.tables:
        parts["bar_revision"] = TableChange("added", read("revisions_since", since_then))
    if "bar" in noted.tables:
        replaced = parts["bar_revision"].rows.select(list(KEYS["bar"])) if "bar_revision" in parts else None
        parts["bar"] = TableChange("keyed", read("bars_since", since_then), replaced)
    if "bar_values" in noted.tables:
        parts["bar_values"] = TableChange("added", read("values_since", since_then))
    if "rejected_bar" in noted.tables:
        parts["rejected_bar"] = TableChange("added", read("rejected_since", since_then))
    whole = noted.tables & WHOLE
    for table in sorted(noted.keys.keys() - whole):
        keys = keys_once(noted.keys[table])
        if keys.num_rows:
            parts[table] = _of_keys(transaction, table, keys, read)
    for table in sorted(whole):
        parts[table] = TableChange("whole", read("all_rows", {}, table=identifier(table)))
    return parts


def _of_keys(transaction: Transaction, table: str, keys: pa.Table, read: Callable[..., pa.Table]) -> TableChange:
    """What a table has of some keys."""
    import pyarrow.compute as pc

    name, column = _READ_BY[KEYS[table]]
    bounds = pc.min_max(keys[column])
    asked = {"first": bounds["min"].as_py(), "last": bounds["max"].as_py()}
    wanted = transaction.attach("wanted_keys", keys)
    return TableChange("keyed", read(name, asked, table=identifier(table), wanted_keys=wanted), keys)


def keys_once(keys: list[pa.Table]) -> pa.Table:
    """The keys in some tables, each once.

    Raises
    ------
    TooManyRowsError
        They are more than an increment holds.
    """
    import pyarrow as pa

    once = pa.concat_tables(keys)
    if len(keys) > 1:
        once = once.group_by(once.column_names).aggregate([])
    if once.num_rows > MOST_ROWS:
        raise TooManyRowsError
    return once


def packed(increment: Increment) -> pa.Table:
    """An increment as a table: a row for each part, whose tables are Arrow streams."""
    import pyarrow as pa

    columns = {
        "table": pa.array(list(increment), pa.string()),
        "how": pa.array([part.how for part in increment.values()], pa.string()),
        "rows": pa.array([_stream(part.rows) for part in increment.values()], pa.large_binary()),
        "keys": pa.array(
            [None if part.keys is None else _stream(part.keys) for part in increment.values()], pa.large_binary()
        ),
    }
    return pa.table(columns)


def write(increment: Increment, file: Path, mode: int) -> None:
    """Write an increment into a new file, that those may read whom ``mode`` names."""
    import pyarrow as pa

    table = packed(increment)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    file.chmod(mode)


def read(file: Path) -> Increment:
    """The increment in a file.

    Raises
    ------
    StoreError
        The file is none.
    """
    import pyarrow as pa

    try:
        with file.open("rb") as source, pa.ipc.open_file(source) as reader:
            rows = reader.read_all().to_pylist()
        return {_known(row["table"]): _change(row) for row in rows}
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{file} is no increment of a snapshot: {error}; publish the store anew") from error


def is_whole(file: Path) -> bool:
    """Whether a file ends as those of Arrow do, so that it was written to its end."""
    with file.open("rb") as source:
        source.seek(0, os.SEEK_END)
        if source.tell() < 2 * len(_MAGIC):
            return False
        source.seek(-len(_MAGIC), os.SEEK_END)
        return source.read() == _MAGIC


def _known(table: Any) -> str:
    if table not in HOW:
        raise ValueError(f"it tells of {table!r}, which is no table here")
    return str(table)


def _change(row: Mapping[str, Any]) -> TableChange:
    if row["how"] not in HOW[row["table"]]:
        raise ValueError(f"{row['table']} is not {row['how']}")
    keys = row["keys"]
    return TableChange(row["how"], _table(row["rows"]), None if keys is None else _table(keys))


def _stream(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _table(stream: bytes) -> pa.Table:
    import pyarrow as pa

    with pa.ipc.open_stream(stream) as reader:
        return reader.read_all()
