"""Judging rows in memory: where each lies, if all of them are bars, and which may be stored already.

What ``store/sql/load/placement.sql`` says of a row is said here once more, but only of rows about which there is
nothing to say: in doubt there is no answer, and the statements give it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barhouse.coordinator.fast.arrays import NONE, SECOND, Array, begins, micros, moment_of
from barhouse.coordinator.fast.hours import CalendarHours
from barhouse.coordinator.fast.mirror import Mirror
from barhouse.store.model.bar import CLOCK_TOLERANCE, COLUMNS, REQUIRED, TRADE_COUNT_LIMIT, TURNOVER_LIMIT, VOLUME_LIMIT
from barhouse.store.model.interval import Interval
from barhouse.store.records.trading_calendar import AHEAD, BEHIND

#: More rows than that are for the statements; of so many a load looks at the steps between their stamps.
MOST_ROWS = 10_000
#: A smaller volume may be rounded too far to be summed.
_LEAST_VOLUME = 1e-6
#: How far a vwap may lie outside of low and high, as a part of them.
_NEAR = 1e-4
#: Two such bars outside of sessions cannot overlap, for opens and closes are whole minutes.
_MINUTE = 60
#: So few steps between stamps say nothing of how long bars are.
_FEW_STEPS = 5

_PRICES = ("open", "high", "low", "close")
_TEXTS = (pa.string(), pa.large_string(), pa.string_view())


@dataclass(frozen=True, slots=True)
class JudgedBars:
    """Rows as bars, by their base intervals and starts.

    Attributes
    ----------
    at
        The position of the base interval.
    start, end
        In microseconds since 1970.
    date, segment
        ``NONE`` outside of sessions.
    values
        Prices and the volume, by their names.
    trade_count, vwap
        As they were given; None for no column.
    base_count, expected_count
        As ``bar`` has them.
    is_below
        Whether it lies below where its interval is complete, so that it may be stored already.
    """

    at: Array
    start: Array
    end: Array
    date: Array
    segment: Array
    values: dict[str, Array]
    trade_count: pa.Array | None
    vwap: pa.Array | None
    base_count: Array
    expected_count: Array
    is_below: Array

    def where(self, chosen: Array) -> JudgedBars:
        """Some of them."""
        mask = pa.array(chosen)
        return JudgedBars(
            at=self.at[chosen],
            start=self.start[chosen],
            end=self.end[chosen],
            date=self.date[chosen],
            segment=self.segment[chosen],
            values={name: column[chosen] for name, column in self.values.items()},
            trade_count=None if self.trade_count is None else self.trade_count.filter(mask),
            vwap=None if self.vwap is None else self.vwap.filter(mask),
            base_count=self.base_count[chosen],
            expected_count=self.expected_count[chosen],
            is_below=self.is_below[chosen],
        )


def may_be_judged(table: pa.Table, *, names_symbols: bool) -> bool:
    """Whether there are few rows, in our own columns and none else."""
    schema = table.schema
    names = set(schema.names)
    wanted = {*REQUIRED, "symbol"} if names_symbols else set(REQUIRED)
    if not 0 < table.num_rows <= MOST_ROWS or len(names) != len(schema.names):
        return False
    if not wanted <= names <= wanted | {"trade_count", "vwap"}:
        return False
    for field in schema:
        if field.name == "symbol":
            is_ours = field.type in _TEXTS
        elif field.name == "bar_start":
            is_ours = pa.types.is_timestamp(field.type) and field.type.unit == "us" and field.type.tz is not None
        else:
            is_ours = field.type == COLUMNS.field(field.name).type
        if not is_ours or (field.name in wanted and table[field.name].null_count):
            return False
    return True


def judge(
    mirror: Mirror, table: pa.Table, symbol: str | None, interval: Interval, now: datetime, *, spaced: bool
) -> JudgedBars | None:
    """Judge rows; None unless each is a bar, once, and its place among those that are stored is plain.

    It lies beyond all bars of its symbol and all that is derived of it; or in a session, where nothing is final.

    Parameters
    ----------
    symbol
        Whose they are, in the store's spelling; None: their column says.
    spaced
        Whether the steps between their stamps must say how long they are.
    """
    at = _positions(mirror, table, symbol)
    if at is None or not interval.intraday:
        return None
    start = np.asarray(table["bar_start"].cast(pa.int64()).to_numpy())
    order = np.lexsort((start, at))
    at, start = at[order], start[order]
    values = {name: np.asarray(table[name].to_numpy())[order] for name in (*_PRICES, "volume")}
    trade_count, vwap = (_taken(table, name, order) for name in ("trade_count", "vwap"))
    again = (at[1:] == at[:-1]) & (start[1:] == start[:-1])
    if again.any() or not _are_sane(values, trade_count, vwap):
        return None
    placed = _place(mirror, at, start, interval)
    if placed is None:
        return None
    end, date, segment, base_count, expected_count = placed
    counts_from = np.where((expected_count == 0) & (date != NONE), start - 1, start)
    is_below = start < mirror.complete_through[at]
    if not ((start >= mirror.retained_from[at]) & (is_below | (counts_from >= mirror.settled_through[at]))).all():
        return None
    is_plain = (base_count == 1) & (expected_count == 1) & ~mirror.has_final[at]
    if (is_below & ~is_plain).any():
        return None
    if end.max() > micros(now + CLOCK_TOLERANCE) or not _are_covered(mirror, at, start):
        return None
    if spaced and not _are_spaced(at, start, interval.length * SECOND):
        return None
    return JudgedBars(at, start, end, date, segment, values, trade_count, vwap, base_count, expected_count, is_below)


def _positions(mirror: Mirror, table: pa.Table, symbol: str | None) -> Array | None:
    """The base interval of each row; None unless all are spelled as registered."""
    if symbol is not None:
        number = mirror.symbols.index(symbol).as_py()
        return None if number < 0 else np.full(table.num_rows, mirror.bases[number])
    given = table["symbol"].combine_chunks().cast(pa.string())
    found = pc.index_in(given, mirror.symbols)
    return None if found.null_count else mirror.bases[found.to_numpy()]


def _taken(table: pa.Table, name: str, order: Array) -> pa.Array | None:
    if name not in table.column_names or table[name].null_count == table.num_rows:
        return None
    return table[name].combine_chunks().take(pa.array(order))


def _are_sane(values: dict[str, Array], trade_count: pa.Array | None, vwap: pa.Array | None) -> bool:
    """Whether nothing is to be said of prices, volumes, and what is known of trades."""
    opened, high, low, close = (values[name] for name in _PRICES)
    volume = values["volume"]
    with np.errstate(over="ignore", invalid="ignore"):
        sane = np.isfinite(opened + high + low + close + volume)
        sane &= (low <= opened) & (opened <= high) & (low <= close) & (close <= high)
        sane &= ((volume >= _LEAST_VOLUME) & (volume < VOLUME_LIMIT)) | (volume == 0)
        if vwap is not None:
            known = np.asarray(vwap.is_valid().to_numpy(zero_copy_only=False))
            mean = np.asarray(vwap.fill_null(0.0).to_numpy())
            near = (mean >= low - _NEAR * np.abs(low)) & (mean <= high + _NEAR * np.abs(high))
            near &= np.maximum(np.maximum(high, -low), np.abs(mean)) * volume < TURNOVER_LIMIT
            sane &= near | ~known
        if trade_count is not None:
            count = np.asarray(trade_count.fill_null(0).to_numpy())
            sane &= (count >= 0) & (count < TRADE_COUNT_LIMIT)
    return bool(sane.all())


def _place(mirror: Mirror, at: Array, start: Array, interval: Interval) -> tuple[Array, ...] | None:
    """Where bars end, their sessions and segments, and what they count; None where one lies where no bar starts."""
    width = interval.length * SECOND
    columns = tuple(np.empty(len(at), np.int64) for _ in range(5))
    ways = mirror.way[at]
    for number in np.unique(ways).tolist():
        way = mirror.ways[number]
        if (way.unit, way.length) != (interval.unit, interval.length):
            return None
        which = np.flatnonzero(ways == number)
        placed = _place_in(mirror.hours[way.calendar], start[which], width, closes_late=way.closing_seconds > 0)
        if placed is None:
            return None
        for column, part in zip(columns, placed, strict=True):
            column[which] = part
    return columns


def _place_in(hours: CalendarHours, start: Array, width: int, *, closes_late: bool) -> tuple[Array, ...] | None:
    segment = np.searchsorted(hours.open, start, "right") - 1
    if not len(start) or segment.min() < 0:
        return None
    opened, closed = hours.open[segment], hours.close[segment]
    inside = start < closed
    if inside.all():
        if ((start - opened) % width).any():
            return None
        ones = np.ones(len(start), np.int64)
        return np.minimum(start + width, closed), hours.date[segment], hours.segment[segment], ones, ones
    if width > _MINUTE * SECOND or segment.max() + 1 >= len(hours.open):
        return None
    following = hours.open[segment + 1]
    is_closing = ~inside & closes_late & hours.closes[segment] & (start == closed)
    on_grid = np.where(
        inside,
        (start - opened) % width == 0,
        (start + width <= following) & (((start - closed) % width == 0) | ((following - start) % width == 0)),
    )
    if not on_grid.all():
        return None
    within = inside | is_closing
    return (
        np.where(inside, np.minimum(start + width, closed), start + width),
        np.where(within, hours.date[segment], NONE),
        np.where(within, hours.segment[segment], NONE),
        np.where(is_closing, 0, 1),
        inside.astype(np.int64),
    )


def _are_covered(mirror: Mirror, at: Array, start: Array) -> bool:
    """Whether the calendars are known as far around the rows as a load wants them to be."""
    first, last = moment_of(int(start.min())).date(), moment_of(int(start.max())).date()
    calendars = {mirror.ways[way].calendar for way in np.unique(mirror.way[at]).tolist()}
    return all(mirror.hours[name].covers(first, last, BEHIND.days, AHEAD.days) for name in calendars)


def _are_spaced(at: Array, start: Array, width: int) -> bool:
    """Whether the stamps of each symbol are never nearer than bars are long, and most steps between them not alike."""
    symbols = len(begins(at))
    if len(at) - symbols < _FEW_STEPS:
        return True
    steps = (start[1:] - start[:-1])[at[1:] == at[:-1]]
    shortest = steps.min()
    return bool(shortest == width or (shortest > width and 2 * (steps == shortest).sum() < len(steps)))
