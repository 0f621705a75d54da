"""Bars drawn on a terminal, a column each, in letters that are halves of lines."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from barhouse.coordinator.cli.output.screen import Screen

if TYPE_CHECKING:
    from rich.text import Text

    from barhouse.store.charts.drawing import Drawing

#: Lines of prices. Each has two halves, so that twice as many prices can be told apart.
_LINES = 18
#: What is drawn in the upper and lower half of a letter: nothing, the range of a bar, or its open to its close.
_LETTERS = {
    (0, 0): " ",
    (0, 1): "╷",
    (0, 2): "╻",
    (1, 0): "╵",
    (1, 1): "│",
    (1, 2): "╽",
    (2, 0): "╹",
    (2, 1): "╿",
    (2, 2): "┃",
}
_MARGIN = 2


def room() -> int:
    """How many bars fit beside their prices."""
    return max(Screen().width - 14 - _MARGIN, 10)


def write(drawing: Drawing, stream: IO[bytes]) -> None:
    """Write bars as a picture of letters, with their prices, from when to when they are, and what they come to."""
    screen = Screen()
    screen.write([*_lines(drawing), drawing.title, drawing.summary], stream)


def _lines(drawing: Drawing) -> list[Text]:
    from rich.text import Text

    bars = {name: drawing.bars[name].to_pylist() for name in ("open", "high", "low", "close")}
    if not bars["open"]:
        return []
    top, bottom = max(bars["high"]), min(bars["low"])
    step = (top - bottom) / (2 * _LINES) or 1.0
    columns = [
        _column([round((top - price) / step) for price in prices])
        for prices in zip(bars["open"], bars["high"], bars["low"], bars["close"], strict=True)
    ]
    colours = ["red" if close < start else "green" for start, close in zip(bars["open"], bars["close"], strict=True)]
    labels = {line: f"{top - step * (2 * line + 1):.{drawing.digits}f}" for line in (0, _LINES // 2, _LINES - 1)}
    found = []
    for line in range(_LINES):
        text = Text()
        for column, colour in zip(columns, colours, strict=True):
            text.append(_LETTERS[column[2 * line], column[2 * line + 1]], colour)
        text.append(" " * _MARGIN + labels.get(line, ""))
        found.append(text)
    first, last = drawing.labels[0], drawing.labels[-1]
    space = len(columns) - len(first) - len(last)
    found.append(
        Text(first if len(columns) == 1 else f"{first}{' ' * space}{last}" if space > 0 else f"{first} - {last}")
    )
    return found


def _column(places: list[int]) -> list[int]:
    """What each half of a line has of a bar, from the top; a bar has one half at least."""
    start, high, low, close = (min(max(place, 0), 2 * _LINES - 1) for place in places)
    body = range(min(start, close), max(start, close) + 1)
    return [2 if half in body else 1 if high <= half <= low else 0 for half in range(2 * _LINES)]
