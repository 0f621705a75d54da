"""The terminal that lines are written for, or the file or pipe in its place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


class Screen:
    """Where lines go: with colours on a terminal, plain elsewhere.

    Attributes
    ----------
    width
        How many letters a line has room for.
    """

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
        self.width = self._console.width

    def write(self, lines: Sequence[Text | str], stream: IO[bytes]) -> None:
        """Write lines; letters that a terminal has none for become question marks."""
        with self._console.capture() as captured:
            for line in lines:
                self._console.print(line)
        on_stdout = stream is getattr(sys.stdout, "buffer", None)
        encoding = sys.stdout.encoding if on_stdout else "utf-8"
        text = "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())
        stream.write(text.encode(encoding, errors="replace"))
