"""A chart as a page of its own: data, library and script in one file that asks nobody for anything.

What comes from a store is text and numbers. It stands in the page escaped, or as JSON in which no letter can begin a
tag; the script reads that, and puts texts where only texts can be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from barhouse.store.model.markup import table_of

if TYPE_CHECKING:
    from barhouse.store.charts.drawing import Drawing

#: The chart library, as its makers publish it.
LIBRARY = "lightweight-charts-5.2.1.js"
_TABLE_ROWS = 100
_HOLE = re.compile(r"\{\{([a-z]+)\}\}")


def page(drawing: Drawing) -> str:
    """The page that shows a chart."""
    places = {
        "title": escape(drawing.title),
        "summary": escape(drawing.summary),
        "table": _table(drawing),
        "notice": escape(" ".join(_vendored("NOTICE").split())),
        "bars": in_script(_data(drawing)),
        "library": _vendored(LIBRARY),
    }
    return _filled(_template(), places)


def framed_page(drawing: Drawing) -> str:
    """The page inside of another, as in a notebook: a frame that can run its script and reach nothing else."""
    return (
        f'<iframe title="{escape(drawing.title)}" sandbox="allow-scripts allow-popups" loading="lazy" '
        f'style="width: 100%; height: 470px; border: 0" srcdoc="{escape(page(drawing))}"></iframe>'
    )


def in_script(value: Any) -> str:
    """A value as JSON that can stand in an element of a page: whatever its texts hold, none ends that."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _data(drawing: Drawing) -> dict[str, Any]:
    bars = drawing.bars
    if drawing.by_days:
        times: list[Any] = [day.isoformat() for day in bars["session_date"].to_pylist()]
    else:
        times = [int(start.timestamp()) for start in bars["bar_start"].to_pylist()]
    values = {name: bars[name].to_pylist() for name in ("open", "high", "low", "close", "volume")}
    return {
        "time": times,
        **values,
        "zone": drawing.zone,
        "days": drawing.by_days,
        "seconds": any(not isinstance(time, str) and time % 60 for time in times),
        "digits": drawing.digits,
    }


def _table(drawing: Drawing) -> str:
    newest = drawing.bars.slice(max(0, drawing.bars.num_rows - _TABLE_ROWS))
    names = ("open", "high", "low", "close", "volume")
    columns: Mapping[str, list[object]] = {
        "session" if drawing.by_days else "start": list(drawing.labels[-_TABLE_ROWS:]),
        **{name: newest[name].to_pylist() for name in names},
    }
    return table_of(columns)


@cache
def _template() -> str:
    return (resources.files(__package__) / "chart.html").read_text(encoding="utf-8")


@cache
def _vendored(name: str) -> str:
    return (resources.files(__package__) / "vendor" / name).read_text(encoding="utf-8")


def _filled(template: str, places: Mapping[str, str]) -> str:
    """Fill each hole once: what is put in is not looked at again."""
    return _HOLE.sub(lambda found: places[found[1]], template)
