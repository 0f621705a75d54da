"""Where the records lie in one JSON value: below which keys, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import Any

from barhouse.coordinator.sources.option_fields import EPOCH_DIGITS
from barhouse.coordinator.sources.presets import PRESETS, preset_named
from barhouse.store.errors import OptionsError, SourceError
from barhouse.store.hints import Option
from barhouse.store.model.bar import NUMBERED

#: The column of a symbol that stands outside of the records.
SYMBOL = "symbol"
#: The column of stamps that stand outside of the records, as their keys.
STAMP = "timestamp"
_NAMES_OF_SYMBOL = ("symbol", "ticker", "instrument")
#: A date in digits and what follows it, or a count since 1970.
_STAMP = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?(\D.*)?|\d\d?[-/.]\d\d?[-/.]\d{4}(\D.*)?|-?\d{8,19}", re.ASCII)
#: What the key of a table of stamps says of it, rather than whose it is.
_SERIES = "time series"
#: Keys that say what lies below them rather than whose it is.
_WRAPPERS = frozenset(
    {
        *("bars", "candles", "candlesticks", "chart", "content", "data", "historical", "history", "items", "klines"),
        *("ohlc", "ohlcv", "prices", "quotes", "records", "response", "result", "results", "rows", "series", "values"),
    }
)
_SHOWN_KEYS, _SHOWN_SIGNS = 5, 100


@dataclass(frozen=True, slots=True)
class RecordTable:
    """Records of one symbol, or that say themselves whose they are.

    Attributes
    ----------
    symbol
        Whose they are; None where nothing outside of them says so.
    """

    rows: Sequence[Mapping[str, Any]]
    symbol: str | None

    @classmethod
    def of(cls, rows: Sequence[Any], symbol: str | None, header: Sequence[str] | None, name: str) -> RecordTable:
        """Records; of lists, whose columns ``header`` names.

        Raises
        ------
        SourceError
            When the rows are neither, or lists of another length.
        """
        if all(isinstance(row, dict) for row in rows):
            if header is not None and rows:
                raise OptionsError(
                    f"{name} has records that name their columns themselves; leave out {Option('header')}"
                )
            rows = _flattened(rows, name)
            return cls(rows, None if _names_symbols(rows) else symbol)
        if not all(isinstance(row, list) for row in rows):
            raise SourceError(f"{name} has something among its rows that is neither a record nor a list of fields")
        if header is None:
            raise OptionsError(
                f"{name} has rows without names, of {len(rows[0])} fields, such as {_shown(rows[0])}; say which "
                f"columns they are with {Option('header')}{_presets_of(rows[0])}"
            )
        odd = next((number for number, row in enumerate(rows, start=1) if len(row) != len(header)), None)
        if odd is not None:
            raise OptionsError(
                f"{name} has {len(rows[odd - 1])} fields in row {odd}, and {Option('header')} names {len(header)}"
            )
        return cls([dict(zip(header, row, strict=True)) for row in rows], symbol)

    def parts(self, row_count: int) -> Iterator[RecordTable]:
        """The same, in parts of so many rows."""
        for begin in range(0, len(self.rows), row_count):
            yield replace(self, rows=self.rows[begin : begin + row_count])

    def column(self, name: str) -> list[Any]:
        """The values of a column; None where a record lacks it."""
        if name == SYMBOL and self.symbol is not None:
            return [self.symbol] * len(self.rows)
        return [row.get(name) for row in self.rows]


def _flattened(rows: Sequence[Mapping[str, Any]], name: str) -> Sequence[Mapping[str, Any]]:
    """Records in which those inside of them are fields of their own: ``o`` of ``mid`` is ``mid.o``.

    Raises
    ------
    SourceError
        When a record has a field of such a name beside.
    """
    if not any(isinstance(value, dict) for row in rows for value in row.values()):
        return rows
    return [_flat(row, name) for row in rows]


def _flat(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    fields = [
        (f"{key}.{inner}" if inside else key, one)
        for key, value in row.items()
        for inside in [isinstance(value, dict) and bool(value)]
        for inner, one in (value.items() if inside else [("", value)])
    ]
    found = dict(fields)
    if len(found) < len(fields):
        names = [field for field, _ in fields]
        twice = next(field for field in names if names.count(field) > 1)
        raise SourceError(f"{name} has {twice!r} twice in one record, as a field and inside of another; rename one")
    return found


def _shown(row: Sequence[Any]) -> str:
    return shorten(f"[{', '.join(map(str, row))}]", _SHOWN_SIGNS, placeholder=" ...]")


def _presets_of(row: Sequence[Any]) -> str:
    """Say which presets name so many fields, of which the first is such a count since 1970."""
    digits = len(str(row[0])) if row and str(row[0]).isdigit() else 0
    presets = [(name, preset_named(name).options) for name in PRESETS.own()]
    found = [
        str(Option("preset", name))
        for name, options in presets
        if len(options.get("header", ())) == len(row)
        and EPOCH_DIGITS.get(options.get("timestamp_format", "")) == digits
    ]
    return f", or {' or '.join(found)} if it is that vendor's" if found else ""


def tables_in(value: Any, header: Sequence[str] | None, name: str) -> list[RecordTable]:
    """The records in a JSON value.

    Raises
    ------
    SourceError
        When there are several that could be meant.
    """
    found = [
        (keys, RecordTable.of(rows, symbol, header, name)) for keys, symbol, rows in _found(value, (), None) if rows
    ]
    if len(found) > 1 and not all(_says_whose(table) for _, table in found):
        keys = [".".join(keys) for keys, _ in found]
        more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
        raise SourceError(
            f"{name} has records in several places ({', '.join(keys[:_SHOWN_KEYS])}{more}), and nothing says whose "
            f"they are; write each into a file of its own"
        )
    _refuse_beside_each_other(found, name)
    return [table for _, table in found]


def _refuse_beside_each_other(found: Sequence[tuple[tuple[str, ...], RecordTable]], name: str) -> None:
    """Refuse records of one symbol under several keys, which say what tells them apart, such as how long bars are."""
    beside: dict[tuple[str | None, tuple[str, ...]], list[str]] = {}
    for keys, table in found:
        if table.symbol is not None:
            beside.setdefault((table.symbol, keys[:-1]), []).append(keys[-1] if keys else "")
    for (symbol, _), several in beside.items():
        if len(several) > 1:
            more = f" and {len(several) - _SHOWN_KEYS} more" if len(several) > _SHOWN_KEYS else ""
            raise SourceError(
                f"{name} has records of {symbol} in several places ({', '.join(several[:_SHOWN_KEYS])}{more}), which "
                f"may be bars of other lengths or kinds; write each into a file of its own"
            )


def _says_whose(table: RecordTable) -> bool:
    return table.symbol is not None or _names_symbols(table.rows)


def _names_symbols(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any record says whose it is."""
    keys = {key for row in rows for key in row}
    return any(key.casefold() in _NAMES_OF_SYMBOL for key in keys)


