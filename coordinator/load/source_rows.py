"""From a source to rows of bars that are parsed but not judged: which column is which part of a bar.

Nothing is guessed that matters: two columns that could both be the volume, numbers that could be any epoch, or
stamps without a time zone are errors that say which option settles them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from barhouse.coordinator.load.columns import Column, count, literal, misread, number, stamp
from barhouse.coordinator.sources import LoadOptions, Source, compression_of, is_blank
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError, SourceError
from barhouse.store.hints import Option
from barhouse.store.model.bar import NAMES, REQUIRED
from barhouse.store.sql import sql

#: What DuckDB calls the first column of a text file that names none.
_UNNAMED = "column0"


def rows_of(source: Source, transaction: Transaction, *, noting_malformed: bool = False) -> str:
    """The source as a table expression."""
    rows = _all_rows(source, transaction, noting_malformed=noting_malformed)
    if source.path_symbol is not None:
        rows = sql("load.rows_with_path_symbol", rows=rows, pattern=literal(source.path_symbol))
    if source.taking is not None:
        rows = sql("load.rows_wanted", rows=rows, wanted=source.taking)
    return rows


def _all_rows(source: Source, transaction: Transaction, *, noting_malformed: bool) -> str:
    if source.format == "arrow":
        transaction.register("source_frame", source.table)
        return sql("load.arrow_rows")
    together, more = _listed(source.paths), _more(source)
    if source.format == "parquet":
        return sql("load.parquet_rows", paths=together, more=more)
    name = "load.csv_rows_noting_malformed" if noting_malformed else "load.csv_rows"
    header = "header = true"
    if source.header is not None:
        header = f"header = false, names = [{', '.join(map(literal, source.header))}]"
    places = {"skip": source.skip_rows, "header": header, "more": more}
    compressions = [compression_of(path) for path in source.paths]
    if not source.mixed and len(set(compressions)) == 1:
        return sql(name, paths=together, compression=compressions[0], **places)
    # DuckDB puts text files together by name, or notes malformed lines, but not both.
    each = [
        "SELECT * FROM " + sql(name, paths=path, compression=compression, **places)
        for path, compression in zip(_quoted(source.paths), compressions, strict=True)
    ]
    return "(" + " UNION ALL BY NAME ".join(each) + ")"


def _more(source: Source) -> str:
    more = "" if source.partitions else ", hive_partitioning = false"
    return more if source.path_symbol is None else more + ", filename = 'source_path'"


def _listed(paths: Sequence[str]) -> str:
    return "[" + ", ".join(_quoted(paths)) + "]"


def _quoted(paths: Sequence[str]) -> list[str]:
    return [literal(_taken_literally(path)) for path in paths]


def _taken_literally(path: str) -> str:
    """A path for DuckDB, which would read ``[1]``, ``*`` and ``?`` in it as a pattern."""
    return re.sub(r"([\[*?])", r"[\1]", path)


def with_headers_compared(source: Source, transaction: Transaction) -> Source:
    """The source, knowing whether its text files name different columns and must be put together by name."""
    if source.format != "csv" or len(source.paths) < 2:
        return source
    headers = {tuple(columns_of(replace(source, paths=(path,)), transaction)) for path in source.paths}
    return replace(source, mixed=len(headers) > 1)


def columns_of(source: Source, transaction: Transaction) -> dict[str, Column]:
    """The source's columns, by name.

    Raises
    ------
    SourceError
        When the source cannot be read at all.
    """
    if source.table is not None:
        names = [name.casefold() for name in source.table.column_names]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SourceError(f"{source.name} has several columns of one name: {', '.join(twice)}; rename them")
    with read_errors(source):
        described = transaction.run("load.describe", rows=rows_of(source, transaction))
    return {name: Column(name, type_) for name, type_, *_ in described}


def map_columns(columns: Mapping[str, Column], source: Source, options: LoadOptions) -> dict[str, Column | None]:
    """Which column each part of a bar is; None for a part the source does not have.

    Raises
    ------
    SourceError
        For a missing column, several that could be the one, or a text file with nothing in it.
    """
    if source.format == "csv" and list(columns) == [_UNNAMED] and all(map(is_blank, source.paths)):
        raise SourceError(f"{source.name} is empty: it has neither a line that names its columns nor rows")
    chosen = {_part(part): name for part, name in options.columns.items()}
    if options.volume_column is not None:
        chosen["volume"] = options.volume_column
    # A column without any value (all of it null) is no column.
    folded = {name.strip().casefold(): column for name, column in columns.items() if column.type.strip('"') != "NULL"}
    found: dict[str, Column | None] = {}
    for part, names in NAMES.items():
        if part in chosen:
            found[part] = _named(chosen[part], part, columns, source)
            continue
        candidates = [folded[name] for name in names if name in folded]
        if part == "volume":
            # volume_btc beside volume: which is meant only the caller knows.
            candidates = [column for name, column in folded.items() if name in names or name.startswith("volume")]
        if len(candidates) > 1:
            listed = ", ".join(column.name for column in candidates)
            option = Option("volume_column") if part == "volume" else Option("columns", {part: "NAME"})
            raise OptionsError(
                f"{source.name} has several columns that could be {part}: {listed}; say which with {option}"
            )
        found[part] = candidates[0] if candidates else None
    missing = [part for part in REQUIRED if found[part] is None and part not in chosen]
    if missing:
        raise OptionsError(_missing(missing, columns, source))
    return found


def narrowed(source: Source, parts: Mapping[str, Column | None], options: LoadOptions) -> Source:
    """The source without the rows of symbols that ``options.symbols`` leaves out.

    Raises
    ------
    SourceError
        When no column names the symbol.
    """
    if options.symbols is None:
        return source
    column = parts["symbol"]
    if column is None:
        raise OptionsError(
            f"{source.name} has no column that names the symbol, so {Option('symbols')} cannot choose among its rows"
        )
    patterns = [text.strip().upper() for text in options.symbols]
    plain = ", ".join(literal(text) for text in patterns if not is_pattern(text))
    spelled = f"upper(trim({column.sql}::VARCHAR))"
    wanted = [f"{spelled} IN ({plain})"] if plain else []
    wanted += [f"{spelled} GLOB {literal(text.replace('[', '[[]'))}" for text in patterns if is_pattern(text)]
    return replace(source, taking=f"({' OR '.join(wanted)})")


def is_pattern(text: str) -> bool:
    """Whether a text that names symbols has ``*`` or ``?`` in it, and names many."""
    return "*" in text or "?" in text


def _part(given: str) -> str:
    part = next((part for part, names in NAMES.items() if given.casefold() in names), None)
    if part is None:
        raise OptionsError(
            f"{given!r} is no part of a bar, as {Option('columns')} takes them; allowed are {', '.join(NAMES)}"
        )
    return part


def _named(name: str | None, part: str, columns: Mapping[str, Column], source: Source) -> Column | None:
    if name is None:
        if part in REQUIRED and part != "volume":
            raise OptionsError(f"{Option('columns', {part: None})} says there is no {part}, but every bar needs one")
        return None
    if name not in columns:
        raise OptionsError(f"{source.name} has no column {name!r} for {part}; it has {', '.join(columns)}")
    return columns[name]


def _missing(missing: list[str], columns: Mapping[str, Column], source: Source) -> str:
    text = f"{source.name} has no column for {', '.join(missing)}; it has {', '.join(columns)}"
    hints = [f"say which column it is with {Option('columns', {missing[0]: 'NAME'})}"]
    if "volume" in missing:
        hints.append(f"where there is none, {Option('columns', {'volume': None})} takes it as 0")
    if source.format == "csv" and len(missing) > 1:
        hints.append(
            f"if lines stand before the header, say {Option('skip_rows', 1)}, and if no line names the columns, "
            f"{Option('header')}"
        )
    return f"{text}; {'; '.join(hints)}"


def read(
    source: Source,
    parts: Mapping[str, Column | None],
    options: LoadOptions,
    transaction: Transaction,
    *,
    wants_dates: bool,
    by_symbol: bool,
) -> None:
    """Read the source into the temporary table ``raw``, parsed but not judged.

    ``wants_dates``: bars are of 1d or longer, so that a stamp's own local date matters.
    """
    if source.format == "csv":
        for table in ("malformed", "malformed_scan"):
            transaction.run("load.forget_malformed", table=table)
    rows = rows_of(source, transaction, noting_malformed=True)
    text = _parsed(source, parts, options, rows, "load.counted_row", wants_dates=wants_dates, by_symbol=by_symbol)
    with read_errors(source):
        transaction.run("load.keep_parsed", parsed=text)


def parsed(
    source: Source,
    columns: Mapping[str, Column],
    parts: Mapping[str, Column | None],
    options: LoadOptions,
    transaction: Transaction,
    *,
    wants_dates: bool,
    by_symbol: bool,
) -> str:
    """The source as a table expression of rows that are parsed but not judged, numbered in their order.

    Text is parsed once; other sources are read anew by whoever asks.
    """
    if source.format == "csv":
        read(source, parts, options, transaction, wants_dates=wants_dates, by_symbol=by_symbol)
        return sql("load.raw_in_order")
    rows, numbered = rows_of(source, transaction), "load.counted_row"
    if _is_numbered(source, columns):
        rows = sql("load.parquet_rows_numbered", paths=_listed(source.paths), more=_more(source))
        numbered = "load.parquet_row"
    return _parsed(source, parts, options, rows, numbered, wants_dates=wants_dates, by_symbol=by_symbol)


def _parsed(
    source: Source,
    parts: Mapping[str, Column | None],
    options: LoadOptions,
    rows: str,
    numbered: str,
    *,
    wants_dates: bool,
    by_symbol: bool,
) -> str:
    stamps, symbol = parts["bar_start"], parts["symbol"]
    assert stamps is not None
    local, instant = stamp(stamps, source, options, wants_dates=wants_dates)
    numbers = {part: number(parts[part], part) for part in ("open", "high", "low", "close", "volume", "vwap")}
    if parts["volume"] is None:
        numbers["volume"] = "0.0::DOUBLE"
    return sql(
        "load.parsed",
        file_row=sql(numbered),
        symbol=f"{symbol.sql}::VARCHAR" if by_symbol and symbol else "NULL::VARCHAR",
        local=local,
        instant=instant,
        trade_count=count(parts["trade_count"]),
        misread=misread(parts),
        rows=rows,
        **numbers,
    )


def _is_numbered(source: Source, columns: Mapping[str, Column]) -> bool:
    """Whether DuckDB can say the place of each row."""
    whole = source.format == "parquet" and source.path_symbol is None and source.taking is None
    return whole and len(source.paths) == 1 and "file_row_number" not in map(str.casefold, columns)


@contextmanager
def read_errors(source: Source) -> Iterator[None]:
    """Say of which source it is what DuckDB cannot read."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise SourceError(f"{source.name} cannot be read: {str(error).splitlines()[0]}") from error
