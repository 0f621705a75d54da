"""Derived bars computed again straight from base bars, in numpy, and laid beside those that are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barhouse.store.checks.arrays import (
    SECOND,
    Array,
    Rows,
    beside,
    changes,
    differs,
    lengths,
    runs,
)
from barhouse.store.checks.exact import TURNOVER_SCALE, Decimals, volumes
from barhouse.store.checks.hours import Hours
from barhouse.store.checks.portions import Kind, Portion
from barhouse.store.database.transaction import Transaction

_TURNOVER = ("turnover_low", "turnover_middle", "turnover_high")
#: What a derived bar and its recomputation must agree in.
COMPARED = (
    *("open", "high", "low", "close", "volume", "base_count", "expected_count", "span_seconds", "session_date"),
    "segment",
)
#: Where something is known of trades; and whether it is.
COMPARED_OF_TRADES = ("trade_count", "trades_known", "vwap", "vwap_given")


@dataclass(frozen=True)
class Pieces:
    """What base bars come to, run by run, exactly."""

    rows: Rows
    volume: Decimals
    turnover: Decimals | None

    def __len__(self) -> int:
        return len(self.rows)

    def summed(self, begins: Array) -> Pieces:
        """What each run comes to."""
        of = self.rows
        ends = begins + lengths(begins, len(of)) - 1
        found = {
            "symbol": of["symbol"][begins],
            "session": of["session"][begins],
            "open": of["open"][begins],
            "high": np.maximum.reduceat(of["high"], begins),
            "low": np.fmin.reduceat(of["low"], begins),  # as in DuckDB, what is no number is the largest
            "close": of["close"][ends],
            "base_count": np.add.reduceat(of["base_count"], begins, dtype=np.int64),
        }
        if self.turnover is not None:
            found["trade_count"] = np.add.reduceat(of["trade_count"], begins)
            found["trades_known"] = np.logical_and.reduceat(of["trades_known"], begins)
            found["vwap_known"] = np.logical_and.reduceat(of["vwap_known"], begins)
        turnover = None if self.turnover is None else self.turnover.summed(begins)
        return Pieces(Rows(found), self.volume.summed(begins), turnover)

    def take(self, which: Array) -> Pieces:
        """Some of them."""
        turnover = None if self.turnover is None else self.turnover.take(which)
        return Pieces(self.rows.take(which), self.volume.take(which), turnover)

    def along(self, more: Pieces) -> Pieces:
        """These, and others after them."""
        turnover = None
        if self.turnover is not None and more.turnover is not None:
            turnover = self.turnover.along(more.turnover)
        return Pieces(self.rows.along(more.rows), self.volume.along(more.volume), turnover)

    def bars(self, transaction: Transaction, places: dict[str, Array]) -> Rows:
        """The bars that they are, at their places."""
        of = self.rows
        names = ("symbol", "open", "high", "low", "close", "base_count")
        found = {name: of[name] for name in names} | places
        found["volume"] = self.volume.doubles(transaction)
        if self.turnover is not None:
            given = of["vwap_known"] & self.volume.positive()
            with np.errstate(divide="ignore", invalid="ignore"):
                mean = self.turnover.doubles(transaction) / found["volume"]
            vwap = np.fmax(of["low"], np.fmin(of["high"], mean))
            found |= {
                "trade_count": np.where(of["trades_known"], of["trade_count"], 0),
                "trades_known": of["trades_known"],
                "vwap": np.where(given, vwap, 0.0),
                "vwap_given": given,
            }
        return Rows(found)


class IntradayBase:
    """Base bars of a portion that lie where they say, in their sessions; in order.

    Parameters
    ----------
    rows
        The bars.
    at
        The segment of the calendar that each starts in, or at the close of which it does.
    """

    def __init__(self, transaction: Transaction, portion: Portion, rows: Rows, at: Array) -> None:
        hours = portion.hours
        self._transaction, self._portion, self._hours = transaction, portion, hours
        self._at = at
        self._since = rows["bar_start"] - hours.open[at]
        self._moves = changes(rows["symbol"], at) if len(rows) else np.zeros(0, bool)
        columns = rows.columns | {"session": hours.session[at]}
        turnover = None
        if portion.trades:
            turnover = Decimals(tuple(rows[name] for name in _TURNOVER), TURNOVER_SCALE)
        self._pieces = Pieces(Rows(columns), volumes(transaction, rows["volume"]), turnover)

    def bars(self, kind: Kind) -> Rows:
        """The bars of an intraday length, and of those that are not closed yet."""
        hours, width = self._hours, kind.length * SECOND
        bucket = self._since // width
        if self._portion.closing_seconds:  # the last one takes what lies at the close
            bucket = np.minimum(bucket, -((hours.open[self._at] - hours.close[self._at]) // width) - 1)
        begins = _begins(self._moves | (bucket[1:] != bucket[:-1]), len(bucket))
        at = self._at[begins]
        start = hours.open[at] + bucket[begins] * width
        span = np.minimum(kind.length, (hours.close[at] - start) // SECOND)
        places = {
            "bar_start": start,
            "span_seconds": span,
            "session_date": hours.date[at],
            "segment": hours.segment[at],
            "expected_count": -(-span // self._portion.base.length),
        }
        return self._pieces.summed(begins).bars(self._transaction, places)

    def sessions(self) -> Pieces:
        """What the bars come to session by session."""
        session = self._pieces.rows["session"]
        return self._pieces.summed(runs(self._pieces.rows["symbol"], session))


def block_pieces(transaction: Transaction, portion: Portion, rows: Rows, session: Array) -> Pieces:
    """Base bars of 1d and more, each with the first session that it covers."""
    turnover = None
    if portion.trades:
        turnover = Decimals(tuple(rows[name] for name in _TURNOVER), TURNOVER_SCALE)
    pieces = Pieces(Rows(rows.columns | {"session": session}), volumes(transaction, rows["volume"]), turnover)
    return pieces.summed(np.arange(len(rows)))


def block_bars(transaction: Transaction, portion: Portion, kind: Kind, pieces: Pieces) -> Rows:
    """The bars of a length of 1d or more, from what is known session by session."""
    hours: Hours = portion.hours
    block = hours.block_of_session(kind.unit, kind.length)[pieces.rows["session"]]
    begins = runs(pieces.rows["symbol"], block)
    grid, of = hours.blocks(kind.unit, kind.length), block[begins]
    room = hours.room(kind.unit, kind.length, portion.base.unit, portion.base.length)
    places = {
        "bar_start": grid.open[of],
        "span_seconds": (grid.close[of] - grid.open[of]) // SECOND,
        "session_date": grid.date[of],
        "segment": grid.segment[of],
        "expected_count": room[of],
    }
    return pieces.summed(begins).bars(transaction, places)


def _begins(moves: Array, count: int) -> Array:
    if not count:
        return np.zeros(0, np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.flatnonzero(moves) + 1])


def compared(recomputed: Rows, kept: Rows, *, trades: bool) -> tuple[Array, Array]:
    """Which bars differ: their positions among those recomputed and those kept, -1 where there is none."""
    names = ("symbol", "bar_start")
    left, right = beside([recomputed[name] for name in names], [kept[name] for name in names])
    alone = (left < 0) | (right < 0)
    found = alone.copy()
    if not alone.all():
        same = not alone.any() and len(left) == len(recomputed) == len(kept) and np.array_equal(left, right)
        for name in COMPARED + (COMPARED_OF_TRADES if trades else ()):
            one, other = recomputed[name], kept[name]
            found |= differs(one, other) if same else ~alone & differs(one[left], other[right])
    where = np.flatnonzero(found)
    return left[where], right[where]
