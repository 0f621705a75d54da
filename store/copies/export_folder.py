"""A folder of exported bars: one file per symbol, interval and month, and a manifest that says what each holds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from barhouse.store.errors import InputError, StoreError
from barhouse.store.hints import Option
from barhouse.store.model.interval import Interval

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Format = Literal["parquet", "csv", "arrow"]
FORMATS: tuple[Format, ...] = ("parquet", "csv", "arrow")
MANIFEST = "barhouse-export.json"
#: With more files than this the whole system is told to write to its disks, rather than each file.
_SYNCED_ONE_BY_ONE_MAX = 100


@dataclass(frozen=True, slots=True)
class Selection:
    """What a folder holds an export of; ``start`` and ``end`` are instants in ISO 8601, None means all."""

    format: Format
    symbols: tuple[str, ...] | None
    intervals: tuple[str, ...] | None
    start: str | None
    end: str | None

    @classmethod
    def of(
        cls,
        form: str,
        symbols: Sequence[str] | None,
        intervals: Sequence[str] | None,
        start: datetime | None,
        end: datetime | None,
    ) -> Selection:
        """Make one in the spelling that is compared.

        Raises
        ------
        InputError
            For a format that is not known.
        """
        if form not in FORMATS:
            raise InputError(f"{Option('format', form)} is not known; allowed are {', '.join(FORMATS)}")
        return cls(
            form,
            None if symbols is None else tuple(sorted(set(symbols))),
            None if intervals is None else tuple(sorted(set(intervals), key=Interval.parse)),
            None if start is None else start.isoformat(),
            None if end is None else end.isoformat(),
        )

    def __str__(self) -> str:
        parts: list[str] = [self.format]
        parts.append("all symbols" if self.symbols is None else " ".join(self.symbols))
        parts.append("all intervals" if self.intervals is None else " ".join(self.intervals))
        if self.start is not None or self.end is not None:
            parts.append(f"from {self.start or 'the first bar'} to {self.end or 'the last'}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Held:
    """What one partition holds: its rows, the newest batch among them, and its file's size."""

    row_count: int
    batch_id: int
    size_bytes: int


@dataclass(slots=True)
class Manifest:
    """What a folder holds. Every partition listed is as it says; those in ``unfinished`` were being written.

    ``batch_id`` and ``committed_at`` (ISO 8601) are the newest batch of the store when it was last exported whole.
    """

    selection: Selection
    batch_id: int | None
    committed_at: str | None
    partitions: dict[str, Held]
    unfinished: list[str]

    def write(self, folder: Path) -> None:
        """Write it, at once or not at all."""
        part = folder / f".{MANIFEST}.part"
        said = {
            "barhouse_export": 1,
            **asdict(self.selection),
            "batch_id": self.batch_id,
            "committed_at": self.committed_at,
            "unfinished": self.unfinished,
            "partitions": {place: asdict(held) for place, held in self.partitions.items()},
        }
        with part.open("w", encoding="utf-8") as stream:
            json.dump(said, stream, indent=0)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(folder / MANIFEST)
        sync_all([folder])

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Read a folder's manifest; None for one that is new or empty.

        Raises
        ------
        InputError
            The folder holds something else.
        """
        file = folder / MANIFEST
        if not file.exists():
            others = [one.name for one in folder.iterdir() if not one.name.startswith(f".{MANIFEST}")]
            if others:
                raise InputError(
                    f"{folder} holds {others[0]} and no {MANIFEST}, so it is no export; name a folder that is empty, "
                    f"or not there yet"
                )
            return None
        try:
            said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            lists = {name: None if said[name] is None else tuple(said[name]) for name in ("symbols", "intervals")}
            return cls(
                Selection(format=said["format"], start=said["start"], end=said["end"], **lists),
                said["batch_id"],
                said["committed_at"],
                {place: Held(**held) for place, held in said["partitions"].items()},
                said["unfinished"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{file} is no manifest of an export ({error}); export into another folder") from error


@contextmanager
def prepared(folder: Path) -> Iterator[Path]:
    """Make a folder unless it is there, and keep a second export out of it.

    Raises
    ------
    InputError
        It cannot be made.
    StoreError
        Another export is at work there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"{folder} cannot be a folder ({error.strerror}); name another") from error
    if fcntl is None:
        yield folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another export is writing into {folder}; wait for it") from error
        try:
            yield folder
        finally:
            # A process that was started meanwhile may still share the descriptor: closing it here ends no lock then.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def place_of(symbol: str, interval: str, month: str) -> str:
    """Name a partition's folder as DuckDB does, odd characters percent-encoded."""
    return f"symbol={quote(symbol, safe='')}/interval={interval}/month={month}"


def file_in(folder: Path, place: str, form: Format) -> Path:
    """Name a partition's file."""
    return folder / place / f"bars.{form}"


def part_in(folder: Path, place: str, form: Format) -> Path:
    """Name what a partition's file is written as before it takes its place; no pattern of files finds it."""
    return folder / place / f".bars.{form}.part"


def remove(folder: Path, place: str, *, but: Format | None = None) -> None:
    """Remove a partition's files, ``but`` for one, and its folders when they are empty then."""
    for form in FORMATS:
        part_in(folder, place, form).unlink(missing_ok=True)
        if form != but:
            file_in(folder, place, form).unlink(missing_ok=True)
    inner = folder / place
    while but is None and inner != folder and inner.is_dir() and not any(inner.iterdir()):
        inner.rmdir()
        inner = inner.parent


def sync_all(files: Iterable[Path]) -> None:
    """Have files, or folders, written to the disk."""
    listed = list(files)
    if os.name == "nt":
        return
    if len(listed) > _SYNCED_ONE_BY_ONE_MAX:
        os.sync()
        return
    for one in listed:
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
