"""A chart as a picture, by matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from barhouse.store.errors import InputError

if TYPE_CHECKING:
    from barhouse.store.charts.drawing import Drawing

_UP, _DOWN = "#1f8a70", "#c8414b"
_TICKS = 7


def write_picture(drawing: Drawing, path: Path) -> None:
    """Write a PNG: prices above, volume below, bars side by side without the hours between sessions.

    Raises
    ------
    InputError
        When matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import LineCollection
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "pictures of charts need the package matplotlib: pip install 'barhouse[chart]'; a page (.html) needs none"
        ) from error

    figure = Figure(figsize=(10, 5.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    prices, volumes = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    prices.set_title(drawing.title, loc="left", fontsize=11, parse_math=False)
    columns = {name: drawing.bars[name].to_pylist() for name in ("open", "high", "low", "close", "volume")}
    count = drawing.bars.num_rows
    colours = [_DOWN if close < start else _UP for start, close in zip(columns["open"], columns["close"], strict=True)]
    wicks = [((at, columns["low"][at]), (at, columns["high"][at])) for at in range(count)]
    prices.add_collection(LineCollection(wicks, colors=colours, linewidths=0.8))
    bodies = [abs(close - start) for start, close in zip(columns["open"], columns["close"], strict=True)]
    bottoms = [min(start, close) for start, close in zip(columns["open"], columns["close"], strict=True)]
    prices.bar(range(count), bodies, bottom=bottoms, width=0.7, color=colours, edgecolor=colours, linewidth=0.6)
    volumes.bar(range(count), columns["volume"], width=0.7, color=colours, alpha=0.6)
    if count:
        prices.set_xlim(-1, count)
        span = max(columns["high"]) - min(columns["low"]) or abs(columns["high"][0]) or 1.0
        prices.set_ylim(min(columns["low"]) - span * 0.04, max(columns["high"]) + span * 0.04)
        at = sorted({round(number * (count - 1) / max(_TICKS - 1, 1)) for number in range(_TICKS)})
        labels = drawing.labels
        volumes.set_xticks(at, [labels[one].replace(" ", "\n") for one in at], fontsize=8)
    else:
        prices.text(0.5, 0.5, "no bars", transform=prices.transAxes, ha="center")
    for axes in (prices, volumes):
        axes.grid(visible=True, linewidth=0.4, alpha=0.5)
        axes.margins(x=0)
    volumes.set_ylabel("volume", fontsize=8)
    prices.set_ylabel("price" if drawing.by_days else f"price ({drawing.zone})", fontsize=8)
    figure.savefig(path, format="png", metadata={"Title": drawing.title, "Description": drawing.summary})
