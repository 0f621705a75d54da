"""Bars of the past as of the shares of today: prices and volumes brought there by their factors, as they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Action, Option
from barhouse.store.records.adjustment import Adjust, Knowledge, Steps, instant_of, micros_of

#: The columns that an adjusted bar has beside those of a bar.
FACTORS = ("split_factor", "dividend_factor", "ex_inside")

_PRICES = ("open", "high", "low", "close", "vwap")
_BEGINNING = -(2**62)


def adjusted(
    transaction: Transaction,
    table: pa.Table,
    kind: Adjust,
    known: Knowledge,
    found: Mapping[str, Steps],
    *,
    blocks: bool,
) -> pa.Table:
    """Bars, ordered by symbol and time, with prices and volumes of today's shares, and the factors beside them.

    Parameters
    ----------
    blocks
        Whether the bars are of 1d or longer, so that an ex-date may lie inside of one.

    Raises
    ------
    InputError
        When a dividend before which there is no close would have to be accounted for.
    """
    factors = _factors(table, kind, found, blocks=blocks)
    table = _scaled(table, factors.split, factors.dividend)
    if factors.pieces:
        table = _made_anew(transaction, table, factors.pieces, found, known, kind)
    return _beside(table, factors)


def with_factors(table: pa.Table, kind: Adjust, found: Mapping[str, Steps], *, blocks: bool) -> pa.Table:
    """The same bars with factors of their own time, those between them too that were filled in since."""
    return _beside(table.drop_columns(list(FACTORS)), _factors(table, kind, found, blocks=blocks))


@dataclass(frozen=True, slots=True)
class _Factors:
    """The factors of each bar, whether an ex-date lies inside of it, and the rows and symbols where one does."""

    split: npt.NDArray[np.float64]
    dividend: npt.NDArray[np.float64]
    inside: npt.NDArray[np.bool_]
    pieces: Sequence[tuple[int, str]]


def _factors(table: pa.Table, kind: Adjust, found: Mapping[str, Steps], *, blocks: bool) -> _Factors:
    count = len(table)
    split, dividend, inside = np.ones(count), np.ones(count), np.zeros(count, bool)
    pieces: list[tuple[int, str]] = []
    if found and count:
        starts = instants(table["bar_start"])
        ends = instants(table["bar_end"]) - 1 if blocks else starts
        for symbol, first, last in _runs(table["symbol"]):
            if symbol not in found:
                continue
            one, rows = found[symbol], slice(first, last)
            after = np.searchsorted(one.ex_at, ends[rows], side="right")
            split[rows] = one.split_factors[after]
            if kind == "all":
                dividend[rows] = one.dividend_factors[after]
                _refuse_unknown(symbol, one, after)
            if blocks:
                inside[rows] = np.searchsorted(one.ex_at, starts[rows], side="right") < after
                pieces += [(first + int(row), symbol) for row in np.flatnonzero(inside[rows])]
    return _Factors(split, dividend, inside, pieces)


def _beside(table: pa.Table, factors: _Factors) -> pa.Table:
    for name, values in zip(FACTORS, (factors.split, factors.dividend, factors.inside), strict=True):
        table = table.append_column(name, pa.array(values))
    return table


def instants(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Instants as microseconds of UTC."""
    array: npt.NDArray[np.int64] = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    return array


def _runs(symbols: pa.ChunkedArray) -> list[tuple[str, int, int]]:
    """Each symbol, with its first row and that after its last."""
    encoded = pc.run_end_encode(symbols.combine_chunks())
    ends = encoded.run_ends.to_pylist()
    return list(zip(encoded.values.to_pylist(), [0, *ends[:-1]], ends, strict=True))


def _refuse_unknown(symbol: str, one: Steps, after: npt.NDArray[np.int64]) -> None:
    """Refuse bars before a dividend whose part of the price cannot be told."""
    lacking = [number for number, part in enumerate(one.parts) if part is None and number >= int(after.min())]
    if lacking:
        day = one.ex_dates[lacking[-1]]
        raise InputError(
            f"the dividend of {symbol} on {day} cannot be accounted for: there is no close before it that is above it; "
            f"give {Option('start', day)} or a later one, {Option('adjust', 'split')}, or delete it with "
            f"{Action('delete_actions', symbol, str(day))}"
        )


def _scaled(table: pa.Table, split: npt.NDArray[np.float64], dividend: npt.NDArray[np.float64]) -> pa.Table:
    """The bars with prices divided and multiplied, and the volume multiplied."""
    splits, dividends = bool((split != 1).any()), bool((dividend != 1).any())
    by, times = pa.array(split), pa.array(dividend)
    for name in (*_PRICES, "volume"):
        column = table[name]
        if splits:
            column = pc.multiply(column, by) if name == "volume" else pc.divide(column, by)
        if dividends and name != "volume":
            column = pc.multiply(column, times)
        if column is not table[name]:
            table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def _made_anew(
    transaction: Transaction,
    table: pa.Table,
    pieces: Sequence[tuple[int, str]],
    found: Mapping[str, Steps],
    known: Knowledge,
    kind: Adjust,
) -> pa.Table:
    """The bars that hold an ex-date, made of the adjusted bars of a shorter interval, where these are there."""
    starts, ends = instants(table["bar_start"]), instants(table["bar_end"])
    parts = []
    for symbol in dict.fromkeys(symbol for _, symbol in pieces):
        one = found[symbol]
        since = _BEGINNING if one.reference_from is None else micros_of(one.reference_from)
        rows = np.array([row for row, whose in pieces if whose == symbol and starts[row] >= since], np.int64)
        if len(rows):
            parts.append(_parts(transaction, symbol, one, rows, starts[rows], ends[rows], known, kind))
    if not parts:
        return table
    joined = pa.concat_tables(parts)
    made = transaction.table("records.bars_of_parts", adjusted_parts=transaction.attach("adjusted_parts", joined))
    mask = np.zeros(len(table), bool)
    mask[made["piece"].to_numpy()] = True
    for name in (*_PRICES, "volume", "trade_count"):
        column = table[name].combine_chunks()
        changed = pc.replace_with_mask(column, pa.array(mask), made[name].combine_chunks().cast(column.type))
        table = table.set_column(table.schema.get_field_index(name), name, changed)
    return table


def _parts(
    transaction: Transaction,
    symbol: str,
    one: Steps,
    rows: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    known: Knowledge,
    kind: Adjust,
) -> pa.Table:
    """The adjusted bars of the reference interval inside of bars, each with the row of that as its piece."""
    asked = {"interval_id": one.reference_id, "start": instant_of(starts[0]), "end": instant_of(ends[-1])}
    asked |= known.of_bars
    bars = transaction.table("records.reference_bars", asked, bars=known.bars)
    at = bars["starts"].to_numpy()
    first, last = np.searchsorted(at, starts), np.searchsorted(at, ends)
    counts = last - first
    inside = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(counts.sum())
    chosen = bars.take(pa.array(inside))
    keys = at if one.reference_is_short else bars["ends"].to_numpy()
    after = np.searchsorted(one.ex_at, keys[inside], side="right")
    dividend = np.ones(len(after))
    if kind == "all" and len(after):
        _refuse_unknown(symbol, one, after)
        dividend = one.dividend_factors[after]
    return _scaled(chosen, one.split_factors[after], dividend).append_column("piece", pa.array(np.repeat(rows, counts)))
