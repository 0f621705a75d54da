"""A table for people: laid out in columns, cut where nobody reads on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Literal

import click

from barhouse.coordinator.cli.output.values import readable, spelled_out
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    import pyarrow as pa

#: A table for people ends here, after a day of minutes; the other formats have every row.
SHOWN_ROWS_MAX = 400
#: With less room per column than this a table runs over the terminal's edge rather than fold every word.
_COLUMN_WIDTH_MIN = 8
#: Wider than any table.
_WIDE = 1_000_000


def write(
    schema: pa.Schema, batches: Iterator[pa.RecordBatch], stream: IO[bytes], *, rows_max: int | None = SHOWN_ROWS_MAX
) -> None:
    """Write the first rows as lines, or all; says on stderr when there are more."""
    import pyarrow as pa

    kept, row_count = [], 0
    for batch in batches:
        if rows_max is None:
            kept.append(batch)
        elif row_count < rows_max:
            kept.append(batch.slice(0, rows_max - row_count))
        row_count += batch.num_rows
    if schema:
        table = pa.Table.from_batches(kept, schema).combine_chunks()
        # from_pylist() would import pandas
        nothing = pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)
        _draw(next(iter(table.to_batches()), nothing), stream)
    if rows_max is not None and row_count > rows_max:
        click.echo(f"{rows_max:,} of {counted(row_count, 'row')} shown; the other formats have all", err=True)


def _draw(batch: pa.RecordBatch, stream: IO[bytes]) -> None:
    shown = spelled_out(batch, readable=True)
    draw([(name, column.to_pylist()) for name, column in zip(shown.schema.names, shown.columns, strict=True)], stream)


def draw(columns: Sequence[tuple[str, Sequence[Any]]], stream: IO[bytes]) -> None:
    """Write columns of values as lines; each column has a name."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    spelled = []
    for name, values in columns:
        numeric = any(isinstance(value, int | float | Decimal) for value in values)
        side: Literal["left", "right"] = "right" if numeric and not _is_flag(values) else "left"
        grid.add_column(name, justify=side, overflow="fold")
        spelled.append([readable(value) for value in values])
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
    on_terminal = stream is getattr(sys.stdout, "buffer", None) and console.is_terminal
    some = any(spelled)
    if on_terminal or not some or not all(text.isprintable() for texts in spelled for text in texts):
        for row in zip(*spelled, strict=True):
            grid.add_row(*row)
    else:  # nothing is folded, so one row of many lines looks the same, in a fraction of the time
        grid.add_row(*("\n".join(texts) for texts in spelled))
    if not on_terminal or console.width < _COLUMN_WIDTH_MIN * len(columns):
        console.width = _WIDE
    with console.capture() as captured:
        console.print(grid)
    lines = (line.rstrip() for line in captured.get().splitlines())
    encoding = sys.stdout.encoding if stream is getattr(sys.stdout, "buffer", None) else "utf-8"
    stream.write(("\n".join(lines) + "\n").encode(encoding, errors="replace"))


def _is_flag(values: Sequence[Any]) -> bool:
    return any(isinstance(value, bool) for value in values)
