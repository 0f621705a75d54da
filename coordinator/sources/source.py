"""What a source is to the load: a name, and rows that can be read more than once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa

from barhouse.coordinator.sources.file_kinds import FileKind
from barhouse.store.errors import InputError, SourceError
from barhouse.store.model.paths import refuse_unnameable
from barhouse.store.model.symbol_range import SymbolRange
from barhouse.store.places.address import Address
from barhouse.store.places.placed_file import PlacedFile

Format = Literal["csv", "parquet", "arrow"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was just before it was read.

    Attributes
    ----------
    path
        Absolute; of one file in an archive that of the archive, and the file's name in it. In a bucket its address.
    modified_at
        In UTC.
    fingerprint
        A digest of its bytes, in a bucket the ETag; of a file in an archive those of the archive.
    on_disk
        The path that it was looked at by.
    """

    path: str
    size_bytes: int
    modified_at: datetime
    fingerprint: str
    on_disk: str

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        """Look at a file, reading all of it.

        Raises
        ------
        SourceError
            When it cannot be read.
        """
        try:
            refuse_unnameable(path.resolve())
        except InputError as error:
            raise SourceError(str(error)) from None
        try:
            with path.open("rb") as opened:
                found = os.fstat(opened.fileno())
                digest = hashlib.file_digest(opened, "blake2b").hexdigest()[:32]
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error
        modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
        return cls(str(path.resolve()), found.st_size, modified_at, digest, str(path))

    @classmethod
    def at(cls, address: Address, placed: PlacedFile) -> SourceFile:
        """What is known of a file in a bucket that was looked at."""
        return cls(str(address), placed.size_bytes, placed.modified_at, placed.version, str(address))

    def inside(self, member: str) -> SourceFile:
        """One of the files in it, when it is an archive: known by the archive's bytes and its own name."""
        return replace(self, path=f"{self.path}/{member}")


@dataclass(frozen=True, slots=True)
class Piece:
    """What rows are in: a file, or one of those in an archive.

    Attributes
    ----------
    path
        The file on the disk, or its address.
    member
        The name that it has in the archive that ``path`` is; None for what is none.
    given
        The path that it is meant by, which may be that of the whole archive.
    placed
        Of a file in a bucket: which one it is. None once it was brought here.
    called
        What messages call it, when that is not its path.
    """

    path: str
    member: str | None
    kind: FileKind
    given: str
    placed: PlacedFile | None = None
    called: str | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.called or self.local_name

    @property
    def local_name(self) -> str:
        """Where it is."""
        return self.path if self.member is None else f"{self.path}/{self.member}"

    @property
    def is_readable(self) -> bool:
        """Whether DuckDB can read it as it is."""
        return self.member is None and self.kind.is_readable


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
        What is read, in this order.
    pieces
        The same, as it was given; until it is made readable, ``paths`` are their names.
    files
        The files that these are in, as they were just before they are read.
    header
        The names of the columns, for text files that do not name them.
    encoding, delimiter
        Of text files, where they were said.
    partitions
        Whether folders named ``column=value`` are columns of the files inside.
    path_symbol
        A pattern (RE2) whose group is the symbol in a file's path, percent-encoded or not; the rows then have it as
        the column ``path_symbol``.
    table
        The rows themselves, for frames.
    zones
        The time zone each time-zone-aware column was given in, by column name.
    interval
        How long the bars are, where the files say so themselves.
    within
        Of sources with many symbols: those whose rows are looked at; None: all.
    of_files
        Of rows in memory: whether they were read from files.
    """

    name: str
    format: Format
    paths: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()
    files: tuple[SourceFile, ...] = ()
    skip_rows: int = 0
    header: tuple[str, ...] | None = None
    encoding: str | None = None
    delimiter: str | None = None
    partitions: bool = True
    path_symbol: str | None = None
    within: SymbolRange | None = None
    table: pa.Table | None = None
    zones: Mapping[str, str] = field(default_factory=dict)
    interval: str | None = None
    of_files: bool = False

    @property
    def is_far(self) -> bool:
        """Whether some of it is in buckets, and was not brought here."""
        return any(piece.placed is not None for piece in self.pieces)

    def name_of(self, path: str) -> str:
        """What messages call one of ``paths``."""
        return self.pieces[self.paths.index(path)].name

    def only(self, path: str) -> Source:
        """The same of one of ``paths`` alone."""
        return replace(self, paths=(path,), pieces=(self.pieces[self.paths.index(path)],))
