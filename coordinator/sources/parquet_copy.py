"""Rows written into a Parquet file, which DuckDB reads as it is: in their order, with every value as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from barhouse.store.places.scratch_folder import have_room

#: Where the schema of rows says how long bars are, when their file says so itself.
INTERVAL = "barhouse.interval"
#: As many as a row group of DuckDB.
_GROUP_ROWS = 122_880


def write_parquet(rows: pa.RecordBatchReader, target: Path) -> str:
    """Write rows into a new file; returns its path."""
    schema = pa.schema([field.with_type(_kept(field.type)) for field in rows.schema], rows.schema.metadata)
    # Statistics leave NaN out, and DuckDB believes them.
    with ParquetWriter(target, schema, write_statistics=False, compression="lz4") as writer:
        for table in _groups(rows):
            have_room(target.parent)
            writer.write_table(table.cast(schema), row_group_size=_GROUP_ROWS)
    return str(target)


def _groups(rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Put small batches together."""
    waiting: list[pa.RecordBatch] = []
    for batch in rows:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= _GROUP_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _kept(kind: pa.DataType) -> pa.DataType:
    """The type that holds the same values in Parquet, as DuckDB understands it."""
    if isinstance(kind, pa.BaseExtensionType):
        return _kept(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _kept(kind.value_type)
    if pa.types.is_timestamp(kind) and kind.unit in ("s", "ms"):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_float16(kind):
        return pa.float32()
    if str(kind) == "string_view":
        return pa.string()
    return kind
