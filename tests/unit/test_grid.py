"""Tables for people: lines laid out here are those that rich would draw."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.commands import grid
from coordinator.commands.grid import Column

NUMBERS = Column("bars", ["1", "1560", ""], right=True)
NAMES = Column("symbol", ["SPY", "A", "BRK.B"], right=False)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> list[Column]:
    row_count = draw(st.integers(0, 4))
    texts = st.lists(PRINTABLE, min_size=row_count, max_size=row_count)
    columns = st.builds(Column, PRINTABLE.filter(bool), texts, st.booleans())
    return draw(st.lists(columns, min_size=1, max_size=5))


@given(tables())
@settings(max_examples=200, deadline=None)
def test_lines_are_as_rich_draws_them(columns: list[Column]) -> None:
    assert grid.lines(columns, on_terminal=False) == grid._drawn(columns, on_terminal=False)


def test_numbers_are_on_the_right() -> None:
    assert grid.lines([NAMES, NUMBERS], on_terminal=False) == [
        "symbol  bars",
        "────────────",
        "SPY        1",
        "A       1560",
        "BRK.B",
    ]


@pytest.mark.parametrize(
    ("texts", "drawn"),
    [
        (["SPY", "two\nlines"], ["symbol", "──────", "SPY", "two", "lines"]),
        (["日経", "A"], ["symbol  n", "─────────", "日経    1", "A       2"]),
    ],
)
def test_texts_of_other_widths_and_heights(texts: list[str], drawn: list[str]) -> None:
    columns = [Column("symbol", texts, right=False)]
    if len(drawn[0]) > len("symbol"):
        columns.append(Column("n", ["1", "2"], right=True))
    assert grid.lines(columns, on_terminal=False) == drawn


def test_what_does_not_fit_on_a_terminal_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [Column("text", ["x" * 30], right=False)]
    monkeypatch.setenv("COLUMNS", "20")
    assert grid.lines(columns, on_terminal=True) == ["text", "─" * 20, "x" * 20, "x" * 10]
    monkeypatch.setenv("COLUMNS", "30")
    assert grid.lines(columns, on_terminal=True) == ["text", "─" * 30, "x" * 30]


def test_a_terminal_too_narrow_for_its_columns_is_run_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    columns = [NAMES, Column("text", ["x" * 30] * 3, right=False)]
    assert grid.lines(columns, on_terminal=True) == grid.lines(columns, on_terminal=False)
