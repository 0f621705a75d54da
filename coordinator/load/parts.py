"""Which column of a source is which part of a bar.

Nothing is guessed that matters: two columns that could both be the volume, numbers that could be any epoch, or
stamps without a time zone are errors that say which option settles them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from barhouse.coordinator.load import columns as expressions
from barhouse.coordinator.load import date_and_time, passed_lines
from barhouse.coordinator.load.column_kinds import NUMBERS, SHORT_FLOATS
from barhouse.coordinator.load.columns import Column, folded
from barhouse.coordinator.load.source_rows import SourceRows
from barhouse.coordinator.sources.archive import ways_to_choose
from barhouse.coordinator.sources.files import is_blank
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import OptionsError, SourceError
from barhouse.store.hints import Option
from barhouse.store.model import trade
from barhouse.store.model.bar import FALLBACK_NAMES, INSTRUMENTS, NAMES, REQUIRED
from barhouse.store.model.spelling import Spelling

#: The column of each part of a bar; None for a part that the source does not have.
Parts = Mapping[str, Column | None]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the parts of a row are.

    Attributes
    ----------
    what
        What a row is.
    names, fallbacks
        What each part may be called; and what, where no column has one of those names.
    required
        Those that it must have.
    stamp
        The one that says when.
    """

    what: str
    names: Mapping[str, Sequence[str]]
    required: Sequence[str]
    stamp: str
    fallbacks: Mapping[str, Sequence[str]] = field(default_factory=dict)


BAR = Shape("bar", NAMES, REQUIRED, "bar_start", FALLBACK_NAMES)
TRADE = Shape("trade", trade.NAMES, trade.REQUIRED, "traded_at")

#: The column of the symbol that paths say.
PATH_SYMBOL = "path_symbol"
#: What DuckDB calls the first column of a text file that names none.
_UNNAMED = "column0"
#: What to say of a text whose lines have one field.
_ONE_FIELD = (
    f"say what stands between its fields with {Option('delimiter')}; if lines stand before the header, say "
    f"{Option('skip_rows', 1)}, and if no line names the columns, {Option('header')}"
)
_PRICES = frozenset(["open", "high", "low", "close"])
#: What is in the name of a price that a volume weighs.
_WEIGHTED = re.compile(r"weight|vwap|average|avg")
#: What it adds to a name that differs from an earlier one in case alone, or not at all.
_WRITTEN_AGAIN = re.compile(r"_\d+$")


def parts_of(transaction: Transaction, rows: SourceRows, options: LoadOptions, shape: Shape = BAR) -> Parts:
    """Which column each part of a bar is, or of a trade.

    Raises
    ------
    SourceError
        For a missing column, several that could be the one, or a text file with nothing in it.
    """
    source, columns = rows.source, rows.columns
    if rows.is_text:
        _check_header(rows)
        passed_lines.check_order(source)
    chosen = dict(options.columns)
    if options.volume_column is not None:
        chosen["volume"] = options.volume_column
    if source.path_symbol is not None:
        chosen.setdefault("symbol", PATH_SYMBOL)
    # A column without any value (all of it null) is no column.
    known = {folded(name): column for name, column in columns.items() if column.type.strip('"') != "NULL"}
    found: dict[str, Column | None] = {}
    for part, names in shape.names.items():
        if part in chosen:
            found[part] = _chosen(transaction, chosen[part], part, rows, options, shape)
            continue
        candidates = [known[name] for name in names if name in known]
        if part == "volume":
            # volume_btc beside volume: which is meant only the caller knows.
            candidates = [column for name, column in known.items() if name in names or _may_be_volume(name)]
            if len(candidates) == 1 and folded(candidates[0].name) not in names and not _is_one_field(rows):
                other = candidates[0].name
                raise OptionsError(
                    f"{source.name} has no column for volume but {other}, which may count something else, such as what "
                    f"was paid; say {Option('volume_column', other)} if it is meant"
                )
        candidates = candidates or [known[name] for name in shape.fallbacks.get(part, ()) if name in known]
        if len(candidates) > 1:
            listed = ", ".join(column.name for column in candidates)
            option = Option("volume_column") if part == "volume" else Option("columns", {part: "NAME"})
            if part == shape.stamp and [folded(column.name) for column in candidates] == ["date", "time"]:
                option = Option("columns", {part: [column.name for column in candidates]})
            raise OptionsError(
                f"{source.name} has several columns that could be {part}: {listed}; say which with {option}"
            )
        found[part] = candidates[0] if candidates else None
    missing = [part for part in shape.required if found[part] is None and part not in chosen]
    if missing:
        raise OptionsError(_missing(missing, rows))
    _check_names(rows, found, shape, chosen)
    _check_kinds(rows, found, shape)
    return found


