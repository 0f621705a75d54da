"""From a source's columns to the parts of a bar: which column is which, and how its texts become values.

Nothing is guessed that matters: two columns that could both be the volume, numbers that could be any epoch, or
stamps without a time zone are errors that say which option settles them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from coordinator.sources import LoadOptions, Source, compression_of
from store.bar import NAMES, REQUIRED
from store.engine import Transaction
from store.errors import SourceError
from store.sql import statement

_EPOCHS = {"epoch_s": "* 1000000", "epoch_ms": "* 1000", "epoch_us": "", "epoch_ns": "// 1000"}
_INTEGERS = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
}
_FLOATS = {"FLOAT", "DOUBLE"}
_NAIVE = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
#: A date, or a date and time, with nothing after it that would change its meaning (AM, the name of a zone).
_PLAIN = r"^[0-9]+[-/][0-9]+[-/][0-9]+([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?$"
_OFFSET = r"[0-9]{1,2}:[0-9]{2}.*?( ?(?:[zZ]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))$"
_OFFSET_AFTER_MINUTES = r"([ T][0-9]{1,2}:[0-9]{2})( ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))$"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source, by name and DuckDB type."""

    name: str
    type: str

    @property
    def sql(self) -> str:
        """The column's name, quoted."""
        return quoted(self.name)

    @property
    def is_text(self) -> bool:
        """Whether the source holds text that has to be understood."""
        return self.type == "VARCHAR" or self.type.startswith("ENUM")


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def rows_of(source: Source, transaction: Transaction, *, noting_malformed: bool = False) -> str:
    """The source as a table expression."""
    rows = _all_rows(source, transaction, noting_malformed=noting_malformed)
    if source.path_symbol is not None:
        rows = statement("load.rows_with_path_symbol").format(rows=rows, pattern=literal(source.path_symbol))
    if source.taking is not None:
        rows = statement("load.rows_wanted").format(rows=rows, wanted=source.taking)
    return rows


