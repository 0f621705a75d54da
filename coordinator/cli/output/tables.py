"""Data on its way out: the formats, and the file or stream it goes to, a batch of rows at a time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from barhouse.coordinator.cli.output import grid
from barhouse.coordinator.cli.output.values import csv_text, plain, spelled_out
from barhouse.store.database.replacement import put_in_place, written_beside
from barhouse.store.model.paths import expanded

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "json", "csv", "arrow", "parquet")
_BINARY = ("arrow", "parquet")
#: How many rows become Python objects at a time.
_RECORDS = 10_000


def write(
    data: pa.Table | pa.RecordBatchReader, form: str, output: Path | None = None, *, every_row: bool = False
) -> None:
    """Write data to ``output``, or stdout, in one of ``FORMATS``; a reader's as it comes.

    A file is there whole or not at all. A table to read is cut, unless it is to have ``every_row``.

    Raises
    ------
    click.UsageError
        For a binary format on a terminal, or an ``output`` that cannot be written.
    """
    import pyarrow as pa

    check(form, output)
    reader = data.to_reader() if isinstance(data, pa.Table) else data
    schema = pa.schema(
        [field.with_name(name) for field, name in zip(reader.schema, _distinct(reader.schema.names), strict=True)]
    )
    batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in reader)
    with opened(output) as stream:
        if form == "table":
            grid.write(schema, batches, stream, rows_max=None if every_row else grid.SHOWN_ROWS_MAX)
        else:
            _WRITERS[form](schema, batches, stream)
        stream.flush()


def begun(reader: pa.RecordBatchReader) -> pa.Table | pa.RecordBatchReader:
    """Read the first batch: a table when that is all there is, otherwise a reader that goes on with the others."""
    import pyarrow as pa

    first = list(islice(reader, 2))
    if len(first) < 2:
        return pa.Table.from_batches(first, reader.schema)
    return pa.RecordBatchReader.from_batches(reader.schema, chain(first, reader))


def check(form: str, output: Path | None) -> None:
    """Refuse what :func:`write` would refuse for its options, before any work is done."""
    if form in _BINARY and output is None and sys.stdout.isatty():
        raise click.UsageError(f"--format {form} is not for a terminal; pipe it on, or write a file with --output")
    suffix = "" if output is None else output.suffix.lower().removeprefix(".")
    if suffix in FORMATS and suffix != form:
        raise click.UsageError(
            f"--output {output} would hold the format {form}; say --format {suffix}, or name another"
        )


@contextmanager
def opened(output: Path | None) -> Iterator[IO[bytes]]:
    """Give stdout, or a file that takes its place when it is whole; a device or a pipe is written as it comes.

    Raises
    ------
    click.UsageError
        For a file that cannot be written.
    """
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    path = expanded(output)
    if path.exists() and not path.is_file():  # nothing can be put in its place
        with _written(path, output) as stream:
            yield stream
        return
    with written_beside(path) as part:
        with _written(part, output) as stream:
            yield stream
        put_in_place(part, path)


def _written(path: Path, output: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise click.UsageError(f"--output {output} cannot be written: {error.strerror}") from error


def _distinct(names: Sequence[str]) -> list[str]:
    """Add numbers to names that come again: a record can hold each name once."""
    distinct: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in distinct:
            number, free = number + 1, f"{name}_{number}"
        distinct[free] = None
    return list(distinct)


def _write_json(schema: pa.Schema, batches: Iterator[pa.RecordBatch], stream: IO[bytes]) -> None:
    """Write an array of records, one a line; instants in ISO 8601."""
    mark = "[\n"
    for batch in batches:
        for start in range(0, batch.num_rows, _RECORDS):
            for record in spelled_out(batch.slice(start, _RECORDS)).to_pylist():
                text = json.dumps(plain(record), ensure_ascii=False, allow_nan=False)
                stream.write((mark + text).encode())
                mark = ",\n"
    stream.write(b"[]\n" if mark == "[\n" else b"\n]\n")


def _write_csv(schema: pa.Schema, batches: Iterator[pa.RecordBatch], stream: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.csv

    texts = [not _csv_has(field.type) for field in schema]
    written = pa.schema(
        [
            pa.field(field.name, pa.string() if is_text else field.type)
            for field, is_text in zip(schema, texts, strict=True)
        ]
    )
    if not schema:
        return
    with pyarrow.csv.CSVWriter(pa.PythonFile(_Counted(stream), mode="w"), written) as writer:
        for batch in batches:
            spelled = spelled_out(batch)
            columns = [
                _as_text(column) if is_text else column for column, is_text in zip(spelled.columns, texts, strict=True)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=written))


def _csv_has(kind: pa.DataType) -> bool:
    """Whether pyarrow's CSV writer spells values of a type as we do."""
    import pyarrow as pa

    types = pa.types
    asked = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_string, types.is_date)
    return any(is_kind(kind) for is_kind in asked)


def _as_text(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_string(column.type):  # an instant, which is spelled already
        return column
    return pa.array([csv_text(value) for value in column.to_pylist()], pa.string())


def _write_arrow(schema: pa.Schema, batches: Iterator[pa.RecordBatch], stream: IO[bytes]) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(pa.PythonFile(_Counted(stream), mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_parquet(schema: pa.Schema, batches: Iterator[pa.RecordBatch], stream: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(pa.PythonFile(_Counted(stream), mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


class _Counted:
    """A stream that knows how far it has come; a pipe does not, and pyarrow asks."""

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._written = 0

    def write(self, data: bytes) -> int:
        self._stream.write(data)
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: whoever opened the stream closes it."""


_WRITERS: dict[str, Callable[[Any, Iterator[Any], IO[bytes]], None]] = {
    "json": _write_json,
    "csv": _write_csv,
    "arrow": _write_arrow,
    "parquet": _write_parquet,
}