def _may_be_volume(name: str) -> bool:
    """Whether a name is that of some volume, and not of the vwap in words."""
    return name.startswith("volume") and _WEIGHTED.search(name) is None


def _check_names(
    rows: SourceRows, found: Parts, shape: Shape, chosen: Mapping[str, str | tuple[str, ...] | None]
) -> None:
    """Refuse parts whose name several columns have, unless told apart, and files that lack a column of others."""
    source, columns = rows.source, rows.columns
    said = {name for given in chosen.values() for name in ((given,) if isinstance(given, str) else given or ())}
    named = {name for column in found.values() if column for name in column.names}
    twice = sorted(name for name in named - said if folded(name) in rows.ambiguous)
    if twice:
        raise OptionsError(
            f"{source.name} has several columns of one name: {', '.join(twice)}; rename them, or name each with "
            f"{Option('columns')} as it is told apart here: {', '.join(columns)}"
        )
    in_some = {name for names in rows.columns_by_file.values() for name in names}  # others are of folders' names
    needed = [name for part in shape.required if (column := found[part]) for name in column.names if name in in_some]
    for path, own in rows.columns_by_file.items():
        lacking = [name for name in needed if name not in own]
        if lacking:
            raise OptionsError(
                f"{source.name_of(path)} has no column {', '.join(lacking)}, as other files of {source.name} do; it "
                f"has {', '.join(own)}: load files with other columns, or without a header, by themselves"
                f"{_ways_to_leave_out(rows)}"
            )


def _ways_to_leave_out(rows: SourceRows) -> str:
    """Of what comes out of an archive, say how to choose; of other files, which one named himself, nothing."""
    inside = [piece for piece in rows.source.pieces if piece.member is not None]
    if not inside:
        return ""
    held = [str(piece.member) for piece in inside if piece.path == inside[0].path]
    return f"; {ways_to_choose(inside[0].path, held)}"


def _check_kinds(rows: SourceRows, found: Parts, shape: Shape) -> None:
    """Refuse files whose columns mean something else, or lose digits, when they are read as one."""
    for part, column in found.items():
        for name in column.names if column else ():
            kinds: dict[str, str] = {}  # and the first file of each
            for path, own in rows.kinds_by_file.items():
                if name in own and own[name] not in kinds:
                    kinds[own[name]] = rows.source.name_of(path)
            if len(kinds) > 1 and (part == shape.stamp or set(kinds) == {NUMBERS, SHORT_FLOATS}):
                listed = ", ".join(f"{kind} in {path}" for kind, path in kinds.items())
                raise OptionsError(
                    f"the column {name} of {rows.name} is not the same in all files: {listed}; load files of each kind "
                    f"by themselves"
                )


def _check_header(rows: SourceRows) -> None:
    """Refuse a text that has nothing in it, or a header of three lines."""
    source, names = rows.source, [folded(name) for name in rows.columns]
    if list(rows.columns) == [_UNNAMED] and all(map(is_blank, source.paths)):
        raise SourceError(f"{source.name} is empty: it has neither a line that names its columns nor rows")
    if names[0] == "price" and _PRICES.issubset(names):
        if len(set(names)) == len(names) and not any(_WRITTEN_AGAIN.search(name) for name in names):
            header = Option("header", ["timestamp", *(name.replace(" ", "_") for name in names[1:])])
            raise OptionsError(
                f"{source.name} begins with three lines that name its columns, as a download of yfinance writes one "
                f"symbol; say {Option('preset', 'yfinance_download')} and {header}, or stack its level "
                f"Ticker before it is written"
            )
        raise OptionsError(
            f"{source.name} begins with three lines that name its columns, as yfinance writes frames of several "
            f"symbols; load such a frame itself, or stack its level Ticker before it is written"
        )


