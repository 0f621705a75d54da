"""What ex-dates do to prices and volumes before them: factors, backward from the newest bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from barhouse.store.calendars.session_day import day_start
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval
from barhouse.store.sql import Sql, identifier, sql

#: What prices are adjusted for.
Adjust = Literal["split", "all"]
ADJUSTS: tuple[Adjust, ...] = ("split", "all")

_EVERY_BATCH = 2**63 - 1
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """As of when actions and bars count.

    Attributes
    ----------
    pinned
        The newest batch of then; None for now.
    live
        Whether forming bars count, too.
    """

    pinned: int | None = None
    live: bool = False

    @property
    def bars(self) -> Sql:
        """The bars there are, as a relation."""
        if self.pinned is not None:
            return sql("records.bars_then")
        return sql("records.bars_forming") if self.live else identifier("bar")

    @property
    def edges(self) -> Sql:
        """Where each interval's bars end."""
        if self.pinned is not None:
            return sql("records.bar_edges_then", bars=sql("records.bars_then"))
        return sql("records.bar_edges_now")

    @property
    def parameters(self) -> dict[str, Any]:
        """What statements need to know of it."""
        return {"pinned": _EVERY_BATCH if self.pinned is None else self.pinned}

    @property
    def of_bars(self) -> dict[str, Any]:
        """What statements about its bars need to know."""
        return {} if self.pinned is None else self.parameters


@dataclass(frozen=True, slots=True)
class OwnBars:
    """All bars of one interval of one symbol, which were read already: none outside of sessions, no closing bars."""

    unit: str
    length: int
    starts: npt.NDArray[np.int64]
    closes: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Steps:
    """What the ex-dates of one symbol do, oldest first.

    Attributes
    ----------
    ex_at
        From which instant on bars are after each, in microseconds of UTC.
    split_factors, dividend_factors
        What prices before the first are divided by, and multiplied by; before the second, and so on; the last are 1.
        One that cannot be told is NaN.
    reference_id, reference_from, reference_is_short
        The interval whose bars make those anew that hold an ex-date, from where on it has any, and whether it is of at
        most one session: then none of them holds one.
    ex_dates, parts
        The dates, and what dividends leave of the price before them; None where that cannot be told.
    """

    ex_at: npt.NDArray[np.int64]
    split_factors: npt.NDArray[np.float64]
    dividend_factors: npt.NDArray[np.float64]
    reference_id: int
    reference_from: datetime | None
    reference_is_short: bool
    ex_dates: Sequence[Any]
    parts: Sequence[float | None]


def known_at(transaction: Transaction, as_of: datetime) -> Knowledge:
    """What was known at an instant.

    Raises
    ------
    InputError
        When it was purged.
    """
    kept_from = transaction.one("records.history_kept").kept_from
    if kept_from is not None and as_of < kept_from:
        raise InputError(
            f"{Option('as_of', as_of)} lies before {kept_from.isoformat()}, and earlier revisions were purged; give "
            f"that instant or a later one"
        )
    return Knowledge(transaction.one("records.batch_then", {"as_of": as_of}).batch_id)


def steps(
    transaction: Transaction,
    symbols: Sequence[str],
    known: Knowledge,
    *,
    outside: bool = False,
    own: OwnBars | None = None,
) -> dict[str, Steps]:
    """What the ex-dates of symbols do that bars have reached; none of symbols that have no such.

    Parameters
    ----------
    outside
        Whether bars outside of sessions are to be told apart by them, too.
    own
        Bars that were read already.
    """
    named = {"symbols": list(symbols)}
    if known.pinned is None:
        rows = transaction.run("records.actions_now", named)
    else:
        rows = transaction.run("records.actions_then", {**named, **known.parameters})
    if not rows:
        return {}
    by_symbol: dict[str, list[Any]] = {}
    for row in rows:
        by_symbol.setdefault(row.symbol, []).append(row)
    ids = sorted({row.symbol_id for row in rows})
    edges: dict[int, list[Any]] = {}
    asked = {"symbol_ids": ids, **known.of_bars}
    for edge in transaction.run("records.edges_of_symbols", asked, bar_edges=known.edges):
        edges.setdefault(edge.symbol_id, []).append(edge)
    days = _Days(transaction, known)
    found: dict[str, Steps] = {}
    for symbol, actions in by_symbol.items():
        if actions[0].symbol_id in edges:
            last_bar = max(edge.last_bar for edge in edges[actions[0].symbol_id])
            reached = _reached(actions, last_bar, days, outside=outside)
            if reached:
                reference = _reference(edges[actions[0].symbol_id])
                found[symbol] = _steps_of(transaction, reached, reference, known, own)
    return found


class _Days:
    """Where days begin on calendars, asked for once each."""

    def __init__(self, transaction: Transaction, known: Knowledge) -> None:
        self._transaction, self._known = transaction, known
        self._of: dict[str, tuple[str, dict[str, Any]]] = {}

    def begin(self, calendar: str, day: date) -> datetime:
        """Where the day of a date begins."""
        if calendar not in self._of:
            where = {"calendar": calendar}
            zone = self._transaction.one("records.zone_of_calendar", where).timezone
            sessions = self._transaction.arrays("records.session_edges", {**where, **self._known.parameters})
            self._of[calendar] = zone, sessions
        zone, sessions = self._of[calendar]
        number = int(np.searchsorted(sessions["day_number"], (day - _EPOCH.date()).days))
        last_close = None if number == 0 else instant_of(sessions["closes"][number - 1])
        next_open = None if number == len(sessions["opens"]) else instant_of(sessions["opens"][number])
        return day_start(zone, day, last_close, next_open)


