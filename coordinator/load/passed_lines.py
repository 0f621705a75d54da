"""Lines before the rows of a text that a load passes over: what they say of its columns and its symbol still counts.

Who says what columns are called goes by the files of that kind that he has seen. Another may have them in another
order, as yfinance writes them when it is asked to group them by symbol, or be of another symbol.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from barhouse.coordinator.load.columns import folded
from barhouse.coordinator.sources.files import SEPARATORS, lines_before
from barhouse.coordinator.sources.source import Source
from barhouse.store.errors import OptionsError
from barhouse.store.hints import Option
from barhouse.store.model.bar import NAMES
from barhouse.store.model.words import counted

#: A line that names so many of the columns that are said is a header.
_FEW_NAMES = 3
_PART_OF = {name: part for part, names in NAMES.items() for name in names}


def check_order(source: Source) -> None:
    """Refuse a text whose own header, which is passed over, has the columns in another order than was said.

    Raises
    ------
    OptionsError
        Giving the names as they stand there.
    """
    said = [_part(name) for name in source.header or ()]
    for path, number, names in _passed(source):
        found = [_part(name) for name in names]
        known = set(found) & set(said)
        if len(known) >= _FEW_NAMES and any(_places(part, said) - _places(part, found) for part in known):
            own = names if found[0] in known else [*(source.header or ())[:1], *names[1:]]
            header = Option("header", ["_".join(name.split()) for name in own])
            way = f"say {header}" if len(set(found)) == len(found) else "it may be of several symbols: load each alone"
            raise OptionsError(
                f"line {number} of {source.name_of(path)}, which is passed over, names its columns {', '.join(names)}, "
                f"in another order than {Option('header')} or a preset does ({', '.join(source.header or ())}); {way}"
            )


def symbols_named(source: Source) -> list[str]:
    """The symbol that such lines name, as ``Ticker,SPY,SPY`` does, once; or what they name it in several files.

    Raises
    ------
    OptionsError
        For several, where it was not said what each of the columns is called.
    """
    found: dict[str, None] = {}
    for path, number, names in _passed(source):
        if _part(names[0]) == "symbol":
            named = dict.fromkeys(name for name in names[1:] if name)
            if len(named) > 1 and len(source.header or ()) < len(names):
                raise OptionsError(
                    f"line {number} of {source.name_of(path)}, which is passed over, names "
                    f"{counted(len(named), 'symbol')} ({', '.join(named)}); load such a frame itself, or each symbol "
                    f"alone"
                )
            found |= named if len(named) == 1 else {}
    return list(found)


def _passed(source: Source) -> Iterator[tuple[str, int, list[str]]]:
    """The fields of such lines, where what columns are called is said instead."""
    if not source.header:
        return
    for path in source.paths:
        for number, line in enumerate(lines_before(path, source.skip_rows), 1):
            signs = SEPARATORS if source.delimiter is None else source.delimiter
            split = ([name.strip() for name in next(csv.reader([line], delimiter=sign), [])] for sign in signs)
            names = max(split, key=len)
            if names:
                yield path, number, names


def _part(name: str) -> str:
    """What a column is by its name: a part of a bar, or what it is called."""
    return _PART_OF.get(folded(name), "_".join(folded(name).split()))


def _places(part: str, among: Sequence[str]) -> set[int]:
    return {place for place, other in enumerate(among) if other == part}
