"""Frames with the columns of several symbols side by side, as yfinance gives them: a row for each symbol and stamp."""

from __future__ import annotations

from typing import Any

from barhouse.store.errors import SourceError

_PRICES = frozenset(["open", "high", "low", "close"])


def row_by_row(frame: Any) -> Any:
    """The same bars with the symbol in a column; a frame of one level of columns as it is.

    Raises
    ------
    SourceError
        When the levels do not say which of them names parts of bars, and which symbols.
    """
    if frame.columns.nlevels == 1:
        return frame
    levels = [{str(name).casefold() for name in names} for names in frame.columns.levels]
    parts = [level for level, names in enumerate(levels) if names >= _PRICES]
    if len(levels) != 2 or len(parts) != 1:
        raise SourceError(
            f"the pandas frame has {len(levels)} levels of columns, {', '.join(map(repr, frame.columns.names))}, of "
            f"which one has to name open, high, low and close and the other symbols; give a frame with one level, and "
            f"the symbol in a column"
        )
    import pandas as pd

    names = list(zip(*(frame.columns.get_level_values(level) for level in (parts[0], 1 - parts[0])), strict=True))
    bare = frame.set_axis([part or symbol for part, symbol in names], axis=1)
    of_all = [not (part and symbol) for part, symbol in names]  # an index that was made columns has one name
    symbols = dict.fromkeys(symbol for part, symbol in names if part and symbol)
    each = []
    for symbol in symbols:
        own = [alike or one == symbol for alike, (_, one) in zip(of_all, names, strict=True)]
        each.append(bare.loc[:, own].assign(symbol=symbol))
    return pd.concat(each)