def _all_rows(source: Source, transaction: Transaction, *, noting_malformed: bool) -> str:
    if source.format == "arrow":
        transaction.register("source_frame", source.table)
        return statement("load.arrow_rows")
    together, more = _listed(source.paths), _more(source)
    if source.format == "parquet":
        return statement("load.parquet_rows").format(paths=together, more=more)
    text = statement("load.csv_rows_noting_malformed" if noting_malformed else "load.csv_rows")
    header = "header = true"
    if source.header is not None:
        header = f"header = false, names = [{', '.join(map(literal, source.header))}]"
    places = {"skip": source.skip_rows, "header": header, "more": more}
    compressions = [compression_of(path) for path in source.paths]
    if not source.mixed and len(set(compressions)) == 1:
        return text.format(paths=together, compression=compressions[0], **places)
    # DuckDB puts text files together by name, or notes malformed lines, but not both.
    each = [
        "SELECT * FROM " + text.format(paths=path, compression=compression, **places)
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
        For a missing column, or several that could be the one.
    """
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
            option = "volume_column=" if part == "volume" else f'columns={{"{part}": ...}}'
            raise SourceError(
                f"{source.name} has several columns that could be {part}: {listed}; say which with {option}"
            )
        found[part] = candidates[0] if candidates else None
    missing = [part for part in REQUIRED if found[part] is None and part not in chosen]
    if missing:
        raise SourceError(_missing(missing, columns, source))
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
        raise SourceError(
            f"{source.name} has no column that names the symbol, so symbols= cannot choose among its rows"
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
        raise SourceError(f"columns names {given!r}, which is no part of a bar; allowed are {', '.join(NAMES)}")
    return part


def _named(name: str | None, part: str, columns: Mapping[str, Column], source: Source) -> Column | None:
    if name is None:
        if part in REQUIRED and part != "volume":
            raise SourceError(f"columns says there is no {part}, but every bar needs one")
        return None
    if name not in columns:
        raise SourceError(f"{source.name} has no column {name!r} for {part}; it has {', '.join(columns)}")
    return columns[name]


def _missing(missing: list[str], columns: Mapping[str, Column], source: Source) -> str:
    text = f"{source.name} has no column for {', '.join(missing)}; it has {', '.join(columns)}"
    hints = [f'say which column it is with columns={{"{missing[0]}": "NAME"}}']
    if "volume" in missing:
        hints.append('where there is none, columns={"volume": None} takes it as 0')
    if source.format == "csv" and len(missing) > 1:
        hints.append("if lines stand before the header, say skip_rows=N")
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
        return statement("load.raw_in_order")
    rows, numbered = rows_of(source, transaction), "load.counted_row"
    if _is_numbered(source, columns):
        rows = statement("load.parquet_rows_numbered").format(paths=_listed(source.paths), more=_more(source))
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
    stamp, symbol = parts["bar_start"], parts["symbol"]
    assert stamp is not None
    local, instant = _stamp(stamp, source, options, wants_dates=wants_dates)
    numbers = {part: _number(parts[part], part) for part in ("open", "high", "low", "close", "volume", "vwap")}
    if parts["volume"] is None:
        numbers["volume"] = "0.0::DOUBLE"
    return statement("load.parsed").format(
        file_row=statement(numbered),
        symbol=f"{symbol.sql}::VARCHAR" if by_symbol and symbol else "NULL::VARCHAR",
        local=local,
        instant=instant,
        trade_count=_count(parts["trade_count"]),
        misread=_misread(parts),
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


def _stamp(column: Column, source: Source, options: LoadOptions, *, wants_dates: bool) -> tuple[str, str]:
    """Expressions for a stamp's local time (TIMESTAMP) and its instant (TIMESTAMPTZ); either may be NULL."""
    none = "NULL::TIMESTAMP", "NULL::TIMESTAMPTZ"
    name, form = column.sql, options.timestamp_format
    if form in _EPOCHS:
        if not (column.is_text or column.type in _INTEGERS | _FLOATS):
            raise SourceError(
                f"timestamp_format={form!r} is for numbers, but {column.name} is {column.type}; leave it out"
            )
        # Through trim, or DuckDB casts while it reads and calls the line malformed.
        number = f"trim({name}::VARCHAR)" if column.is_text else name
        micros = f"(TRY_CAST({number} AS BIGINT)::HUGEINT {_EPOCHS[form]})"
        instant = f"CASE WHEN abs({micros}) < 253402300800000000 THEN make_timestamptz({micros}::BIGINT) END"
        return (f"timezone('UTC', {instant})" if wants_dates else none[0]), instant
    if column.is_text:
        text = f"trim({name}::VARCHAR)"
        if form is None:
            text = f"upper({text})"
            plain = f"regexp_matches({text}, {literal(_PLAIN)})"
            offset = f"regexp_matches({text}, {literal(_OFFSET)})"
            bare = f"regexp_replace({text}, ' ?([zZ]|UTC|GMT|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$', '')"
            # DuckDB 1.5 wants seconds before an offset.
            spelled_out = f"regexp_replace({text}, {literal(_OFFSET_AFTER_MINUTES)}, '\\1:00\\2')"
            cast = f"coalesce(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({spelled_out} AS TIMESTAMPTZ))"
            instant = f"CASE WHEN {offset} THEN {cast} END"
            local = (
                f"CASE WHEN {plain} THEN TRY_CAST({text} AS TIMESTAMP) "
                f"WHEN ({instant}) IS NOT NULL THEN TRY_CAST({bare} AS TIMESTAMP) END"
            )
            return local, instant
        if "%z" in form or "%Z" in form:
            instant = f"try_strptime({text}, {literal(form)})::TIMESTAMPTZ"
            if not wants_dates or not form.endswith("%z"):
                return (f"timezone('UTC', {instant})" if wants_dates else none[0]), instant
            bare = f"regexp_replace({text}, '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$', '')"
            return f"try_strptime({bare}, {literal(form.removesuffix('%z'))})::TIMESTAMP", instant
        return f"try_strptime({text}, {literal(form)})::TIMESTAMP", none[1]
    if form is not None:
        raise SourceError(
            f"timestamp_format={form!r} is for text or numbers, but {column.name} is {column.type}; leave it out"
        )
    if column.type in _NAIVE:
        return f"{name}::TIMESTAMP", none[1]
    if column.type in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
        name = f"{name}::TIMESTAMPTZ"
        own = options.timezone or source.zones.get(column.name, "UTC")
        return (f"timezone({literal(own)}, {name})" if wants_dates else none[0]), name
    if column.type in _INTEGERS | _FLOATS:
        raise SourceError(
            f"{column.name} holds numbers; say what they count with timestamp_format=, one of {', '.join(_EPOCHS)}"
        )
    raise SourceError(f"{column.name} is {column.type}, which is no time; name another column with columns=")


def _number(column: Column | None, part: str) -> str:
    if column is None:
        return "NULL::DOUBLE"
    # Adding zero turns -0.0 into 0.0: equal values have equal bits.
    if column.is_text:
        return f"TRY_CAST(nullif(trim({column.sql}::VARCHAR), '') AS DOUBLE) + 0.0"
    if column.type in _INTEGERS | _FLOATS or column.type.startswith("DECIMAL"):
        return f"{column.sql}::DOUBLE + 0.0"
    raise SourceError(f"{column.name} is {column.type}, but {part} takes numbers; name another column with columns=")


def _count(column: Column | None) -> str:
    if column is None:
        return "NULL::BIGINT"
    return f"TRY_CAST({_number(column, 'trade_count')} AS BIGINT)"


def _misread(parts: Mapping[str, Column | None]) -> str:
    """The first part whose text is there but no number."""
    cases = []
    for part, column in parts.items():
        if column is not None and column.is_text and part not in ("bar_start", "symbol"):
            text = f"trim({column.sql}::VARCHAR)"
            cases.append(f"WHEN {text} <> '' AND TRY_CAST({text} AS DOUBLE) IS NULL THEN {literal(part)}")
    return f"CASE {' '.join(cases)} END" if cases else "NULL::VARCHAR"
