"""Which file is served: links of a published file in a private folder, a new one whenever another is published.

A published file is replaced by a rename, so its name means another file the next moment, and DuckDB takes a path that
it has open for the file that it has open. So each published file gets a hard link of its own name, which it keeps for
as long as anybody needs it. Where the file system or the rights allow no link, it is a copy.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from barhouse.store.errors import StoreError

if sys.platform != "win32":
    import fcntl

_LOCK = "lock"
#: What identifies a file: device, inode, time of its last change, and size.
Identity = tuple[int, int, int, int]


@dataclass(slots=True, eq=False)
class Snapshot:
    """A published file.

    Attributes
    ----------
    file
        Its private name.
    digest
        Tells it from every other file that is published under the name, also after the server was started again.
    batch_id, committed_at
        Its newest batch, and when that was committed, in ISO 8601; None where it has none.
    users
        How many requests need it now.
    """

    file: Path
    digest: str
    batch_id: int | None = None
    committed_at: str | None = None
    users: int = 0

    @property
    def number(self) -> str:
        """What names it in addresses."""
        return f"{self.batch_id or 0}-{self.digest}"


class Snapshots:
    """The published files that are served: the newest, and some before it.

    Attributes
    ----------
    published
        The name that is published to.
    """

    def __init__(self, published: Path, *, keep: int) -> None:
        self.published = published
        self._keep = keep
        self._seen: Identity | None = None
        self._known: list[Snapshot] = []  # the newest last
        self._folder = _private_folder(published)
        # The lock tells other servers, and the next one here, that the folder is in use.
        self._lock = (self._folder / _LOCK).open("wb")
        if sys.platform != "win32":
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    @property
    def newest(self) -> Snapshot:
        """The snapshot that is served."""
        return self._known[-1]

    def numbered(self, number: str) -> Snapshot | None:
        """A snapshot that is kept, by its number."""
        return next((one for one in self._known if one.number == number), None)

    @property
    def kept(self) -> list[Snapshot]:
        """Those whose files are there, the newest first."""
        return self._known[::-1]

    def found(self) -> Snapshot | None:
        """Another file than before under the published name, linked and not served yet; None where it is the same.

        Raises
        ------
        StoreError
            It is there and can be neither linked nor copied.
        """
        try:
            if _identity(self.published.stat()) == self._seen:
                return None
            file, self._seen = self._linked()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.published} cannot be read: {error.strerror}") from error
        return Snapshot(file, hashlib.sha256(repr(self._seen).encode()).hexdigest()[:12])

    def serve(self, snapshot: Snapshot, batch_id: int | None, committed_at: str | None) -> None:
        """Make a snapshot the newest."""
        snapshot.batch_id, snapshot.committed_at = batch_id, committed_at
        self._known.append(snapshot)
        self._tidy()

    def forget(self, snapshot: Snapshot) -> None:
        """Do without one that cannot be served."""
        shutil.rmtree(snapshot.file.parent, ignore_errors=True)

    @contextmanager
    def held(self, snapshot: Snapshot) -> Iterator[Snapshot]:
        """Keep a snapshot's file until the context ends."""
        snapshot.users += 1
        try:
            yield snapshot
        finally:
            snapshot.users -= 1
            self._tidy()

    def close(self) -> None:
        """Take the private folder away."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def _tidy(self) -> None:
        for one in [one for one in self._known[: -self._keep] if not one.users]:
            self._known.remove(one)
            self.forget(one)

    def _linked(self) -> tuple[Path, Identity]:
        place = Path(tempfile.mkdtemp(dir=self._folder)) / self.published.name
        try:
            place.hardlink_to(self.published)
            return place, _identity(place.stat())
        except FileNotFoundError:
            place.parent.rmdir()
            raise
        except OSError:  # no links here, or none to files of others
            with self.published.open("rb") as source, place.open("xb") as target:
                shutil.copyfileobj(source, target, 2**22)
                return place, _identity(os.fstat(source.fileno()))


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _private_folder(published: Path) -> Path:
    """A folder that nobody else looks into, beside the published file where that can be, for links do not go far."""
    prefix = f".{published.name}.serving-"
    for parent in (published.parent, Path(tempfile.gettempdir())):
        _clear_abandoned(parent, prefix)
        with suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    raise StoreError(f"there is no folder to keep links to {published} in: neither beside it nor in the temporary one")


def _clear_abandoned(parent: Path, prefix: str) -> None:
    """Remove the folders of servers that were killed."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        for folder in parent.iterdir():
            if not folder.name.startswith(prefix):
                continue
            with suppress(OSError), (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
