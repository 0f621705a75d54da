"""Folders as places, also those that several machines share."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from barhouse.store.database.replacement import put_in_place, sync_folder, written_beside
from barhouse.store.errors import InputError, PlaceError, PlaceMissingError, PlaceTakenError
from barhouse.store.model.paths import absolute
from barhouse.store.places.placed_file import PlacedFile

if sys.platform != "win32":
    import fcntl

_PIECE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder, made when something is put there; see ``Place``."""

    root: Path

    @classmethod
    def of(cls, given: str | os.PathLike[str]) -> FolderPlace:
        """Take a path for a place."""
        return cls(absolute(Path(given)))

    def __str__(self) -> str:
        return str(self.root)

    def full_name(self, name: str) -> str:
        """Give the path of a file."""
        return str(self._path(name))

    def files(self, folder: str = "", *, deep: bool = True) -> Iterator[PlacedFile]:
        """List files, but for those that are being written."""
        top = self._path(folder) if folder else self.root
        with self._told(folder):
            for at, folders, names in os.walk(top):
                folders[:] = folders if deep else []
                for name in names:
                    path = Path(at, name)
                    if not (name.startswith(".") and name.endswith(".part")) and path.is_file():
                        yield _placed(path, path.relative_to(self.root).as_posix())

    def look(self, name: str) -> PlacedFile:
        """Look at a file."""
        with self._told(name):
            return _placed(self._path(name), name)

    def pieces(self, file: PlacedFile) -> Iterator[bytes]:
        """Read a file; whoever has it open reads that one to its end, whatever takes its place."""
        with self._told(file.name), self.open(file) as opened:
            while piece := opened.read(_PIECE_BYTES):
                yield piece

    def open(self, file: PlacedFile) -> IO[bytes]:
        """Open a file that was looked at."""
        with self._told(file.name):
            opened = self._path(file.name).open("rb")
        if _version(os.fstat(opened.fileno())) != file.version:
            opened.close()
            raise PlaceTakenError(f"{self.full_name(file.name)} was replaced while it was read; read it again")
        return opened

    def put(self, source: Path, name: str) -> PlacedFile:
        """Copy a file there."""
        target = self._path(name)
        with self._told(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            with written_beside(target) as part:
                with source.open("rb") as read, part.open("xb") as written:
                    shutil.copyfileobj(read, written, _PIECE_BYTES)
                    _flush(written)
                put_in_place(part, target)
        return self.look(name)

    def write(self, data: bytes, name: str, *, after: PlacedFile | None = None, absent: bool = False) -> PlacedFile:
        """Write a small file, and be told when somebody else did."""
        target = self._path(name)
        with self._told(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            with written_beside(target) as part:
                with part.open("xb") as written:
                    written.write(data)
                    _flush(written)
                if absent:
                    self._link(part, target, data)
                else:
                    with _alone(target.parent):
                        if after is not None and _placed(target, name) != after:
                            raise self._taken(name)
                        put_in_place(part, target)
        return self.look(name)

    def copy(self, name: str, other: str) -> None:
        """Copy a file within the folder."""
        self.put(self._path(name), other)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and the folders in which nothing is left."""
        for name in names:
            path = self._path(name)
            with self._told(name):
                path.unlink(missing_ok=True)
                folder = path.parent
                while folder != self.root and folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
                    folder = folder.parent

    def _link(self, part: Path, target: Path, data: bytes) -> None:
        try:
            os.link(part, target)
        except FileExistsError:
            if target.read_bytes() != data:
                raise self._taken(target.relative_to(self.root).as_posix()) from None
        sync_folder(target.parent)

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\0" in name:
            raise InputError(f"{name!r} is no name of a file in {self.root}")
        return self.root.joinpath(*parts)

    def _taken(self, name: str) -> PlaceTakenError:
        return PlaceTakenError(f"{self.full_name(name)} was written by somebody else meanwhile; look again")

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        path = self._path(name) if name else self.root
        try:
            yield
        except FileNotFoundError:
            raise PlaceMissingError(f"there is no file {path}") from None
        except OSError as error:
            raise PlaceError(
                f"{path} cannot be reached: {error.strerror}; look after the folder, and try again"
            ) from error


def _placed(path: Path, name: str) -> PlacedFile:
    found = path.stat()
    return PlacedFile(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC), _version(found))


def _version(found: os.stat_result) -> str:
    """Tell a file from others of its name: what is written here is another file, never another content of one."""
    return f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"


def _flush(written: IO[bytes]) -> None:
    written.flush()
    os.fsync(written.fileno())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others who compare and write out of a folder."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
