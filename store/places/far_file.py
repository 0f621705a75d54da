"""An object of a bucket as a file that is read here and there, as archives and columns are."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING, Any

import obstore

from barhouse.store.errors import PlaceMissingError, PlaceTakenError
from barhouse.store.places.placed_file import PlacedFile
from barhouse.store.places.refusal import told

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Store


class FarFile(io.RawIOBase):
    """An object, read by ranges; every range is of the version that was looked at."""

    def __init__(self, store: S3Store, key: str, file: PlacedFile, name: str) -> None:
        super().__init__()
        self._store, self._key, self._file, self.name = store, key, file, name
        self._place = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that its place can be chosen."""
        return True

    def tell(self) -> int:
        """Say where the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Choose where the next read begins."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size_bytes}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "a place before the first byte")
        self._place = start + offset
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Read what fits, by one request."""
        view = memoryview(buffer).cast("B")
        end = min(self._place + len(view), self._file.size_bytes)
        if end <= self._place:
            return 0
        options: GetOptions = {"if_match": self._file.version, "range": (self._place, end)}
        try:
            with told(self.name):
                piece = bytes(obstore.get(self._store, self._key, options=options).bytes())
        except (PlaceTakenError, PlaceMissingError):
            raise PlaceTakenError(f"{self.name} was replaced or removed while it was read; read it again") from None
        view[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)
