"""Which presets fit a source, told by its first lines: named to whoever asks, never applied.

A mark is what a vendor's files have and others have not. Of presets that fit, those count that account for most of the
names in the header; several that are left are all named, for the lines do not tell them apart.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import pyarrow as pa

from barhouse.coordinator.sources.files import encoding_of, first_lines
from barhouse.coordinator.sources.options import LoadOptions
from barhouse.coordinator.sources.presets import PRESETS, Mark, Preset, preset_named
from barhouse.coordinator.sources.source import Source
from barhouse.store.errors import OptionsError, PluginError, RejectedBarsError, SourceError
from barhouse.store.hints import Option

_SEPARATORS = ",;\t|"
#: The options that change what a stamp or a number means, rather than where it stands.
_OF_VALUES = ("label", "price_scale", "volume_scale")


def presets_of(source: Source, among: Sequence[str] | None = None) -> tuple[str, ...]:
    """The presets that fit the first lines of a source, by name; of our own, unless others are asked for."""
    lines = _lines(source)
    fitting: dict[str, int] = {}
    for name in PRESETS.own() if among is None else among:
        try:
            preset = preset_named(name)
        except PluginError:  # somebody else's, and broken: it will be said to whoever asks for it
            continue
        known = [_names_known(mark, preset, lines) for mark in preset.marks]
        fitting[name] = max((count for count in known if count is not None), default=-1)
    most = max(fitting.values(), default=-1)
    return tuple(name for name, count in fitting.items() if count == most >= 0)


@contextmanager
def naming_presets(source: Source, options: LoadOptions) -> Iterator[None]:
    """Where a source is refused that was loaded without a preset: say which would fit."""
    try:
        yield
    except (SourceError, RejectedBarsError) as error:
        found = () if options.preset is not None else presets_of(source)
        if found and looks_like(found) not in error.args[0]:
            error.args = (f"{error.args[0]}; {looks_like(found)}", *error.args[1:])
        raise


def check_scale(source: Source, options: LoadOptions) -> None:
    """Refuse to read prices as they stand, or as the preset says, that those which fit read in another scale.

    Raises
    ------
    OptionsError
        Naming the presets that fit, unless the scale was said by itself.
    """
    said = None if options.preset is None else preset_named(options.preset).options.get("price_scale")
    if said != options.price_scale:
        return
    found = presets_of(source)
    if found and all(preset_named(name).options.get("price_scale") != said for name in found):
        by = "" if options.preset is None else f" than {Option('preset', options.preset)} says"
        raise OptionsError(
            f"{source.name} has prices in another scale{by}; {looks_like(found)}, or what they count in with "
            f"{Option('price_scale')}"
        )


def otherwise(source: Source, options: LoadOptions) -> tuple[str, ...]:
    """The presets that fit a text and would read its stamps or numbers otherwise than they were read without one."""
    if options.preset is not None or source.format != "csv":
        return ()
    said = {name: getattr(options, name) for name in options.model_fields_set - {"preset"}}
    return tuple(
        name
        for name in presets_of(source)
        if any(getattr(LoadOptions(preset=name, **said), one) != getattr(options, one) for one in _OF_VALUES)
    )


def text_facts(source: Source, options: LoadOptions) -> dict[str, str]:
    """How a text file is written: what it is packed with, its encoding, and what stands between fields."""
    if source.format != "csv" or not source.paths:
        return {}
    piece, lines = source.pieces[0], first_lines(source.paths[0], options.skip_rows)
    # What is not UTF-8 is read from a copy that is, so that the file itself is asked.
    itself = piece.path if piece.member is None and piece.kind.is_readable else source.paths[0]
    found = {"encoding": options.encoding or encoding_of(itself)}
    packed = piece.kind.packing if piece.member is None else "zip"
    if packed != "none":
        found["packed"] = packed
    return found | ({"separator": separator_of(lines[0])} if lines else {})


def is_generic(name: str) -> bool:
    """Whether anybody's files may fit a preset: it is never used without being said."""
    return preset_named(name).is_generic


def looks_like(presets: Sequence[str]) -> str:
    """What to say of presets that fit."""
    if any(is_generic(name) for name in presets):
        said = " or ".join(str(Option("preset", name)) for name in presets)
        return (
            f"it has rows like those of {' or '.join(presets)}: say {said} if it is that vendor's, or "
            f"{Option('header')} and {Option('timezone')}"
        )
    return f"it looks like {' or '.join(presets)}: say {' or '.join(str(Option('preset', name)) for name in presets)}"


def _names_known(mark: Mark, preset: Preset, lines: Sequence[str]) -> int | None:
    """How many of the names in the header a mark accounts for; None where it is not that vendor's file."""
    below = lines[int(preset.options.get("skip_rows", 0)) :]
    names = (
        []
        if preset.options.get("header") or not below
        else [name.strip() for name in _fields(below[0], separator_of(below[0]))]
    )
    rows = below if preset.options.get("header") else below[1:]
    is_name = str.casefold if mark.remark else str
    known = set(map(is_name, names))
    fits = (
        (not mark.remark or (bool(lines) and re.match(mark.remark, lines[0], re.IGNORECASE) is not None))
        and (not mark.header or list(mark.header) == names)
        and set(map(is_name, mark.has)) <= known
        and (not mark.row or (bool(rows) and re.match(mark.row, rows[0]) is not None))
    )
    return len({*mark.header, *mark.has}) if fits else None


def separator_of(line: str) -> str:
    """What stands between the fields of a line: the sign that makes most of them."""
    return max(_SEPARATORS, key=lambda sign: len(_fields(line, sign)))


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _lines(source: Source) -> list[str]:
    """The first lines of a text; of rows in columns, what they would be as text."""
    if source.format == "csv":
        return first_lines(source.paths[0]) if source.paths else []
    table = _first_rows(source)
    if table is None:
        return []
    fields = [_text(column[0]) for column in table.columns] if table.num_rows else []
    return [",".join(line) for line in (table.column_names, fields)[: 1 + table.num_rows]]


def _text(value: pa.Scalar) -> str:
    """A value as text; nothing for times that Python has none for, such as those of the year 56774."""
    try:
        held = value.as_py()
    except (OverflowError, ValueError):
        return ""
    return "" if held is None else str(held)


def _first_rows(source: Source) -> pa.Table | None:
    if source.table is not None:
        return source.table.slice(0, 1)
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(source.paths[0]) as opened:
            return pa.Table.from_batches([*islice(opened.iter_batches(batch_size=1), 1)], opened.schema_arrow)
    except (pa.ArrowException, OSError):
        return None
