"""A table on its way out: the formats, and the file or stream it goes to."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "json", "csv", "arrow", "parquet")
_BINARY = ("arrow", "parquet")
#: A table for people ends here; the other formats have every row.
SHOWN_ROWS_MAX = 1_000
#: With less room per column than this a table runs over the terminal's edge rather than fold every word.
_COLUMN_WIDTH_MIN = 8
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
        raise click.UsageError(
            f"--format {form} is not for a terminal; pipe it on, or write a file with --output"
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
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        for record in batch.to_pylist():
            text = json.dumps(_plain(record), ensure_ascii=False, allow_nan=False)
            stream.write((mark + text).encode())
            mark = ",\n"
    stream.write(b"[]\n" if mark == "[\n" else b"\n]\n")


def _plain(value: Any) -> Any:
    """Give a value as JSON has it; what is no number there (NaN, infinity) becomes null."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return _iso(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _iso(value: datetime | date | time) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def _write_csv(table: pa.Table, stream: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.csv

    columns = [_as_csv_column(column) for column in table.columns]
    if not columns:
        return
    pyarrow.csv.write_csv(
        pa.table(columns, names=table.column_names), pa.PythonFile(_Counted(stream), mode="w")
    )


def _as_csv_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give the column as pyarrow's CSV writer takes it; instants as in JSON."""
    import pyarrow as pa

    simple = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    if any(is_kind(column.type) for is_kind in simple) or pa.types.is_string(column.type):
        return column
    if pa.types.is_timestamp(column.type):
        return _as_iso_column(column)
    texts = [_csv_text(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _as_iso_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    mark = "" if column.type.tz is None else "Z"
    local = column.cast(pa.timestamp(column.type.unit))
    with suppress(pa.ArrowInvalid):  # not all on whole seconds
        local = local.cast(pa.timestamp("s"))
    return pc.strftime(local, format=f"%Y-%m-%dT%H:%M:%S{mark}")


def _csv_text(value: Any) -> str | None:
    plain = _plain(value)
    return plain if plain is None or isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


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


def _write_table(table: pa.Table, stream: IO[bytes]) -> None:
    """Write lines for people."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    if table.num_columns:
        grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        columns = []
        for field, column in zip(table.schema, table.slice(0, SHOWN_ROWS_MAX).columns, strict=True):
            values = column.to_pylist()
            numeric = any(isinstance(one, int | float | Decimal) for one in values)
            grid.add_column(field.name, justify="right" if numeric and not _is_flag(values) else "left")
            columns.append(_readable(values))
        for row in zip(*columns, strict=True):
            grid.add_row(*row)
        console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
        on_terminal = stream is getattr(sys.stdout, "buffer", None) and console.is_terminal
        natural = Measurement.get(console, console.options.update(max_width=10**6), grid).maximum
        if not on_terminal or console.width < _COLUMN_WIDTH_MIN * table.num_columns:
            console.width = max(natural, 1) if not on_terminal else max(natural, console.width)
        with console.capture() as captured:
            console.print(grid)
        lines = (line.rstrip() for line in captured.get().splitlines())
        encoding = sys.stdout.encoding if stream is getattr(sys.stdout, "buffer", None) else "utf-8"
        stream.write(("\n".join(lines) + "\n").encode(encoding, errors="replace"))
    if table.num_rows > SHOWN_ROWS_MAX:
        click.echo(
            f"{SHOWN_ROWS_MAX:,} of {table.num_rows:,} rows shown; the other formats have all",
            err=True,
        )


def _is_flag(values: Sequence[Any]) -> bool:
    return any(isinstance(one, bool) for one in values)


def _readable(values: Sequence[Any]) -> list[str]:
    """Spell a column for people: instants no finer than they need be, nothing for null."""
    instants = [one for one in values if isinstance(one, datetime)]
    if any(one.microsecond for one in instants):
        timespec = "microseconds"
    else:
        timespec = "seconds" if any(one.second for one in instants) else "minutes"
    return [_readable_value(one, timespec) for one in values]


def _readable_value(value: Any, timespec: str) -> str:
    if isinstance(value, datetime):
        mark = "" if value.tzinfo is None else "Z"
        local = value if value.tzinfo is None else value.astimezone(UTC)
        return local.replace(tzinfo=None).isoformat(" ", timespec) + mark
    if isinstance(value, float):
        short = f"{value:.12g}"
        return repr(value) if "e+" in short else short
    plain = str(value) if isinstance(value, Decimal) else _plain(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


_WRITERS: dict[str, Callable[[Any, IO[bytes]], None]] = {
    "table": _write_table,
    "json": _write_json,
    "csv": _write_csv,
    "arrow": _write_arrow,
    "parquet": _write_parquet,
}