def instruments_of(rows: SourceRows, parts: Parts) -> tuple[Column, ...]:
    """The columns that are no part of a bar and say which of several instruments a row is of, by their names."""
    used = {name for column in parts.values() if column is not None for name in column.names}
    unused = (column for name, column in rows.columns.items() if name not in used)
    return tuple(column for column in unused if folded(column.name) in INSTRUMENTS)


def symbol_beside_path(rows: SourceRows, options: LoadOptions) -> Column | None:
    """The column that names the symbol where paths do, too, and nobody said which counts."""
    if rows.source.path_symbol is None or "symbol" in options.columns:
        return None
    return next((column for column in rows.columns.values() if folded(column.name) in NAMES["symbol"]), None)


def narrowed(rows: SourceRows, parts: Parts, options: LoadOptions, spelling: Spelling) -> SourceRows:
    """The rows without those of symbols that ``options.symbols``, or the range of the source, leaves out.

    Raises
    ------
    SourceError
        When no column names the symbol.
    """
    column = parts["symbol"]
    if rows.source.within is not None and column is not None:
        rows = rows.narrowed(expressions.in_range(column, rows.source.within, spelling))
    if options.symbols is None:
        return rows
    if column is None:
        raise OptionsError(
            f"{rows.name} has no column that names the symbol, so {Option('symbols')} cannot choose among its rows"
        )
    return rows.narrowed(expressions.named(column, options.symbols, spelling))


def _chosen(
    transaction: Transaction,
    name: str | tuple[str, ...] | None,
    part: str,
    rows: SourceRows,
    options: LoadOptions,
    shape: Shape,
) -> Column | None:
    """The column that was said; or what a date and a time of day are together, in two columns."""
    pair = _pair(name, rows) if part == shape.stamp and isinstance(name, str) else name
    if not isinstance(pair, tuple):
        return _named(pair, part, rows, shape)
    date, time = (_named(each, part, rows, shape) for each in pair)
    assert date is not None and time is not None
    return date_and_time.together(transaction, rows, date, time, options)


def _pair(name: str, rows: SourceRows) -> str | tuple[str, ...]:
    """The two columns that ``DATE+TIME`` names, unless one column is called so."""
    known = {folded(column) for column in rows.columns}
    if folded(name) in known:
        return name
    places = [place for place, sign in enumerate(name) if sign == "+"]
    pairs = [(name[:place], name[place + 1 :]) for place in places]
    return next((pair for pair in pairs if all(folded(each) in known for each in pair)), name)


def _named(name: str | None, part: str, rows: SourceRows, shape: Shape) -> Column | None:
    if name is None:
        if part in shape.required and part != "volume":
            raise OptionsError(
                f"{Option('columns', {part: None})} says there is no {part}, but every {shape.what} needs one"
            )
        return None
    if name in rows.columns:
        return rows.columns[name]
    wanted = folded(name)
    same = [column for column in rows.columns.values() if folded(column.name) == wanted]
    again = [column for column in rows.columns.values() if folded(_WRITTEN_AGAIN.sub("", column.name)) == wanted]
    if same and len({*same, *again}) > 1:
        listed = ", ".join(dict.fromkeys(column.name for column in (*same, *again)))
        raise OptionsError(
            f"{rows.name} has several columns that {name!r} could be: {listed}; name one as it stands there"
        )
    if not same:
        way_out = f"; if no line names the columns, say them with {Option('header')}" if rows.is_text else ""
        way_out = f"; {_ONE_FIELD}" if _is_one_field(rows) else way_out
        raise OptionsError(f"{rows.name} has no column {name!r} for {part}; it has {', '.join(rows.columns)}{way_out}")
    return same[0]


def _is_one_field(rows: SourceRows) -> bool:
    return rows.is_text and len(rows.columns) == 1


def _missing(missing: list[str], rows: SourceRows) -> str:
    text = f"{rows.name} has no column for {', '.join(missing)}; it has {', '.join(rows.columns)}"
    if _is_one_field(rows):
        return f"{text}; {_ONE_FIELD}"
    hints = [f"say which column it is with {Option('columns', {missing[0]: 'NAME'})}"]
    if "volume" in missing:
        hints.append(f"where there is none, {Option('columns', {'volume': None})} takes it as 0")
    if rows.is_text and len(missing) > 1:
        hints.append(
            f"if lines stand before the header, say {Option('skip_rows', 1)}, and if no line names the columns, "
            f"{Option('header')}"
        )
    return f"{text}; {'; '.join(hints)}"
