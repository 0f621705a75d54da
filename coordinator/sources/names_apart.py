"""Files that are named as those of several symbols: what to say of them where they are loaded as one.

They may be parts of one symbol's history, so that nothing is refused.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from barhouse.coordinator.sources.source import Source

#: What a file of one symbol is called, its ending aside; parts of a history differ in numbers.
_SYMBOL = re.compile(r"[A-Z][A-Z.=^_-]{0,11}")
_FEW = 2


def pattern_apart(source: Source) -> str | None:
    """The path that takes each file for the symbol it is named after; None where they are not named so."""
    if source.path_symbol is not None or len(source.pieces) < _FEW:
        return None
    names = [PurePath(piece.name) for piece in source.pieces]
    stems = [name.name.partition(".")[0] for name in names]
    if len(set(stems)) < len(stems) or not all(map(_SYMBOL.fullmatch, stems)):
        return None
    paths = {
        str(name.with_name("{symbol}" + name.name.removeprefix(stem))) for name, stem in zip(names, stems, strict=True)
    }
    return paths.pop() if len(paths) == 1 else "{symbol}"
