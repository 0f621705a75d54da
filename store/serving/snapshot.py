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
from dataclasses import dataclass, replace
from pathlib import Path

from barhouse.store.copies import increment
from barhouse.store.copies.increments_folder import IncrementsManifest, folder_of, identity_of_manifest, mark_of
from barhouse.store.errors import StoreError
from barhouse.store.serving.replica import increment_file

if sys.platform != "win32":
    import fcntl

_LOCK = "lock"
#: What identifies a file: device, inode, time of its last change, and size.
Identity = tuple[int, int, int, int]


@dataclass(slots=True, eq=False)
class Snapshot:
    """A published file, or a state that it has come to by increments.

    Attributes
    ----------
    file
        Its private name.
    digest
        Tells it from every other file that is published under the name, also after the server was started again.
    mark
        What increments that follow on it name it by.
    batch_id, committed_at
        The newest batch, and when that was committed, in ISO 8601; None where there is none.
    through, whole
        The newest increment, and the newest of those up to it that have all; 0 for none.
    chain
        What the increments are named by; empty where there are none.
    published
        The file as it was published; itself where there are no increments.
    users
        How many requests need the file now.
    """

    file: Path
    digest: str
    mark: str = ""
    batch_id: int | None = None
    committed_at: str | None = None
    through: int = 0
    whole: int = 0
    chain: str = ""
    users: int = 0
    _published: Snapshot | None = None

    @property
    def published(self) -> Snapshot:
        """The file as it was published."""
        return self._published or self

    @property
    def number(self) -> str:
        """What names it in addresses."""
        state = f"{self.batch_id or 0}-{self.digest}"
        return f"{state}-{self.through}" if self.through else state

    def moved_on(self, manifest: IncrementsManifest) -> Snapshot:
        """The state that it has come to."""
        return replace(
            self,
            batch_id=manifest.batch_id,
            committed_at=manifest.committed_at,
            through=manifest.through,
            whole=manifest.whole,
            chain=manifest.chain,
            users=0,
            _published=self.published,
        )


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
        self._increments = folder_of(published)
        self._manifest_seen: tuple[int, int, int] | None = None
        self._newest: Snapshot | None = None
        self._known: list[Snapshot] = []  # the newest last
        self._folder = _private_folder(published)
        # The lock tells other servers, and the next one here, that the folder is in use.
        self._lock = (self._folder / _LOCK).open("wb")
        if sys.platform != "win32":
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    @property
    def newest(self) -> Snapshot:
        """The snapshot that is served."""
        assert self._newest is not None
        return self._newest

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
            file, status = self._linked()
            self._seen, mark = _identity(status), mark_of(file, status)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.published} cannot be read: {error.strerror}") from error
        return Snapshot(file, hashlib.sha256(repr(self._seen).encode()).hexdigest()[:12], mark)

    def moved_on(self) -> Snapshot | None:
        """The state that the newest has come to by increments, which are linked and not served yet; None without new.

        What cannot be read is none: the next manifest, or the next snapshot, goes on from there.
        """
        seen = identity_of_manifest(self._increments)
        newest = self._newest
        if newest is None or seen is None or (seen == self._manifest_seen and newest.chain):
            return None
        manifest = IncrementsManifest.read(self._increments)
        if manifest is None or manifest.base != newest.mark:
            return None
        self._manifest_seen = seen
        if manifest.through <= newest.through or newest.chain not in ("", manifest.chain):
            return None
        folder = newest.file.parent
        try:
            if manifest.whole > newest.whole:
                self._link(manifest.file(self._increments, manifest.whole, whole=True), folder, manifest.whole, True)
            for number in range(max(manifest.since, newest.through + 1), manifest.through + 1):
                self._link(manifest.file(self._increments, number), folder, number, False)
        except OSError:
            return None
        return newest.moved_on(manifest)

    def _link(self, source: Path, folder: Path, number: int, whole: bool) -> None:
        place = increment_file(folder, number, whole=whole)
        if not place.exists():
            _link_or_copy(source, place)
        if not increment.is_whole(place):  # as after a machine that went down
            place.unlink()
            raise OSError(f"{source} is not whole")

    def go_on(self, snapshot: Snapshot) -> None:
        """Make a state the newest, that the newest has come to; increments that nobody needs any more are removed."""
        before, self._newest = self._newest, snapshot
        if before is None or snapshot.whole == before.whole:
            return
        folder = snapshot.file.parent
        for file in folder.glob("*.arrow"):
            number = file.name.partition(".")[0]
            # A worker that was asked a moment ago may be on its way through those since the one before.
            if number.isdecimal() and int(number) < before.whole:
                file.unlink(missing_ok=True)

    def serve(self, snapshot: Snapshot, batch_id: int | None, committed_at: str | None) -> None:
        """Make a snapshot the newest."""
        snapshot.batch_id, snapshot.committed_at = batch_id, committed_at
        self._newest = snapshot
        self._known.append(snapshot)
        self._tidy()

    def forget(self, snapshot: Snapshot) -> None:
        """Do without one that cannot be served."""
        shutil.rmtree(snapshot.file.parent, ignore_errors=True)

    @contextmanager
    def held(self, snapshot: Snapshot) -> Iterator[Snapshot]:
        """Keep a snapshot's file until the context ends."""
        published = snapshot.published
        published.users += 1
        try:
            yield snapshot
        finally:
            published.users -= 1
            self._tidy()

    def close(self) -> None:
        """Take the private folder away."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def _tidy(self) -> None:
        for one in [one for one in self._known[: -self._keep] if not one.users]:
            self._known.remove(one)
            self.forget(one)

    def _linked(self) -> tuple[Path, os.stat_result]:
        place = Path(tempfile.mkdtemp(dir=self._folder)) / self.published.name
        try:
            return place, _link_or_copy(self.published, place)
        except FileNotFoundError:
            place.parent.rmdir()
            raise


def _link_or_copy(source: Path, place: Path) -> os.stat_result:
    """Have a file under another name, too; returns what the system says of it."""
    try:
        place.hardlink_to(source)
        return place.stat()
    except FileNotFoundError:
        raise
    except OSError:  # no links here, or none to files of others
        with source.open("rb") as given, place.open("xb") as target:
            try:
                shutil.copyfileobj(given, target, 2**22)
            except OSError:
                place.unlink()
                raise
            return os.fstat(given.fileno())


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
