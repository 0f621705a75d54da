"""Exact sums of decimals, in numpy: DuckDB casts at both ends, as it did for whoever wrote the bars.

A decimal of DuckDB is a whole number of up to 128 bits. It is held as three parts, of 32, 32 and 64 bits, which are
summed up each by itself and brought into one number at the end, so that no sum of up to 2,000,000,000 rows overflows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from barhouse.store.checks.arrays import Array
from barhouse.store.database.transaction import Transaction

_LOW = 0xFFFFFFFF
_BITS = 32
#: Whole volumes below are exact as they are, and as decimals: 2**53 / 5**9, rounded down.
_WHOLE_BELOW = 2**32
#: Sums below are doubles exactly.
_EXACT_BELOW = 10**15
#: Digits after the point of a volume.
VOLUME_SCALE = 9
#: Digits after the point of a turnover, which is vwap times volume.
TURNOVER_SCALE = 15


@dataclass(frozen=True, slots=True)
class Decimals:
    """Numbers in units of ten to the power of minus ``scale``."""

    parts: tuple[Array, ...]
    scale: int

    def __len__(self) -> int:
        return len(self.parts[0])

    def summed(self, begins: Array) -> Decimals:
        """The sum of each run."""
        return Decimals(tuple(np.add.reduceat(part, begins) for part in self.parts), self.scale)

    def take(self, which: Array) -> Decimals:
        """Some of them."""
        return Decimals(tuple(part[which] for part in self.parts), self.scale)

    def along(self, more: Decimals) -> Decimals:
        """These, and others after them."""
        if len(self.parts) != len(more.parts) or self.scale != more.scale:
            return self.in_parts().along(more.in_parts())
        return Decimals(tuple(np.concatenate(pair) for pair in zip(self.parts, more.parts, strict=True)), self.scale)

    def in_parts(self) -> Decimals:
        """In units of a volume, in three parts."""
        if len(self.parts) > 1:
            return self
        (whole,) = self.parts
        factor = 10**VOLUME_SCALE
        low, high = (whole & _LOW) * factor, (whole >> _BITS) * factor
        middle = (low >> _BITS) + (high & _LOW)
        return Decimals((low & _LOW, middle, high >> _BITS), VOLUME_SCALE)

    def doubles(self, transaction: Transaction) -> Array:
        """As DuckDB casts them to doubles."""
        if len(self.parts) == 1 and (not len(self) or self.parts[0].max() < _EXACT_BELOW):
            return np.asarray(self.parts[0], np.float64)
        return _cast(transaction, self.in_parts().arrow())

    def positive(self) -> Array:
        """Whether each is more than nothing."""
        low, middle, high = self.in_parts().carried()
        found: Array = (high > 0) | ((high == 0) & ((low | middle) > 0))
        return found

    def carried(self) -> tuple[Array, Array, Array]:
        """The three parts, the first two of them below 2**32."""
        low, middle, high = self.parts
        middle = middle + (low >> _BITS)
        return low & _LOW, middle & _LOW, high + (middle >> _BITS)

    def arrow(self) -> pa.Array:
        """As decimals of Arrow."""
        low, middle, high = self.carried()
        pairs = np.empty((len(low), 2), np.int64)
        pairs[:, 0], pairs[:, 1] = low | (middle << _BITS), high
        return pa.Array.from_buffers(pa.decimal128(38, self.scale), len(low), [None, pa.py_buffer(pairs.tobytes())])


def volumes(transaction: Transaction, volume: Array) -> Decimals:
    """Volumes as decimals; of those that are none, nothing."""
    if len(volume) and (volume >= 0).all() and volume.max() < _WHOLE_BELOW:
        whole = volume.astype(np.int64)
        if (whole == volume).all():
            return Decimals((whole,), 0)
    given = transaction.attach("given_volumes", pa.table({"volume": volume}))
    return decimals(transaction.table("checks.volumes", given_volumes=given)["exact"], VOLUME_SCALE)


def decimals(column: pa.ChunkedArray, scale: int) -> Decimals:
    """Decimals that DuckDB gave; what is null is nothing."""
    if column.null_count:
        column = column.fill_null(0)
    parts = []
    for chunk in column.chunks:
        pairs = np.frombuffer(chunk.buffers()[1], np.int64).reshape(-1, 2)
        parts.append(pairs[chunk.offset : chunk.offset + len(chunk)])
    every = np.concatenate(parts) if parts else np.zeros((0, 2), np.int64)
    low, high = every[:, 0], every[:, 1]
    return Decimals((low & _LOW, (low >> _BITS) & _LOW, high.copy()), scale)


def _cast(transaction: Transaction, exact: pa.Array) -> Array:
    summed = transaction.attach("exact_sums", pa.table({"exact": exact}))
    found: Array = transaction.table("checks.doubles", exact_sums=summed)["value"].to_numpy()
    return found
