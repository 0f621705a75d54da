"""A table on its way out: the formats, and the file or stream it goes to."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from barhouse.coordinator.cli.output import grid
from barhouse.coordinator.cli.output.values import csv_text, plain, spelled_out

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "json", "csv", "arrow", "parquet")
_BINARY = ("arrow", "parquet")
_BATCH_ROWS = 10_000


def write(table: pa.Table, form: str, output: Path | None = None) -> None:
    """Write a table to ``output``, or stdout, in one of ``FORMATS``.

    Raises
    ------
    click.UsageError
        For a binary format on a terminal, or an ``output`` that cannot be written.
    """
    check(form, output)
    table = table.rename_columns(_distinct(table.column_names))
    with _opened(output) as stream:
        _WRITERS[form](table, stream)
        stream.flush()


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
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    try:
        stream = output.expanduser().open("wb")
    except OSError as error:
        raise click.UsageError(f"--output {output} cannot be written: {error.strerror}") from error
    with stream:
        yield stream


def _distinct(names: Sequence[str]) -> list[str]:
    """Add numbers to names that come again: a record can hold each name once."""
    distinct: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in distinct:
            number, free = number + 1, f"{name}_{number}"
        distinct[free] = None
    return list(distinct)


def _write_json(table: pa.Table, stream: IO[bytes]) -> None:
    """Write an array of records, one a line; instants in ISO 8601."""
    mark = "[\n"
    for batch in spelled_out(table).to_batches(max_chunksize=_BATCH_ROWS):
        for record in batch.to_pylist():
            text = json.dumps(plain(record), ensure_ascii=False, allow_nan=False)
            stream.write((mark + text).encode())
            mark = ",\n"
    stream.write(b"[]\n" if mark == "[\n" else b"\n]\n")


def _write_csv(table: pa.Table, stream: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.csv

    columns = [_as_csv_column(column) for column in spelled_out(table).columns]
    if not columns:
        return
    pyarrow.csv.write_csv(
        pa.Table.from_arrays(columns, names=table.column_names), pa.PythonFile(_Counted(stream), mode="w")
    )


def _as_csv_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give the column as pyarrow's CSV writer takes it; instants as in JSON."""
    import pyarrow as pa

    types = pa.types
    numbers = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    if any(is_kind(column.type) for is_kind in (*numbers, types.is_string, types.is_date)):
        return column
    texts = [csv_text(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _write_arrow(table: pa.Table, stream: IO[bytes]) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(pa.PythonFile(_Counted(stream), mode="w"), table.schema) as writer:
        writer.write_table(table)


def _write_parquet(table: pa.Table, stream: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, pa.PythonFile(_Counted(stream), mode="w"))


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


_WRITERS: dict[str, Callable[[Any, IO[bytes]], None]] = {
    "table": grid.write,
    "json": _write_json,
    "csv": _write_csv,
    "arrow": _write_arrow,
    "parquet": _write_parquet,
}
