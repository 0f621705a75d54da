"""What a source is to the load: a name, rows that can be read more than once, and how to understand them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from barhouse.store.errors import InputError, SourceError
from barhouse.store.hints import Option

Format = Literal["csv", "parquet", "arrow"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was just before it was read.

    Attributes
    ----------
    path
        Absolute.
    modified_at
        In UTC.
    fingerprint
        A digest of its bytes.
    """

    path: str
    size_bytes: int
    modified_at: datetime
    fingerprint: str

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        """Look at a file, reading all of it.

        Raises
        ------
        SourceError
            When it cannot be read.
        """
        try:
            with path.open("rb") as opened:
                found = os.fstat(opened.fileno())
                digest = hashlib.file_digest(opened, "blake2b").hexdigest()[:32]
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error
        modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
        return cls(str(path.resolve()), found.st_size, modified_at, digest)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows to load.

    Attributes
    ----------
    name
        What reports and the ``batches`` view call it.
    format
        How the rows are stored; ``arrow`` means ``table`` holds them.
    paths
        The files, in the order they are read; ``mixed`` when they do not name the same columns.
    files
        The same files, as they were just before they are read.
    header
        The names of the columns, for text files that do not name them.
    partitions
        Whether folders named ``column=value`` are columns of the files inside.
    path_symbol
        A pattern (RE2) whose group is the symbol in a file's path, percent-encoded or not; the rows then have it as
        the column ``path_symbol``.
    taking
        A condition in SQL on the rows that are wanted; None takes all.
    table
        The rows themselves, for frames.
    zones
        The time zone each time-zone-aware column was given in, by column name.
    """

    name: str
    format: Format
    paths: tuple[str, ...] = ()
    files: tuple[SourceFile, ...] = ()
    skip_rows: int = 0
    mixed: bool = False
    header: tuple[str, ...] | None = None
    partitions: bool = True
    path_symbol: str | None = None
    taking: str | None = None
    table: pa.Table | None = None
    zones: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How rows are to be understood; see ``SessionCoordinator.load`` for what each means."""

    label: Literal["start", "end"] = "start"
    timezone: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    timestamp_format: str | None = None
    skip_rows: int = 0
    volume_column: str | None = None
    strict: bool = False
    ambiguous: Literal["reject", "first", "second", "infer"] = "reject"
    replace: Literal["sessions"] | None = None
    header: Sequence[str] | None = None
    symbols: Sequence[str] | None = None

    def __post_init__(self) -> None:
        _one_of("label", self.label, ("start", "end"))
        _one_of("ambiguous", self.ambiguous, ("reject", "first", "second", "infer"))
        _one_of("replace", self.replace, (None, "sessions"))
        if not isinstance(self.skip_rows, int) or self.skip_rows < 0:
            raise InputError(
                f"{Option('skip_rows', self.skip_rows)} is not usable; give how many lines stand before the header"
            )
        for name, given in (("header", self.header), ("symbols", self.symbols)):
            if isinstance(given, str) or (given is not None and not given):
                raise InputError(f"{Option(name, given)} is not usable; give a list of texts, one at least")
            object.__setattr__(self, name, None if given is None else tuple(given))
        object.__setattr__(self, "columns", {part: name or None for part, name in self.columns.items()})

    def request(self, symbol: str | None, interval: str) -> str:
        """What was asked of a file, as JSON: equal texts ask for the same."""
        return json.dumps({"symbol": symbol, "interval": interval, **asdict(self)}, sort_keys=True)


def _one_of(name: str, given: Any, allowed: tuple[Any, ...]) -> None:
    if given not in allowed:
        listed = ", ".join(repr(one) for one in allowed)
        raise InputError(f"{Option(name, given)} is not known; allowed are {listed}")
