"""What is verified at a time: intervals of some symbols with one calendar and base, and stretches of time of them.

So much that it takes no more memory however much the store holds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from barhouse.store.checks.arrays import ENDLESS, NO_DATE, NONE, SECOND, Array, Rows, lengths, ordered, rows_of, runs
from barhouse.store.checks.hours import Hours
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.sql import sql

#: About how many bars, and sessions of intervals, are looked at together.
ROWS_PER_PORTION = 500_000
_DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Kind:
    """Intervals of one length, loaded or derived."""

    unit: str
    length: int
    derived: bool

    @property
    def text(self) -> str:
        """It in a word, to tell what was found by."""
        return f"{self.length} {self.unit}"


@dataclass(frozen=True)
class Portion:
    """Some symbols with one calendar and base, and their intervals that are verified.

    Attributes
    ----------
    kinds
        The lengths; the first is the base.
    symbol_count
        How many symbols.
    intervals
        Of each kind, symbol by symbol: ``interval_id`` (-1: there is none), ``checked`` and what else is known of each.
    parts
        The stretches of time in which intraday bars are looked at, in microseconds.
    trades
        Whether a bar of them may know anything of its trades.
    """

    hours: Hours
    base: Kind
    closing_seconds: int
    kinds: tuple[Kind, ...]
    symbol_count: int
    intervals: dict[Kind, Rows]
    parts: tuple[tuple[int, int], ...]
    trades: bool

    def of(self, kind: Kind) -> Rows:
        """What is known of the intervals of a kind."""
        return self.intervals[kind]

    def checked(self, kind: Kind) -> bool:
        """Whether intervals of a kind are among those to verify."""
        return bool(self.intervals[kind]["checked"].any())


def portions(
    transaction: Transaction, checked: TemporaryTable, extents: TemporaryTable
) -> tuple[int, Iterator[Portion]]:
    """Cut what is verified into portions; returns about how many rows there are in all, and the portions."""
    every = rows_of(transaction.table("checks.intervals_in_order", checked_intervals=checked, bar_extent=extents))
    total = int(every["bar_count"].sum()) if len(every) else 0
    return total, _portions(transaction, every)


def _portions(transaction: Transaction, every: Rows) -> Iterator[Portion]:
    begins = runs(*(every[name] for name in ("calendar", "base_unit", "base_length", "closing_seconds")))
    hours, calendar = None, None
    for first, count in zip(begins, lengths(begins, len(every)), strict=True):
        group = every.take(slice(first, first + count))
        if hours is None or group["calendar"][0] != calendar:
            calendar = str(group["calendar"][0])
            hours = Hours(transaction, calendar)
        weights = _weights(group, hours)
        of_base = runs(group["base_id"])
        by_base = np.add.reduceat(weights, of_base) + group["base_count"][of_base]
        edges = [*of_base[_cuts(by_base)], len(group)]
        for begin, end in itertools.pairwise(edges):
            part = group.take(slice(begin, end))
            yield _portion(transaction, part, hours, int(weights[begin:end].sum() + part["base_count"][0]))


def _cuts(weights: Array) -> list[int]:
    """Where portions begin: each as large as one may be, or of one symbol."""
    found, sum_ = [0], 0
    for position, weight in enumerate(weights.tolist()):
        if sum_ and sum_ + weight > ROWS_PER_PORTION:
            found.append(position)
            sum_ = 0
        sum_ += weight
    return found


def _weights(group: Rows, hours: Hours) -> Array:
    """About how many bars and sessions there are of each interval."""
    from_ = np.searchsorted(hours.date, group["first_date"])
    to_ = np.searchsorted(hours.open, group["through"])
    sessions = np.where(group["first_date"] == NO_DATE, 0, np.maximum(to_ - from_, 0))
    return group["bar_count"] + sessions


def _portion(transaction: Transaction, part: Rows, hours: Hours, weight: int) -> Portion:
    base = Kind(str(part["base_unit"][0]), int(part["base_length"][0]), derived=False)
    of_row = [
        Kind(str(unit), int(length), bool(derived))
        for unit, length, derived in zip(part["unit"], part["length"], part["derived"], strict=True)
    ]
    kinds = (base, *dict.fromkeys(kind for kind in of_row if kind != base))
    base_ids = part["base_id"][runs(part["base_id"])]
    symbol = np.searchsorted(base_ids, part["base_id"])
    index = np.array([kinds.index(kind) for kind in of_row])
    intervals = {}
    for number, kind in enumerate(kinds):
        these = index == number
        known = {"checked": np.zeros(len(base_ids), bool), "base_id": base_ids}
        known["checked"][symbol[these]] = True
        for name, none in _KNOWN.items():
            known[name] = np.full(len(base_ids), none, np.int64)
            known[name][symbol[these]] = part[name][these]
        intervals[kind] = Rows(known)
    intervals[base]["interval_id"][:] = base_ids
    portion = Portion(
        hours=hours,
        base=base,
        closing_seconds=int(part["closing_seconds"][0]),
        kinds=kinds,
        symbol_count=len(base_ids),
        intervals=intervals,
        parts=((NONE, ENDLESS),),
        trades=bool((part["knows_trades"] | part["base_knows_trades"]).any()),
    )
    if base.unit != "second" or len(base_ids) > 1 or weight < 2 * ROWS_PER_PORTION:
        return portion
    edges = [NONE, *_edges(transaction, portion), ENDLESS]
    return replace(portion, parts=tuple(itertools.pairwise(edges)))


#: What is known of each interval by its number, and what stands for nothing.
_KNOWN = {
    "interval_id": -1,
    "symbol_rank": 0,
    "interval_rank": 0,
    "derived_through": NONE,
    "through": NONE,
    "final_before": NONE,
    "retained_from": NONE,
    "first_date": NO_DATE,
}


def _edges(transaction: Transaction, portion: Portion) -> list[int]:
    """Opens of sessions that cut the bars of one symbol into stretches of about as many as a portion has."""
    days = rows_of(transaction.table("checks.bars_by_day", **among(transaction, portion, portion.base)))
    cuts = runs((np.cumsum(days["bar_count"]) - days["bar_count"]) // ROWS_PER_PORTION)[1:]
    opens = portion.hours.session_open
    at = np.searchsorted(opens, days["day"][cuts] * _DAY)
    return [int(open_) for open_ in np.unique(opens[at[at < len(opens)]])]


def among(transaction: Transaction, portion: Portion, kind: Kind) -> dict[str, object]:
    """What statements that read rows of a kind of a portion take: which intervals."""
    ids = portion.of(kind)["interval_id"]
    ids = np.unique(ids[ids >= 0])
    low, high = int(ids[0]), int(ids[-1])
    if high - low + 1 == len(ids):
        return {"low": low, "high": high, "among": sql("checks.among_all")}
    asked = transaction.attach("asked_intervals", pa.table({"interval_id": ids.astype(np.int32)}))
    return {"low": low, "high": high, "among": sql("checks.among_some", asked_intervals=asked)}


def in_order(portion: Portion, kind: Kind, columns: dict[str, Array], second: str) -> Rows:
    """Rows by symbol and another column; the interval's number makes way for that of the symbol."""
    ids = portion.of(kind)["interval_id"]
    there = np.flatnonzero(ids >= 0)
    low = int(ids[there].min())
    number = np.zeros(int(ids[there].max()) - low + 1, np.int64)
    number[ids[there] - low] = there
    rows = Rows({**columns, "symbol": number[columns.pop("interval_id") - low]})
    order = ordered(rows["symbol"], rows[second])
    return rows if order is None else rows.take(order)
