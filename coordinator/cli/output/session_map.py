"""How complete symbols are, as a map: a line for each symbol, a letter for each session of its calendar."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from barhouse.coordinator.cli.output.screen import Screen
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.text import Text

#: From which share of its bars a session has a letter, and its colour; the first that fits.
_MARKS = ((100.0, "█", "green"), (90.0, "▓", "yellow"), (50.0, "▒", "yellow"), (1e-9, "░", "red"), (0.0, "·", "red"))
_LEGEND = "█ whole  ▓ 90% or more  ▒ half or more  ░ less  · nothing there; blank: before or after its bars"
_NAME_MAX = 24


def room() -> int:
    """How many sessions fit beside a name."""
    return max(Screen().width - _NAME_MAX - 2, 10)


def write(coverage: pa.Table, stream: IO[bytes]) -> None:
    """Write a map of coverage for each calendar, its newest session on the right."""
    from rich.text import Text

    screen = Screen()
    lines: list[Text | str] = []
    found: dict[str, dict[str, dict[object, float]]] = {}
    columns = (coverage[name].to_pylist() for name in ("calendar", "symbol", "session_date", "quality_pct"))
    for calendar, symbol, day, quality in zip(*columns, strict=True):
        found.setdefault(calendar, {}).setdefault(symbol, {})[day] = 100.0 if quality is None else quality
    for calendar, symbols in found.items():
        days = sorted({day for one in symbols.values() for day in one}, key=str)
        width = min(max(map(len, symbols)), _NAME_MAX)
        lines.append(f"{calendar}: {counted(len(days), 'session')}, {days[0]} to {days[-1]}")
        for symbol, marks in symbols.items():
            line = Text(f"{symbol[:width]:{width}}  ")
            for day in days:
                letter, colour = _mark(marks[day]) if day in marks else (" ", "")
                line.append(letter, colour)
            lines.append(line)
        lines.append("")
    screen.write([*lines, _LEGEND] if lines else ["no sessions"], stream)


def _mark(quality: float) -> tuple[str, str]:
    return next((letter, colour) for least, letter, colour in _MARKS if quality >= least)
