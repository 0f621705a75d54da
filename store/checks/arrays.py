"""Rows as numpy columns, in order: runs of equal keys, and two tables laid beside one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]
#: Microseconds in a second.
SECOND = 1_000_000
#: An instant or a date that is none: before every other.
NONE = -(2**62)
#: No end.
ENDLESS = 2**62
#: What stands for a date that is null in a column of days since 1970.
NO_DATE = -(2**31)
#: What stands for a segment that is null.
NO_SEGMENT = -128


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of one length, by their names."""

    columns: dict[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def take(self, which: Array | slice) -> Rows:
        """Those of a mask, of positions, or of a slice."""
        return Rows({name: column[which] for name, column in self.columns.items()})

    def where(self, mask: Array) -> Rows:
        """Those of a mask; the very same where that is all of them."""
        return self if mask.all() else self.take(mask)

    def along(self, more: Rows) -> Rows:
        """These, and after them others with the same columns."""
        return Rows({name: np.concatenate([column, more[name]]) for name, column in self.columns.items()})


def rows_of(table: pa.Table) -> Rows:
    """The columns of an Arrow table as they lie in memory; instants are microseconds, dates are days.

    What is null reads as ``NO_DATE``, ``NO_SEGMENT``, ``NONE`` for instants and 0 for the rest.
    """
    return Rows({name: _column(table[name]) for name in table.schema.names})


def _column(column: pa.ChunkedArray) -> Array:
    kind = column.type
    missing: object = 0
    if pa.types.is_date32(kind):
        column, missing = column.cast(pa.int32()), NO_DATE
    elif pa.types.is_timestamp(kind):
        column, missing = column.cast(pa.timestamp("us")).cast(pa.int64()), NONE
    elif pa.types.is_int8(kind):
        missing = NO_SEGMENT
    elif pa.types.is_boolean(kind):
        missing = False
    elif pa.types.is_string(kind):
        missing = ""
    if column.null_count:
        column = column.fill_null(missing)
    found: Array = column.to_numpy()
    return found


def changes(*keys: Array) -> Array:
    """Whether each row but the first differs from the one before it in any key."""
    found: Array = keys[0][1:] != keys[0][:-1]
    for key in keys[1:]:
        found = found | (key[1:] != key[:-1])
    return found


def runs(*keys: Array) -> Array:
    """Where each run of rows with equal keys begins."""
    if not len(keys[0]):
        return np.zeros(0, np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.flatnonzero(changes(*keys)) + 1])


def ordered(*keys: Array) -> Array | None:
    """The order of rows by several keys, the first of them counting most; None where they are in order."""
    ahead = np.zeros(max(len(keys[0]) - 1, 0), bool)
    level = np.ones(len(ahead), bool)
    for key in keys:
        ahead |= level & (key[1:] > key[:-1])
        level &= key[1:] == key[:-1]
    if (ahead | level).all():
        return None
    return np.lexsort(keys[::-1])


def times_of(*keys: Array) -> Array:
    """How often the keys of each row are there, of rows in their order."""
    begins = runs(*keys)
    return np.repeat(lengths(begins, len(keys[0])), lengths(begins, len(keys[0])))


def lengths(begins: Array, count: int) -> Array:
    """How long each run is."""
    return np.diff(begins, append=count)


def beside(left: list[Array], right: list[Array]) -> tuple[Array, Array]:
    """Lay rows beside the rows with equal keys: positions of both, -1 where one side has none.

    Those of ``left`` are there once each; those of ``right`` may repeat.
    """
    count = len(left[0])
    if count == len(right[0]) and all(np.array_equal(one, other) for one, other in zip(left, right, strict=True)):
        same = np.arange(count)
        return same, same
    keys = [np.concatenate(pair) for pair in zip(left, right, strict=True)]
    order = np.lexsort(keys[::-1])
    sorted_ = [key[order] for key in keys]
    group = np.empty(len(order), np.int64)
    group[order] = np.concatenate([np.zeros(min(len(order), 1), np.int64), np.cumsum(changes(*sorted_))])
    at = np.full(len(order), -1)
    at[group[:count]] = np.arange(count)
    matched = np.zeros(len(order), bool)
    matched[group[count:]] = True
    alone = np.flatnonzero(~matched[group[:count]])
    return np.concatenate([at[group[count:]], alone]), np.concatenate(
        [np.arange(len(right[0])), np.full(len(alone), -1)]
    )


def ranges(begins: Array, ends: Array) -> tuple[Array, Array]:
    """Every number of some ranges, one range after the other, and which of the ranges each is of."""
    counts = np.maximum(ends - begins, 0)
    of = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return np.arange(len(of)) - first[of] + begins[of], of


def differs(left: Array, right: Array) -> Array:
    """Whether values differ; what is no number equals what is none."""
    found: Array = left != right
    if found.any() and left.dtype.kind == "f":
        found &= ~(np.isnan(left) & np.isnan(right))
    return found