def _found(value: Any, keys: tuple[str, ...], symbol: str | None) -> Iterator[tuple[tuple[str, ...], str | None, Any]]:
    """Records, each with the keys above them and the symbol that these say."""
    if isinstance(value, list):
        yield keys, symbol, value
        return
    if not isinstance(value, dict):
        return
    said = _symbol_said(value)
    if (rows := _keyed_rows(value)) is not None:
        yield keys, said or symbol, rows
        return
    if (rows := _of_pandas(value)) is not None:
        yield keys, said or symbol, rows
        return
    columns = {key: inner for key, inner in value.items() if _is_column(inner)}
    inside = {key: inner for key, inner in value.items() if key not in columns and _may_hold_rows(inner)}
    if len(columns) > 1 and len({len(column) for column in columns.values()}) == 1:
        yield (
            keys,
            said or symbol,
            [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        )
    elif value and not inside and not keys:
        yield keys, None, [value]
    for key, inner in inside.items():
        # A key that is no wrapper says whose the records are; one that means something else is no registered symbol.
        yield from _found(inner, (*keys, key), said or (symbol if _is_wrapper(key) else key))


def _of_pandas(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Records of a frame that pandas wrote with its columns beside them (``split``), or its schema (``table``)."""
    rows, names = value.get("data"), value.get("columns")
    if not isinstance(rows, list):
        return None
    if isinstance(value.get("schema"), dict) and "fields" in value["schema"]:
        return rows
    if not isinstance(names, list) or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    if not all(isinstance(name, str) for name in names):
        return None
    index = value.get("index")
    if not isinstance(index, list) or len(index) != len(rows) or index == [str(number) for number in range(len(rows))]:
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [{"index": stamp, **dict(zip(names, row, strict=True))} for stamp, row in zip(index, rows, strict=True)]


def _is_wrapper(key: str) -> bool:
    return key.casefold() in _WRAPPERS or _SERIES in key.casefold()


def _keyed_rows(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Records whose keys are their stamps or numbers, or columns whose values have such keys; None for other things."""
    inner = list(value.values())
    if not inner or not all(isinstance(one, dict) and one and not any(map(_is_nested, one.values())) for one in inner):
        return None
    rows: dict[str, Mapping[str, Any]] = dict(value)
    if len(inner) > 1 and all(one.keys() == inner[0].keys() for one in inner) and _are_row_keys(inner[0]):
        rows = {key: {name: column[key] for name, column in value.items()} for key in inner[0]}
    if list(rows) == [str(number) for number in range(len(rows))]:
        return [dict(row) for row in rows.values()]
    if all(map(_STAMP.fullmatch, rows)) and not any(STAMP in row for row in rows.values()):
        return [{STAMP: key, **row} for key, row in rows.items()]
    return None


def _are_row_keys(keys: Collection[str]) -> bool:
    """Whether they are stamps, or count rows; other numbers may be symbols."""
    return all(map(_STAMP.fullmatch, keys)) or list(keys) == [str(number) for number in range(len(keys))]


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)


def _symbol_said(value: Mapping[str, Any]) -> str | None:
    """The symbol that stands beside records, or in what is said of them (``meta``) beside them."""
    beside = (inner for inner in value.values() if isinstance(inner, dict))
    for fields in (value, *(inner for inner in beside if not any(map(_may_hold_rows, inner.values())))):
        for key, text in fields.items():
            if NUMBERED.sub("", key).casefold() in _NAMES_OF_SYMBOL and isinstance(text, str):
                return text
    return None


def _is_column(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and not any(map(_is_nested, value))


def _may_hold_rows(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_is_nested, value)))
