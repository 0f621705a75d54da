"""BarChart: bars of one symbol, as a notebook shows them, and as files."""

from __future__ import annotations

from pathlib import Path

from barhouse.store.charts.drawing import Drawing
from barhouse.store.charts.page import framed_page, page
from barhouse.store.database.replacement import put_in_place, written_beside
from barhouse.store.errors import InputError, StoreError
from barhouse.store.model.paths import absolute


class BarChart:
    """The bars of one symbol and interval, drawn; see ``SessionStore.chart``. A notebook shows it by itself."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing

    @property
    def drawing(self) -> Drawing:
        """What is drawn, for whoever draws it elsewhere."""
        return self._drawing

    @property
    def summary(self) -> str:
        """The bars in words: how many, from when to when, where they went."""
        return self._drawing.summary

    def save(self, path: str | Path) -> Path:
        """Write the chart to a file: ``.html``, a page that needs nothing else, or ``.png``, which needs ``chart``.

        The file is there whole or not at all; one of that name is replaced.

        Raises
        ------
        InputError
            For another ending, a folder that does not exist, or a picture without the extra ``chart``.
        StoreError
            When the file cannot be written.
        """
        target = absolute(path)
        kind = target.suffix.lower()
        if kind not in (".html", ".png"):
            raise InputError(f"{target.name} says no format that there is; name a file .html or .png")
        if target.is_dir():
            raise InputError(f"{target} is a folder; name a file in it, such as {target / 'chart.html'}")
        if not target.parent.is_dir():
            raise InputError(f"the folder {target.parent} does not exist; create it first, or name a file elsewhere")
        try:
            with written_beside(target) as part:
                if kind == ".html":
                    part.write_text(page(self._drawing), encoding="utf-8")
                else:
                    from barhouse.store.charts.picture import write_picture

                    write_picture(self._drawing, part)
                put_in_place(part, target)
        except OSError as error:
            raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
        return target

    def _repr_html_(self) -> str:
        return framed_page(self._drawing)

    def __repr__(self) -> str:
        return f"BarChart({self._drawing.title}: {self.summary})"