@dataclass(frozen=True, slots=True)
class _Reached:
    """An ex-date that bars have reached, with what its actions come to."""

    at: int
    ex_date: date
    ratio: float
    amount: float | None


def _reached(actions: Sequence[Any], last_bar: datetime, days: _Days, *, outside: bool) -> list[_Reached]:
    """The ex-dates of one symbol that its last bar is not before, oldest first.

    Bars in sessions are told apart by the opens of these as well as by where days begin, which takes longer to find.
    """
    by_date: dict[date, list[Any]] = {}
    for action in actions:
        by_date.setdefault(action.ex_date, []).append(action)
    found = []
    for day, of_day in by_date.items():
        at = of_day[0].opens
        if at is None or outside or at > last_bar:
            at = days.begin(of_day[0].calendar, day)
        if at <= last_bar:
            shares = [1 + one.ratio if one.kind == "stock_dividend" else one.ratio for one in of_day if one.ratio]
            amounts = [one.amount for one in of_day if one.amount is not None]
            found.append(_Reached(micros_of(at), day, math.prod(shares, start=1.0), sum(amounts) if amounts else None))
    return sorted(found, key=lambda one: (one.at, one.ex_date))


def _reference(edges: Sequence[Any]) -> Any:
    """The longest interval of at most one session; where there is none, the shortest."""
    short = [edge for edge in edges if _is_short(edge)]
    return max(short, key=_length_of) if short else min(edges, key=_length_of)


def _steps_of(
    transaction: Transaction, reached: Sequence[_Reached], reference: Any, known: Knowledge, own: OwnBars | None
) -> Steps:
    """What the ex-dates of one symbol do."""
    ex_at = np.array([one.at for one in reached], np.int64)
    closes: list[float | None] = [None] * len(reached)
    if any(one.amount is not None for one in reached):
        closes = _closes_before(transaction, ex_at, reference, known, own)
    parts = [_part(one.amount, close) for one, close in zip(reached, closes, strict=True)]
    return Steps(
        ex_at=ex_at,
        split_factors=_cumulated([one.ratio for one in reached]),
        dividend_factors=_cumulated([np.nan if part is None else part for part in parts]),
        reference_id=reference.interval_id,
        reference_from=reference.retained_from,
        reference_is_short=_is_short(reference),
        ex_dates=[one.ex_date for one in reached],
        parts=parts,
    )


def _is_short(edge: Any) -> bool:
    return bool(edge.unit == "second" or (edge.unit == "day" and edge.length == 1))


def _length_of(edge: Any) -> int:
    return Interval(edge.unit, edge.length).nominal_seconds


def _closes_before(
    transaction: Transaction, ex_at: npt.NDArray[np.int64], reference: Any, known: Knowledge, own: OwnBars | None
) -> list[float | None]:
    """The last close before each instant; None where there is none."""
    if own is not None and (own.unit, own.length) == (reference.unit, reference.length) and _is_short(reference):
        keys, closes = own.starts, own.closes
    else:
        asked = {"interval_id": reference.interval_id, **known.of_bars}
        bars = transaction.arrays("records.reference_closes", asked, bars=known.bars)
        keys, closes = bars["starts" if _is_short(reference) else "ends"], bars["close"]
    at = np.searchsorted(keys, ex_at) - 1
    return [None if number < 0 else float(closes[number]) for number in at]


def _part(amount: float | None, close: float | None) -> float | None:
    """What a dividend leaves of the price before it; None where that cannot be told."""
    if amount is None:
        return 1.0
    return 1 - amount / close if close is not None and close > 0 and amount < close else None


def _cumulated(factors: Sequence[float]) -> npt.NDArray[np.float64]:
    """The product of each factor and those after it, the newest first; and 1 after the last."""
    return np.concatenate([np.multiply.accumulate(np.array(factors[::-1], np.float64))[::-1], [1.0]])


def instant_of(micros: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=int(micros))


def micros_of(instant: datetime) -> int:
    """An instant as microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def series(transaction: Transaction, symbol: str, known: Knowledge) -> pa.Table:
    """The factors of one symbol: a row for each stretch of sessions that has one set of them."""
    found = steps(transaction, [symbol], known).get(symbol)
    days = [None] if found is None else [None, *found.ex_dates]
    split = np.ones(1) if found is None else found.split_factors
    dividend = np.ones(1) if found is None else found.dividend_factors
    growth = dividend / split
    return pa.table(
        {
            "session_date": pa.array(days, pa.date32()),
            "split_factor": pa.array(split),
            "dividend_factor": pa.array(dividend, from_pandas=True),
            "total_return_factor": pa.array(growth / growth[0], from_pandas=True),
        }
    )
