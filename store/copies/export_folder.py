"""A folder of exported bars: one file per symbol, interval and month, and nothing else.

What is not bars has a place of its own: the manifest, and files that are not whole yet. Readers of a folder take all
that lies in it for bars (polars refuses the folder, pyarrow tries to read it), so that place is a folder beside:
``NAME.barhouse-export``. Where there can be none, as beside a volume that is mounted, it is ``_barhouse-export`` in the
folder, which pyarrow, pandas, and patterns such as ``**/*.parquet`` pass over.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from barhouse.store.copies.export_manifest import Manifest, PartitionState
from barhouse.store.database.replacement import sync_folder
from barhouse.store.errors import InputError, StoreError

if sys.platform != "win32":
    import fcntl

MANIFEST = "manifest.json"
_LOWER = re.compile("[a-z]")
_BESIDE = ".barhouse-export"
_INSIDE = "_barhouse-export"
#: Where exports before 0.1.0 was released had their manifest: in the folder.
_MANIFEST_BEFORE = "barhouse-export.json"
#: With more files than this the whole system is told to write to its disks, rather than each file.
_SYNCED_ONE_BY_ONE_MAX = 100


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """A folder with exported bars, and where what is not bars is kept: ``own``."""

    path: Path
    own: Path

    @property
    def target(self) -> Path:
        """What reports call it."""
        return self.path

    @property
    def own_name(self) -> str:
        """Say where what is not bars is kept."""
        return str(self.own)

    def manifest(self) -> Manifest | None:
        """Read what it holds; None for one that is new or empty.

        Raises
        ------
        InputError
            The folder holds something else.
        """
        others = [entry.name for entry in self.path.iterdir() if entry.name not in (_INSIDE, _MANIFEST_BEFORE)]
        before = self.path / _MANIFEST_BEFORE
        found = next((manifest for manifest in (self.own / MANIFEST, before) if manifest.exists()), None)
        if found is None and others:
            raise InputError(
                f"{self.path} holds {min(others)}, and there is no {self.own / MANIFEST}, so it is no export; name a "
                f"folder that is empty, or not there yet"
            )
        # The folder may have been removed and made anew: then it holds nothing, whatever lies beside it.
        return Manifest.read(found) if found is not None and others else None

    @property
    def is_of_before(self) -> bool:
        """Whether its manifest still lies where readers of the folder meet it."""
        return (self.path / _MANIFEST_BEFORE).exists()

    def note(self, manifest: Manifest) -> None:
        """Write down what it holds."""
        self.own.mkdir(exist_ok=True)
        manifest.write(self.own / MANIFEST)
        if self.is_of_before:
            (self.path / _MANIFEST_BEFORE).unlink()
            sync_folder(self.path)

    def holds(self, place: str, suffix: str, state: PartitionState) -> bool:
        """Whether a partition's file is there as it was left."""
        try:
            return self._file(place, suffix).stat().st_size == state.size_bytes
        except FileNotFoundError:
            return False

    def held(self, place: str, suffix: str) -> Path | None:
        """Give a partition's file to be read; None where there is none."""
        file = self._file(place, suffix)
        return file if file.exists() else None

    def settle(self, parts: Mapping[str, Path], suffix: str) -> dict[str, str | None]:
        """Put the files of partitions, which are whole, in their places; nothing tells versions of files apart."""
        sync_all(parts.values())
        for place, part in parts.items():
            (self.path / place).mkdir(parents=True, exist_ok=True)
            part.replace(self._file(place, suffix))
            self.remove(place, but=suffix)
        sync_all(self.path / place for place in parts)
        return dict.fromkeys(parts)

    def _file(self, place: str, suffix: str) -> Path:
        return self.path / place / f"bars.{suffix}"

    def part(self, number: int) -> Path:
        """Name what a partition's file is written as before it takes its place."""
        return self.own / f"{number}.part"

    def clear_parts(self) -> None:
        """Remove what an export that was cut short has left."""
        for part in self.own.glob("*.part"):
            part.unlink()

    def remove(self, place: str, *, but: str | None = None) -> None:
        """Remove a partition's files of all formats, ``but`` for one, and its folders when they are empty then."""
        inner = self.path / place
        for file in [*inner.glob("bars.*"), *inner.glob(".bars.*.part")]:  # exports before had their parts there
            if file.name != f"bars.{but}":
                file.unlink(missing_ok=True)
        while but is None and inner != self.path and inner.is_dir() and not any(inner.iterdir()):
            inner.rmdir()
            inner = inner.parent


@contextmanager
def prepared(path: Path) -> Iterator[ExportFolder]:
    """Make a folder unless it is there, and keep a second export out of it.

    Raises
    ------
    InputError
        It cannot be made.
    StoreError
        Another export is at work there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"{path} cannot be a folder ({error.strerror}); name another") from error
    if sys.platform == "win32":
        yield ExportFolder(path, _own_place(path))
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another export is writing into {path}; wait for it") from error
        folder = ExportFolder(path, _own_place(path))
        try:
            yield folder
        finally:
            with suppress(OSError):  # the manifest is in it
                folder.own.rmdir()
            # A process that was started meanwhile may still share the descriptor: closing it here ends no lock then.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _own_place(path: Path) -> Path:
    """Where the export of a folder keeps what is not bars: where it did before, or else beside the folder if it can."""
    inside, beside = path / _INSIDE, path.parent / f"{path.name}{_BESIDE}"
    for place in (inside, beside):
        if (place / MANIFEST).exists():
            return place
    is_new = not any(path.iterdir()) or (path / _MANIFEST_BEFORE).exists()
    return inside if is_new and not _leads_into(beside, path) else beside


def _leads_into(place: Path, path: Path) -> bool:
    """Whether files can be renamed from a folder into another: not from one volume to the next. Makes the first."""
    probe = place / "0.part"
    try:
        place.mkdir(exist_ok=True)
        probe.touch()
        probe.replace(path / probe.name).unlink()
    except OSError:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
            place.rmdir()
        return False
    return True


def place_of(symbol: str, interval: str, month: str) -> str:
    """Name a partition's folder as DuckDB does, odd characters percent-encoded.

    Lower case, which symbols have only where case tells them apart, is encoded too: file systems there are to which
    ``AMPB`` and ``AMpB`` are one.
    """
    encoded = _LOWER.sub(lambda letter: f"%{ord(letter[0]):02X}", quote(symbol, safe=""))
    return f"symbol={encoded}/interval={interval}/month={month}"


def sync_all(files: Iterable[Path]) -> None:
    """Have files, or folders, written to the disk."""
    listed = list(files)
    if os.name == "nt":
        return
    if len(listed) > _SYNCED_ONE_BY_ONE_MAX:
        os.sync()
        return
    for name in listed:
        descriptor = os.open(name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
