"""The formats of answers, each written batch by batch into whatever takes bytes: nothing waits for the last row.

JSON goes by columns, since that is what charts and frames take, and so the rows are there before the first byte is
written: it is for answers of a screenful up to ``JSON_ROWS_MAX`` rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

from barhouse.store.errors import InputError
from barhouse.store.model.words import counted
from barhouse.store.serving.csv_rows import header, lines

if TYPE_CHECKING:
    import pyarrow as pa

#: More are refused as JSON: other formats are smaller, and stream.
JSON_ROWS_MAX = 1_000_000
#: How many values become Python objects at a time.
_VALUES = 20_000
_WHOLE_SECONDS_LENGTH = len("2024-11-29 14:30:00")


class Sink(Protocol):
    """Takes bytes, and knows how many it has taken."""

    def write(self, data: Any, /) -> Any:
        """Take bytes."""

    def tell(self) -> int:
        """How many were taken."""


class BatchWriter(Protocol):
    """Writes the batches of a schema."""

    def __call__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch], sink: Sink) -> None:
        """Write them all."""


@dataclass(frozen=True, slots=True)
class Format:
    """One of the formats.

    Attributes
    ----------
    media_type
        What it is called in HTTP.
    write
        Writes it.
    """

    media_type: str
    write: BatchWriter


def write_arrow(schema: pa.Schema, batches: Iterator[pa.RecordBatch], sink: Sink) -> None:
    """Arrow's IPC stream: types and all, and the quickest to write and to read."""
    import pyarrow as pa

    with pa.ipc.new_stream(_file(sink), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def write_parquet(schema: pa.Schema, batches: Iterator[pa.RecordBatch], sink: Sink) -> None:
    """Parquet, a row group for each batch."""
    import pyarrow.parquet as pq

    named = _named_apart(schema)
    with pq.ParquetWriter(_file(sink), named, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.rename_columns(named.names))


def write_csv(schema: pa.Schema, batches: Iterator[pa.RecordBatch], sink: Sink) -> None:
    """CSV with a header; instants in ISO 8601 and UTC, lists and structs as JSON."""
    sink.write(header(schema.names))
    for batch in batches:
        for piece in lines(batch, _as_texts):
            sink.write(piece)


def write_json(schema: pa.Schema, batches: Iterator[pa.RecordBatch], sink: Sink) -> None:
    """JSON by columns: ``{"row_count": 2, "columns": {"symbol": ["SPY", "SPY"], ...}}``.

    Instants are ISO 8601 in UTC, dates ``2024-11-29``; what is no number in JSON (NaN, infinity) is null.
    """
    import pyarrow as pa

    gathered, row_count = [], 0
    for batch in batches:
        gathered.append(batch)
        row_count += batch.num_rows
        if row_count > JSON_ROWS_MAX:
            raise InputError(
                f"as JSON an answer has at most {counted(JSON_ROWS_MAX, 'row')}; ask for Arrow, Parquet or CSV, or for "
                f"fewer"
            )
    table = pa.Table.from_batches(gathered, schema)
    sink.write(f'{{"row_count": {table.num_rows}, "columns": {{'.encode())
    for number, (name, column) in enumerate(zip(_named_apart(schema).names, table.columns, strict=True)):
        sink.write(f"{', ' if number else ''}{json.dumps(name)}: [".encode())
        _write_values(column, sink)
        sink.write(b"]")
    sink.write(b"}}\n")


def _write_values(column: pa.ChunkedArray, sink: Sink) -> None:
    for start in range(0, len(column), _VALUES):
        values = _spelled(column.slice(start, _VALUES)).to_pylist()
        text = json.dumps([_plain(value) for value in values], ensure_ascii=False, allow_nan=False)
        sink.write(f"{', ' if start else ''}{text[1:-1]}".encode())


def _spelled(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    import pyarrow as pa

    return instants(column) if pa.types.is_timestamp(column.type) else column


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return value.hex() if isinstance(value, bytes) else str(value)


def _as_texts(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    given = (_plain(value) for value in column.to_pylist())
    texts = [one if one is None or isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in given]
    return pa.array(texts, pa.string())


def instants(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Instants as ISO 8601, ``2024-11-29T14:30:00Z``, with a fraction where one of them has one.

    Arrow's own way by a format takes ten times as long; so it is used only for years of more than four digits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = "" if column.type.tz is None else "Z"
    local = column.cast(pa.timestamp(column.type.unit))
    try:
        local = local.cast(pa.timestamp("s"))
    except pa.ArrowInvalid:  # not all on whole seconds
        return _spelled_by_format(local, zone)
    texts = local.cast(pa.string())
    longest = pc.max(pc.binary_length(texts)).as_py()
    if longest is None:
        return texts
    if longest != _WHOLE_SECONDS_LENGTH or pc.min(pc.binary_length(texts)).as_py() != longest:
        return _spelled_by_format(local, zone)
    joined = pc.binary_replace_slice(texts.cast(pa.binary()), 10, 11, b"T").cast(pa.string())
    return pc.binary_join_element_wise(joined, pa.scalar(zone), "") if zone else joined


def _spelled_by_format(local: pa.Array | pa.ChunkedArray, zone: str) -> pa.Array | pa.ChunkedArray:
    import pyarrow.compute as pc

    texts = pc.strftime(local, format=f"%Y-%m-%dT%H:%M:%S{zone}")
    return pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1")


def _named_apart(schema: pa.Schema) -> pa.Schema:
    """A schema in which each name stands once, for formats that hold each once."""
    import pyarrow as pa

    names: dict[str, None] = {}
    for name in schema.names:
        number, free = 1, name
        while free in names:
            number, free = number + 1, f"{name}_{number}"
        names[free] = None
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def _file(sink: Sink) -> Any:
    import pyarrow as pa

    return pa.PythonFile(sink, mode="w")


FORMATS: dict[str, Format] = {
    "arrow": Format("application/vnd.apache.arrow.stream", write_arrow),
    "csv": Format("text/csv; charset=utf-8", write_csv),
    "json": Format("application/json", write_json),
    "parquet": Format("application/vnd.apache.parquet", write_parquet),
}
