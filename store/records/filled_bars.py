"""Bars without holes: those that sessions have room for and that are not there, put in between as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.records.session_days import END, Range
from barhouse.store.sql import Sql, sql

#: What stands in for a bar that is not there.
Fill = Literal["previous", "zero_volume"]
FILLS: tuple[Fill, ...] = ("previous", "zero_volume")


def as_fill(given: object, name: str) -> Fill:
    """What is to stand in for bars that are not there.

    Raises
    ------
    InputError
        For anything else.
    """
    for one in FILLS:
        if given == one:
            return one
    allowed = " or ".join(map(repr, FILLS))
    raise InputError(f"{Option(name, given)} is nothing to fill with; give {allowed}")


def refuse_undrawn(fill: Fill | None) -> None:
    """Refuse what would stand in a chart without prices.

    Raises
    ------
    InputError
        Naming the way that can be drawn.
    """
    if fill == "zero_volume":
        raise InputError(
            f"{Option('fill', fill)} gives bars without prices, which cannot be drawn; give "
            f"{Option('fill', 'previous')}"
        )


@dataclass(frozen=True, slots=True)
class Edges:
    """Between which bars of a symbol holes are filled.

    Attributes
    ----------
    start
        Where the bars asked for start; None for the first.
    read_from
        Where bars have to be read from, so that the close before the first of them is known.
    until
        No hole is filled from there on: the last bar, or the end that is asked for.
    """

    start: datetime | None
    read_from: datetime | None
    until: datetime | None


def edges(
    transaction: Transaction, symbol: str, interval: str, span: Range, source: Sql, parameters: dict[str, object]
) -> Edges:
    """The edges of a question's range of one symbol."""
    start, end = span
    asked = {**parameters, "symbol": symbol, "interval": interval, "start": start}
    found = transaction.one("records.edges_of_bars", asked, source=source)
    until = None if found.last_bar is None else min(found.last_bar, end or END)
    return Edges(start, start if found.before_start is None else found.before_start, until)


def filled(
    transaction: Transaction,
    bars: pa.Table,
    symbol: str,
    interval: str,
    calendar: str | None,
    at: Edges,
    kind: Fill,
    *,
    pinned: int,
    as_of: datetime,
) -> pa.Table:
    """The bars of one symbol with those between them that are not there, marked by the column ``filled``."""
    in_sessions = bars.filter(pc.is_valid(bars["session_date"]))
    if calendar is None or at.until is None or not len(in_sessions):
        return bars.append_column("filled", pa.array([False] * len(bars), pa.bool_()))
    of = transaction.one("records.interval_then", {"symbol": symbol, "interval": interval, "as_of": as_of})
    asked: dict[str, object] = {
        "symbol": symbol,
        "interval": interval,
        "calendar": calendar,
        "pinned": pinned,
        "first": in_sessions["bar_start"][0].as_py(),
        "last": at.until,
        "length": of.length,
        "base_length": of.base_length,
        "carries": kind == "previous",
    }
    slots = sql("records.slots_of_segments")
    if of.unit != "second":
        slots = sql("records.slots_of_blocks")
        asked |= {"unit": of.unit, "base_unit": of.base_unit}
    given = transaction.attach("given_bars", bars)
    table = transaction.table("records.filled_bars", asked, given_bars=given, slots=slots)
    table = table.select([*bars.column_names, "filled"]).cast(bars.schema.append(table.schema.field("filled")))
    return table if at.start is None else table.filter(pc.greater_equal(table["bar_start"], at.start))
