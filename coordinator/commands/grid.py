"""A table for people as lines of text: columns below their heads.

What fits is laid out here, for rich takes half a second for as many cells as a status has. It is asked for the rest:
texts of several lines or with characters that are not one cell wide, columns that must be folded to fit on a terminal,
and a terminal that cannot show the line below the heads.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

#: With less room per column than this a table runs over the terminal's edge rather than fold every word.
_COLUMN_WIDTH_MIN = 8
_BETWEEN = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head, its texts, and whether they are aligned on the right, as numbers are."""

    head: str
    texts: Sequence[str]
    right: bool


def lines(columns: Sequence[Column], *, on_terminal: bool) -> list[str]:
    """Lay out columns of equal length, as wide as the terminal at most if they go there, without spaces at the end."""
    cells = [[column.head, *column.texts] for column in columns]
    plain = all(text.isascii() and text.isprintable() for column in cells for text in column)
    if not plain or not (sys.stdout.encoding or "utf-8").lower().startswith("utf"):
        return _drawn(columns, on_terminal=on_terminal)
    widths = [max(map(len, column)) for column in cells]
    natural = sum(widths) + len(_BETWEEN) * (len(widths) - 1)
    if on_terminal and natural > _terminal_width(len(columns), natural):
        return _drawn(columns, on_terminal=True)
    aligned = [
        [text.rstrip().rjust(width) if column.right else text.ljust(width) for text in texts]
        for column, texts, width in zip(columns, cells, widths, strict=True)
    ]
    head, *rows = (_BETWEEN.join(row).rstrip() for row in zip(*aligned, strict=True))
    return [head, "─" * natural, *rows]


def _terminal_width(column_count: int, natural: int) -> int:
    from rich.console import Console

    width = Console().width
    return max(natural, width) if width < _COLUMN_WIDTH_MIN * column_count else width


def _drawn(columns: Sequence[Column], *, on_terminal: bool) -> list[str]:
    """Have rich lay it out."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        grid.add_column(column.head, justify="right" if column.right else "left", overflow="fold")
    for row in zip(*(column.texts for column in columns), strict=True):
        grid.add_row(*row)
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
    natural = Measurement.get(console, console.options.update(max_width=10**6), grid).maximum
    if not on_terminal or console.width < _COLUMN_WIDTH_MIN * len(columns):
        console.width = max(natural, 1) if not on_terminal else max(natural, console.width)
    with console.capture() as captured:
        console.print(grid)
    return [line.rstrip() for line in captured.get().splitlines()]
