"""Arrays of the fast path: microseconds since 1970 and days since 1970 as whole numbers, and tables made of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from barhouse.store.model.bar import INSTANT

Array = npt.NDArray[Any]

SECOND = 1_000_000
#: What stands for null, before every instant and date there is.
NONE = int(np.iinfo(np.int64).min)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.date()


def micros(moment: datetime) -> int:
    """An instant as microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(instant: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=instant)


def date_of(day: int) -> date:
    """The date of so many days since 1970."""
    return _FIRST_DAY + timedelta(days=day)


def day_of(day: date) -> int:
    """A date as days since 1970."""
    return (day - _FIRST_DAY).days


def whole(values: pa.ChunkedArray) -> Array:
    """A column of whole numbers, instants or dates, ``NONE`` where it is null."""
    kind = values.type
    if pa.types.is_date32(kind):
        values = values.cast(pa.int32())
    numbers = values.cast(pa.int64())
    return np.array((numbers.fill_null(NONE) if numbers.null_count else numbers).to_numpy(), copy=True)


def instants(values: Array) -> pa.Array:
    """A column of instants."""
    return _nullable(values, pa.int64()).cast(INSTANT)


def dates(values: Array) -> pa.Array:
    """A column of dates."""
    return _nullable(values, pa.int32()).cast(pa.date32())


def numbers(values: Array, kind: pa.DataType) -> pa.Array:
    """A column of whole numbers."""
    return _nullable(values, kind)


def _nullable(values: Array, kind: pa.DataType) -> pa.Array:
    unknown = values == NONE
    if unknown.any():
        return pa.array(np.where(unknown, 0, values), pa.int64(), mask=unknown).cast(kind)
    return pa.array(values, pa.int64()).cast(kind)


def alike(*columns: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Go through the distinct rows of some columns, each with where it stands.

    Thousands of intervals are moved in few ways, most often all in the same.
    """
    rows = np.stack(columns)
    if not rows.shape[1]:
        return
    if (rows == rows[:, :1]).all():
        yield tuple(rows[:, 0].tolist()), np.arange(rows.shape[1])
        return
    order = np.lexsort(rows[::-1])
    ordered = rows[:, order]
    changes = np.flatnonzero((ordered[:, 1:] != ordered[:, :-1]).any(axis=0)) + 1
    for part in np.split(order, changes):
        yield tuple(rows[:, part[0]].tolist()), np.sort(part)


def begins(*keys: Array) -> Array:
    """Where runs of equal keys begin; there is one row at least."""
    changes = np.zeros(len(keys[0]) - 1, bool)
    for key in keys:
        changes |= key[1:] != key[:-1]
    return np.concatenate([[0], np.flatnonzero(changes) + 1])
