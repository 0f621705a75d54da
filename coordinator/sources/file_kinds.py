"""What a file is by its name: its kind, and how it is packed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from barhouse.store.errors import SourceError
from barhouse.store.hints import Option

Kind = Literal["csv", "parquet", "arrow", "json", "dbn"]

_NAMES: dict[Kind, tuple[str, ...]] = {
    "csv": (".csv", ".tsv", ".txt"),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".arrows", ".ipc", ".feather"),
    "json": (".jsonl", ".ndjson", ".json"),
    "dbn": (".dbn",),
}
KINDS: dict[str, Kind] = {name: kind for kind, names in _NAMES.items() for name in names}
_WORKBOOKS = frozenset([".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".numbers"])
#: By the words for them that Arrow has, where it has one.
PACKINGS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
#: Those that DuckDB unpacks as it reads text.
_READ_AS_PACKED = ("none", "gzip", "zstd")
ARCHIVE = ".zip"


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is.

    Attributes
    ----------
    kind
        What it is once it is unpacked.
    packing
        How it is packed: ``none``, or one of ``PACKINGS``.
    """

    kind: Kind
    packing: str

    @property
    def is_readable(self) -> bool:
        """Whether DuckDB can read it as it is."""
        if self.kind == "csv":
            return self.packing in _READ_AS_PACKED
        return self.kind == "parquet" and self.packing == "none"


def kind_by_name(name: str, said: Kind | None = None) -> FileKind | None:
    """What a file is by its name, or by what was ``said`` where that does not matter; None for what is of no kind."""
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    packing = PACKINGS.get(suffixes[-1], "none") if suffixes else "none"
    bare = suffixes if packing == "none" else suffixes[:-1]
    kind = said or (KINDS.get(bare[-1]) if bare else None)
    return None if kind is None or is_archive(name) else FileKind(kind, packing)


def is_archive(name: str) -> bool:
    """Whether a file has others inside, by its name."""
    return PurePath(name).suffix.lower() == ARCHIVE


def kind_of(name: str, said: Kind | None) -> FileKind:
    """What a file is; ``name`` is what messages call it.

    Raises
    ------
    SourceError
        When it is of no known kind.
    """
    found = kind_by_name(name, said)
    if found is None:
        if PurePath(name).suffix.lower() in _WORKBOOKS:
            raise SourceError(f"{name} is a spreadsheet; save the sheet with the bars as CSV, dates and times in full")
        raise SourceError(
            f"{name} is of no known kind; allowed are {', '.join(KINDS)}, each plain or packed by one of "
            f"{', '.join(PACKINGS)}, and {ARCHIVE} with such files inside; where its name does not say what it is, say "
            f"{Option('file_format', 'csv')}"
        )
    return found
