"""What is wrong as columns of Arrow, for the statements that put it into words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from barhouse.store.checks.arrays import NO_DATE, NO_SEGMENT, NONE, Array, Rows
from barhouse.store.checks.recomputation import COMPARED

_PRICES = ("open", "high", "low", "close", "volume")


def instants(values: Array) -> pa.Array:
    """Microseconds as instants; ``NONE`` is null."""
    return pa.array(values, pa.int64(), mask=values == NONE).cast(pa.timestamp("us", "UTC"))


def dates(values: Array) -> pa.Array:
    """Days since 1970 as dates; ``NO_DATE`` is null."""
    return pa.array(values.astype(np.int32), pa.int32(), mask=values == NO_DATE).cast(pa.date32())


def segments(values: Array) -> pa.Array:
    """Segments; ``NO_SEGMENT`` is null."""
    return pa.array(values.astype(np.int8), pa.int8(), mask=values == NO_SEGMENT)


def known(values: Array, mask: Array, kind: Any = None) -> pa.Array:
    """Values, null where the mask is false."""
    return pa.array(values, kind, mask=~mask)


def either(left: Rows, of: Array, right: Rows, other: Array, name: str) -> Array:
    """Values of the one side, and where it has none (-1) of the other."""
    return np.where(of >= 0, or_none(left[name], of), or_none(right[name], other))


def or_none(values: Array, of: Array) -> Array:
    """Values at some positions; ``NONE`` where the position is -1."""
    return np.append(values.astype(np.int64), NONE)[np.where(of < 0, len(values), of)]


def counts_at(rows: Rows, of: Array, whose: str, names: tuple[str, ...]) -> dict[str, pa.Array]:
    """Counts at some positions; null where the position is -1."""
    return {
        f"{whose}_{name}": known(np.where(of >= 0, or_none(rows[name], of), 0), of >= 0, pa.int64()) for name in names
    }


def places_at(rows: Rows, of: Array, whose: str) -> dict[str, pa.Array]:
    """What base bars say of where they lie, or should."""
    found = {
        f"{whose}_date": dates(rows["session_date"][of]),
        f"{whose}_segment": segments(rows["segment"][of]),
    }
    for name in ("span_seconds", "base_count", "expected_count"):
        found[f"{whose}_{name}"] = pa.array(rows[name][of].astype(np.int64))
    if "bar_start" in rows.columns:
        found[f"{whose}_start"] = instants(rows["bar_start"][of])
    return found


def bars_at(rows: Rows, of: Array, whose: str, *, trades: bool) -> dict[str, pa.Array]:
    """Derived bars at some positions; null where the position is -1."""
    there = of >= 0
    position = np.where(there, of, 0)
    unknown = np.zeros(len(of), np.int64)

    def values(name: str) -> Array:
        return rows[name][position] if len(rows) else unknown

    found = {
        f"{whose}_there": pa.array(there),
        f"{whose}_date": dates(np.where(there, values("session_date"), NO_DATE)),
        f"{whose}_segment": segments(np.where(there, values("segment"), NO_SEGMENT)),
    }
    for name in COMPARED:
        if name not in ("session_date", "segment"):
            kind = np.float64 if name in _PRICES else np.int64
            found[f"{whose}_{name}"] = known(values(name).astype(kind), there)
    for name, given, kind in (("trade_count", "trades_known", np.int64), ("vwap", "vwap_given", np.float64)):
        if trades:
            found[f"{whose}_{name}"] = known(values(name).astype(kind), there & values(given).astype(bool))
        else:
            found[f"{whose}_{name}"] = known(unknown.astype(kind), unknown.astype(bool))
    return found
