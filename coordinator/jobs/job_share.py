"""A part of a job: some symbols, and the files that were found for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from barhouse.coordinator.sources.path_patterns import FoundFile
from barhouse.store.model.symbol_range import SymbolRange


@dataclass(frozen=True, slots=True)
class JobShare:
    """What one store of several does of a job.

    Attributes
    ----------
    symbols
        Whose bars it keeps.
    files
        The files to look at, by the numbers of the source and of its pattern; whoever found them says of those that
        are missing.
    """

    symbols: SymbolRange
    files: Mapping[tuple[int, int], tuple[FoundFile, ...]] = field(default_factory=dict)
