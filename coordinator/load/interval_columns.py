"""Columns that say how long bars are: several lengths are not one interval, and another than was said is not that one.

What such a column holds is written in many ways. ``60`` may be minutes or seconds, ``1M`` a minute or a month: a value
speaks against an interval where it can mean none that is like it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce

from barhouse.coordinator.load.columns import Column, folded
from barhouse.coordinator.load.parts import Parts
from barhouse.coordinator.load.source_rows import SourceRows
from barhouse.store.database.transaction import Relation, Transaction
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval, Unit

#: What a source may call such a column.
_NAMES = frozenset(["per", "period", "interval", "timeframe", "time_frame", "resolution"])
#: A number and its unit in either order, or one of them.
_LENGTH = re.compile(r"(?P<count>\d{0,5}) ?(?P<unit>[a-z]+)|(?P<before>[a-z]+)(?P<after>\d{1,3})|(?P<alone>\d{1,6})")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SECONDS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "t": 60, "h": _HOUR, "hr": _HOUR}
_SECONDS |= {"hour": _HOUR, "hourly": _HOUR}
_SESSIONS: dict[str, tuple[Unit, int]] = {
    **dict.fromkeys(("d", "day", "daily"), ("day", 1)),
    **dict.fromkeys(("w", "wk", "week", "weekly"), ("week", 1)),
    **dict.fromkeys(("m", "mo", "mn", "mon", "month", "monthly"), ("month", 1)),
    **dict.fromkeys(("q", "quarter", "quarterly"), ("month", 3)),
    **dict.fromkeys(("y", "yr", "year", "yearly", "annual"), ("month", 12)),
}
#: Of numbers without a unit those that are lengths, in minutes or seconds.
_USUAL_MINUTES = frozenset([1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720])
_USUAL_SECONDS = frozenset([1, 5, 10, 15, 30, *(60 * minutes for minutes in _USUAL_MINUTES)])
_SHOWN = 5


def interval_columns_of(rows: SourceRows, found: Parts) -> tuple[Column, ...]:
    """The columns that are no part of a bar and may say how long it is, by their names."""
    used = {name for column in found.values() if column is not None for name in column.names}
    unused = (column for name, column in rows.columns.items() if name not in used)
    return tuple(column for column in unused if folded(column.name) in _NAMES)


def check(
    transaction: Transaction, name: str, given: Relation, named: Sequence[Column], interval: Interval | None
) -> None:
    """Refuse rows as ``given`` whose columns ``named`` so say that they are of several intervals, or of another.

    Parameters
    ----------
    name
        What messages call their source.
    interval
        None where it is not known yet.

    Raises
    ------
    OptionsError
        Naming the column and what it says.
    """
    for column in named:
        found = transaction.run("load.some_values", {"most": _SHOWN + 1}, rows=given, value=column.sql)
        texts = [row.text for row in found]
        lengths = [lengths_of(text) for text in texts]
        if not lengths or not all(lengths):
            continue  # it is called so, and says something else
        shared = reduce(frozenset.intersection, lengths)
        if not shared:
            raise OptionsError(
                f"{name} has bars of several lengths, as its column {column.name} says "
                f"({', '.join(texts[:_SHOWN])}); load those of each length by themselves, as a file or frame of its own"
            )
        if interval is not None and interval.plain not in shared:
            raise OptionsError(
                f"{name} holds {texts[0]} bars, as its column {column.name} says, not {interval}; say "
                f"{Option('interval', str(min(shared)))} for a symbol that is loaded with such"
            )


def lengths_of(text: str) -> frozenset[Interval]:
    """The intervals that a text may mean; none where it is no length."""
    match = _LENGTH.fullmatch(text.strip().casefold())
    if match is None:
        return frozenset()
    if match["alone"]:
        count = int(match["alone"])
        minutes = [60 * count] if count in _USUAL_MINUTES else [_DAY] if count in (1440, _DAY) else []
        return frozenset(map(_of_seconds, [*minutes, *([count] if count in _USUAL_SECONDS else [])]))
    count, unit = int(match["count"] or match["after"] or 1), match["unit"] or match["before"]
    unit = unit if unit in _SECONDS or unit in _SESSIONS else unit.removesuffix("s")
    found = []
    if count and unit in _SECONDS and (text.strip() != "M"):
        found.append(_of_seconds(count * _SECONDS[unit]))
    if count and unit in _SESSIONS and not (unit == "m" and (text.strip().startswith("m") or match["before"])):
        length, times = _SESSIONS[unit]
        found.append(Interval(length, count * times))
    return frozenset(found)


def _of_seconds(seconds: int) -> Interval:
    return Interval("day", seconds // _DAY) if seconds % _DAY == 0 else Interval("second", seconds)
