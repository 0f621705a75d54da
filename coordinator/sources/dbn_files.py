"""Bars in files of Databento's own encoding, DBN: the schemas ohlcv, with the symbols that the file maps its ids to."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from barhouse.coordinator.sources.parquet_copy import INTERVAL
from barhouse.store.errors import SourceError

if TYPE_CHECKING:
    from databento_dbn import Metadata

#: The schemas that are bars, each with their length and the type of its records.
_SCHEMAS = {"ohlcv-1s": ("1s", 0x20), "ohlcv-1m": ("1m", 0x21), "ohlcv-1h": ("1h", 0x22), "ohlcv-1d": ("1d", 0x23)}
#: A record is words of eight bytes: its header, ts_event, open, high, low, close, volume; with ``ts_out`` one more.
_WORDS, _WORD_BYTES = 7, 8
_PRICES = {"open": 2, "high": 3, "low": 4, "close": 5}
#: What stands for a price and for an instant that is not known, and in what prices count.
_NO_PRICE, _NO_INSTANT, _SCALE = (1 << 63) - 1, -1, 10**9
#: Whole numbers up to here are doubles.
_EXACT = 1 << 53
_DAY = 86_400 * 10**9
_CHUNK_ROWS = 100_000
_SCHEMA = [
    ("ts_event", pa.timestamp("ns", "UTC")),
    *((price, pa.float64()) for price in _PRICES),
    ("volume", pa.uint64()),
    ("symbol", pa.string()),
]


def dbn_rows(path: str, name: str) -> pa.RecordBatchReader:
    """Read a file, called ``name`` in messages, in parts; prices become the doubles next to them.

    Raises
    ------
    SourceError
        When it holds something else than bars, is damaged, or nothing is there to understand it with.
    """
    with Path(path).open("rb") as opened:
        begins = opened.read(8)
        length = int.from_bytes(begins[4:], "little")
        head = begins + opened.read(min(length, Path(path).stat().st_size))
    metadata = _metadata(head, name)
    interval, kind = _bars_of(metadata.schema, name)
    symbols = _Symbols(metadata, name)
    record_words = _WORDS + bool(metadata.ts_out)
    schema = pa.schema(_SCHEMA, metadata={INTERVAL: interval})

    def batches() -> Iterator[pa.RecordBatch]:
        with Path(path).open("rb") as opened:
            opened.seek(len(head))
            while content := opened.read(_CHUNK_ROWS * record_words * _WORD_BYTES):
                if len(content) % (record_words * _WORD_BYTES):
                    raise SourceError(f"{name} cannot be read: it ends in the middle of a record; fetch it again")
                words = array("q", content)
                if sys.byteorder == "big":
                    words.byteswap()
                header = _word(words, record_words, 0)
                # The length in words of four bytes, and the type.
                if pc.unique(pc.bit_wise_and(header, 0xFFFF)).to_pylist() != [record_words * 2 + (kind << 8)]:
                    raise SourceError(
                        f"{name} cannot be read: it has records that are none of {metadata.schema}; fetch it again"
                    )
                instants = _word(words, record_words, 1)
                instants = pc.if_else(pc.equal(instants, _NO_INSTANT), None, instants)
                columns = [
                    instants.cast(schema.field("ts_event").type),
                    *(_prices(_word(words, record_words, number)) for number in _PRICES.values()),
                    _word(words, record_words, 6).view(pa.uint64()),
                    symbols.of(pc.bit_wise_and(pc.shift_right(header, 32), 0xFFFFFFFF), instants),
                ]
                yield pa.record_batch(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _word(words: array[int], record_words: int, number: int) -> pa.Array:
    """One word of every record."""
    column = words[number::record_words]
    return pa.Array.from_buffers(pa.int64(), len(column), [None, pa.py_buffer(column)])


def _bars_of(schema: str | None, name: str) -> tuple[str, int]:
    """How long the bars of a schema are, and the type of its records."""
    if schema not in _SCHEMAS:
        raise SourceError(
            f"{name} holds {schema or 'records of several schemas'}, which is no schema of bars; ask Databento for "
            f"one of {', '.join(_SCHEMAS)}"
        )
    return _SCHEMAS[schema]


def _metadata(head: bytes, name: str) -> Metadata:
    try:
        from databento_dbn import Metadata
    except ImportError as error:
        raise SourceError(
            f"{name} is of Databento's encoding, which needs the package databento-dbn: pip install "
            f"'barhouse[databento]'; or ask Databento for CSV"
        ) from error
    try:
        return Metadata.decode(head)
    except Exception as error:  # its own class, and those of Python
        raise SourceError(f"{name} cannot be read: it is no whole DBN file ({error}); fetch it again") from error


def _prices(given: pa.Array) -> pa.Array:
    """The doubles next to prices that count billionths."""
    known = pc.if_else(pc.equal(given, _NO_PRICE), None, given)
    most = pc.min_max(known).as_py()
    if max(abs(most["min"] or 0), abs(most["max"] or 0)) > _EXACT:
        # No double holds the whole number; Python divides as if one did.
        return pa.array([None if count is None else count / _SCALE for count in known.to_pylist()], pa.float64())
    return pc.divide(known.cast(pa.float64()), float(_SCALE))


class _Symbols:
    """The symbols that a file maps the ids of its records to, each from one date to another."""

    def __init__(self, metadata: Metadata, name: str) -> None:
        by_id = str(metadata.stype_in) == "instrument_id"
        found = sorted(
            (int(given if by_id else one["symbol"]), _day(one["start_date"]), _day(one["end_date"]), symbol)
            for given, intervals in metadata.mappings.items()
            for one in intervals
            if (symbol := one["symbol"] if by_id else given) and one["symbol"]
        )
        reach = None  # what lasts longest of those so far, of one id
        for one in found:
            if reach is not None and reach[0] == one[0] and one[1] < reach[2] and reach[3] != one[3]:
                raise SourceError(
                    f"{name} maps instrument {one[0]} to two symbols of one day, {reach[3]} and {one[3]}; ask "
                    f"Databento for each by itself"
                )
            if reach is None or reach[0] != one[0] or reach[2] < one[2]:
                reach = one
        self._begins = [(instrument, begin) for instrument, begin, _, _ in found]
        self._found = found

    def of(self, ids: pa.Array, instants: pa.Array) -> pa.Array:
        """The symbols of records, by their ids and UTC dates; null where none is said."""
        days = pc.divide(pc.fill_null(instants, 0), _DAY)
        keys = pc.bit_wise_or(pc.shift_left(ids, 20), days).dictionary_encode()
        symbols = [self._of(key >> 20, key & 0xFFFFF) for key in keys.dictionary.to_pylist()]
        return pa.array(symbols, pa.string()).take(keys.indices)

    def _of(self, instrument: int, day: int) -> str | None:
        place = bisect_right(self._begins, (instrument, day)) - 1
        if place < 0:
            return None
        own, _, end, symbol = self._found[place]
        return symbol if own == instrument and day < end else None


def _day(given: date) -> int:
    return (given - date(1970, 1, 1)).days
