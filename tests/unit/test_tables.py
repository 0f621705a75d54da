"""Tables for people: rich lays them out, and every row stays on its line."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from barhouse.coordinator.cli.output.tables import write

# Without spaces at their ends, which nobody sees.
TEXTS = st.text("ab[]\\-. :", max_size=9).map(str.strip)


def lines_of(rows: list[tuple[str, str, int]]) -> list[str]:
    names = {"text": pa.string(), "other": pa.string(), "number": pa.int64()}
    columns = zip(*rows, strict=True) if rows else [(), (), ()]
    arrays = [pa.array(column, type_) for column, type_ in zip(columns, names.values(), strict=True)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.txt"
        write(pa.table(arrays, names=list(names)), "table", path)
        return path.read_text(encoding="utf-8").split("\n")


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, st.integers(-999, 9999)), max_size=6))
@example(rows=[])
@example(rows=[("", "", 0)])
def test_cells_stand_below_their_heads(rows: list[tuple[str, str, int]]) -> None:
    cells = [("text", "other", "number"), *((text, other, str(number)) for text, other, number in rows)]
    first, second, third = (max(map(len, column)) for column in zip(*cells, strict=True))
    side = str.rjust if rows else str.ljust  # numbers stand on the right
    expected = [
        f"{text.ljust(first)}  {other.ljust(second)}  {side(number, third)}".rstrip() for text, other, number in cells
    ]
    expected.insert(1, "─" * (first + second + third + 4))
    assert lines_of(rows) == [*expected, ""]


def test_texts_of_several_lines_keep_their_row() -> None:
    lines = lines_of([("two\nlines", "x", 1), ("one", "y", 2)])
    assert [line.split() for line in lines[2:5]] == [["two", "x", "1"], ["lines"], ["one", "y", "2"]]
