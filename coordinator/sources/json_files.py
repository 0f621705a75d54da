"""Rows in JSON: one value on each line, or one value in all, as the web interfaces of vendors answer.

Numbers stay the texts that they are, and are understood as those of any other text. Of one value records are found
where they lie: a list of them, lists by symbol, columns side by side, all of it below keys such as ``bars``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from barhouse.coordinator.sources.json_tables import SYMBOL, RecordTable, tables_in
from barhouse.store.errors import SourceError
from barhouse.store.hints import Option

_CHUNK_ROWS = 50_000
#: One value is understood as a whole, which takes some times as much memory; values on lines one after the other.
_MOST_BYTES = 256 << 20


def json_rows(path: str, name: str, header: Sequence[str] | None) -> pa.RecordBatchReader:
    """Read a file, called ``name`` in messages; every column is a text.

    Parameters
    ----------
    header
        The names of the columns, for rows that are lists and do not name them.

    Raises
    ------
    SourceError
        When it is no JSON, or holds no records.
    """
    read = _of_lines if _has_values_on_lines(Path(path), name) else _of_one_value
    names: dict[str, None] = {}
    for table in read(path, name, header):  # columns may come with the last row
        names.update(dict.fromkeys(chain.from_iterable(table.rows)))
        if table.symbol is not None:
            names.setdefault(SYMBOL)
    if not names:
        raise SourceError(f"{name} has no records: it is {{}}, [] or empty")
    schema = pa.schema([(column, pa.string()) for column in names])
    batches = (_batch(part, schema) for table in read(path, name, header) for part in table.parts(_CHUNK_ROWS))
    return pa.RecordBatchReader.from_batches(schema, batches)


def _has_values_on_lines(path: Path, name: str) -> bool:
    """Whether the first line is a value by itself, and others follow."""
    with path.open("rb") as opened:
        first = next((line for line in iter(lambda: opened.readline(_MOST_BYTES), b"") if line.strip()), b"")
        if not any(line.strip() for line in iter(lambda: opened.readline(_MOST_BYTES), b"")):
            return False
    try:
        _understood(first, name)
    except SourceError:
        return False
    return True


def _of_lines(path: str, name: str, header: Sequence[str] | None) -> Iterator[RecordTable]:
    with Path(path).open("rb") as opened:
        numbered = enumerate(opened, start=1)
        while lines := list(islice(numbered, _CHUNK_ROWS)):
            yield RecordTable.of(_values([line for line in lines if line[1].strip()], name), None, header, name)


def _values(lines: Sequence[tuple[int, bytes]], name: str) -> list[Any]:
    """The values on lines: all at once where each line is one, which is quicker, or else one by one."""
    texts = [line.strip() for _, line in lines]
    if all(text[:1] in b"{[" and text[-1:] in b"}]" for text in texts):
        with suppress(ValueError, RecursionError):
            values: list[Any] = _DECODER.decode(f"[{b','.join(texts).decode()}]")
            if len(values) == len(texts):
                return values
    return [_understood(line, f"{name}, line {number},") for number, line in lines]


def _of_one_value(path: str, name: str, header: Sequence[str] | None) -> Iterator[RecordTable]:
    size = Path(path).stat().st_size
    if size > _MOST_BYTES:
        raise SourceError(
            f"{name} is one JSON value of {size:,} bytes, and {_MOST_BYTES:,} are the most that can be understood as a "
            f"whole; write a record on each line (.jsonl), or as Parquet"
        )
    yield from tables_in(_understood(Path(path).read_bytes(), name), header, name)


def _batch(table: RecordTable, schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([_texts(table.column(name)) for name in schema.names], schema=schema)


def _texts(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):  # true and false, lists and records
        return pa.array(
            [value if isinstance(value, str | None) else json.dumps(value) for value in values], pa.string()
        )


def _record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)!r} is there twice in one record")
    return found


_as_it_stands: Callable[[str], str] = str
_DECODER = json.JSONDecoder(
    object_pairs_hook=_record, parse_float=_as_it_stands, parse_int=_as_it_stands, parse_constant=_as_it_stands
)


def _understood(text: bytes, name: str) -> Any:
    try:
        return _DECODER.decode(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        what = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise SourceError(
            f"{name} cannot be read: it is neither one JSON value nor one on each line ({what}); fetch or write it "
            f"again, or say what it is with {Option('file_format')}"
        ) from error
