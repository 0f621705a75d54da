"""What a backtest hands over: ticks of simulated time, each with the bars that close and the sessions that turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa


class Bar(NamedTuple):
    """One bar, in the columns of the view ``bars``; instants are in UTC.

    ``batch_id`` is None for a bar that is still forming.
    """

    symbol: str
    interval: str
    bar_start: datetime
    bar_end: datetime
    session_date: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    trade_count: int | None
    vwap: float | None
    base_count: int
    expected_count: int
    complete: bool | None
    batch_id: int | None


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day of a calendar, from its first open to its last close, in UTC."""

    calendar: str
    session_date: date
    open: datetime
    close: datetime


class Chunk:
    """The bars of some successive ticks, in the order of delivery; rows become objects only when they are asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._all = table
        self.instants: list[datetime] = table["tick"].to_pylist()

    def table(self, first: int, after: int) -> pa.Table:
        """The rows from ``first`` to before ``after``, in the columns of the view ``bars``."""
        return self._all.slice(first, after - first).drop_columns(["tick"])

    def bars(self, first: int, after: int) -> list[Bar]:
        """The same rows as objects."""
        return [Bar._make(row) for row in zip(*(column[first:after] for column in self._columns), strict=True)]

    def ticks(self) -> Iterator[tuple[datetime, int, int]]:
        """Each tick with its rows: the first, and the one after the last."""
        first = 0
        for at in range(1, len(self.instants) + 1):
            if at == len(self.instants) or self.instants[at] != self.instants[first]:
                yield self.instants[first], first, at
                first = at

    @cached_property
    def _columns(self) -> list[list[object]]:
        return [self._all[name].to_pylist() for name in Bar._fields]


@dataclass(frozen=True, slots=True)
class Tick:
    """An instant of simulated time at which something happens; no two of a backtest have the same.

    Attributes
    ----------
    now
        The simulated instant, UTC.
    opened
        The sessions that open now.
    closed
        The sessions that are over now, everything of them being closed.
    """

    now: datetime
    opened: tuple[Session, ...]
    closed: tuple[Session, ...]
    _chunk: Chunk
    _first: int
    _after: int

    @property
    def bars(self) -> list[Bar]:
        """The bars that close now: shortest interval first, then by symbol."""
        return self._chunk.bars(self._first, self._after)

    @property
    def table(self) -> pa.Table:
        """The same bars as an Arrow table in the columns of the view ``bars``; cheaper where there are many."""
        return self._chunk.table(self._first, self._after)

    def __len__(self) -> int:
        return self._after - self._first
