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
from typing import IO, TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "json", "csv", "arrow", "parquet")
_BINARY = ("arrow", "parquet")
#: A table for people ends here, after a day of minutes; the other formats have every row.
SHOWN_ROWS_MAX = 400
#: With less room per column than this a table runs over the terminal's edge rather than fold every word.
_COLUMN_WIDTH_MIN = 8
#: Wider than any table.
_WIDE = 1_000_000
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
    for batch in _spelled(table).to_batches(max_chunksize=_BATCH_ROWS):
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

    columns = [_as_csv_column(column) for column in _spelled(table).columns]
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
    texts = [_csv_text(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _spelled(table: pa.Table, *, readable: bool = False) -> pa.Table:
    """Spell the instants of a table, as ISO 8601 or more readable; pyarrow would ask pandas for them."""
    import pyarrow as pa

    columns = [
        _spelled_column(one, readable=readable) if pa.types.is_timestamp(one.type) else one for one in table.columns
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _spelled_column(column: pa.ChunkedArray, *, readable: bool) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = "" if column.type.tz is None else "Z"
    local = column.cast(pa.timestamp(column.type.unit))
    with suppress(pa.ArrowInvalid):  # not all on whole seconds
        local = local.cast(pa.timestamp("s"))
    if not readable:
        return pc.strftime(local, format=f"%Y-%m-%dT%H:%M:%S{zone}")
    whole_minutes = local.type.unit == "s" and not pc.max(pc.second(local)).as_py()
    return pc.strftime(local, format=f"%Y-%m-%d %H:%M{'' if whole_minutes else ':%S'}{zone}")


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
    from rich.table import Table

    if table.num_columns:
        grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        columns = []
        shown = _spelled(table.slice(0, SHOWN_ROWS_MAX), readable=True)
        for name, column in zip(shown.column_names, shown.columns, strict=True):
            values = column.to_pylist()
            numeric = any(isinstance(one, int | float | Decimal) for one in values)
            side: Literal["left", "right"] = "right" if numeric and not _is_flag(values) else "left"
            grid.add_column(name, justify=side, overflow="fold")
            columns.append([_readable(one) for one in values])
        console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
        on_terminal = stream is getattr(sys.stdout, "buffer", None) and console.is_terminal
        if on_terminal or not shown.num_rows or not all(text.isprintable() for texts in columns for text in texts):
            for row in zip(*columns, strict=True):
                grid.add_row(*row)
        else:  # nothing is folded, so one row of many lines looks the same, in a fraction of the time
            grid.add_row(*("\n".join(texts) for texts in columns))
        if not on_terminal or console.width < _COLUMN_WIDTH_MIN * table.num_columns:
            console.width = _WIDE
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


def _readable(value: Any) -> str:
    """Spell a value for people; nothing for null."""
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
