"""What a machine keeps of a shard: the file that was published last, and the one that is worked on."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from barhouse.coordinator.cluster.shard_task import Generation
from barhouse.store.database.replacement import log_of, put_in_place, sync_folder
from barhouse.store.errors import LakeError
from barhouse.store.places.place import Place, fetch

log = logging.getLogger("barhouse.cluster")

_WORK = "work.duckdb"
#: What a file was made from, beside it.
_FROM = ".from"
_NOTHING = "nothing"


def digest_of(file: Path) -> str:
    """A digest of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class ShardScratch:
    """A folder of this machine for one shard, which one run at a time has.

    Nothing in it is needed: emptied, files are fetched again. A file is taken for the one that was published only when
    it has its name, which no other ever gets, and its digest.
    """

    folder: Path

    @classmethod
    def of(cls, scratch: Path, stores: str, shard: int) -> ShardScratch:
        """The folder of a shard; of two clusters each has its own."""
        cluster = hashlib.sha256(stores.encode()).hexdigest()[:16]
        return cls(scratch / cluster / f"{shard:05}")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the folder alone: whoever else wants it waits."""
        from filelock import FileLock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LakeError(f"there can be no scratch folder {self.folder}: {error.strerror}; name another") from error
        with FileLock(self.folder / "lock"):
            for left in self.folder.parent.glob(f"{self.folder.name}-*"):  # of runs that were killed
                shutil.rmtree(left, ignore_errors=True)
            yield

    def begin(self, generation: Generation | None, stores: Place) -> tuple[Path | None, Path]:
        """The file to begin with, not to be written to; and the one to work on.

        The latter is a copy of the former, or what a run that began with the same and was not published has left.
        """
        before = None if generation is None else self.published(generation, stores)
        name = _NOTHING if before is None else before.name
        work = self.folder / _WORK
        left = self._left_from(name)
        if left is not None:
            if left != work:
                self._remove(work)
                self._note(work, name)
                put_in_place(left, work)
                self._note_path(left).unlink(missing_ok=True)
            log.info("shard in %s: going on with what a run left that was not published", self.folder)
        else:
            self._remove(work)
            if before is not None:
                part = work.with_suffix(".part")
                shutil.copyfile(before, part)
                self._note(work, name)
                put_in_place(part, work)
            else:
                self._note(work, name)
        for path in self.folder.iterdir():
            if path.name not in {"lock", _WORK, f"{_WORK}.wal", f"{_WORK}{_FROM}", name}:
                path.unlink(missing_ok=True)
        return before, work

    def keep(self, work: Path, name: str) -> Path:
        """Give the file that was worked on the name it is published by."""
        kept = self.folder / name
        self._note(kept, self._note_path(work).read_text(encoding="utf-8"))
        put_in_place(work, kept)
        self._note_path(work).unlink(missing_ok=True)
        return kept

    def drop(self, work: Path) -> None:
        """Give up what was worked on."""
        self._remove(work)

    def published(self, generation: Generation, stores: Place) -> Path:
        """The file of a generation, fetched unless it is here whole.

        Raises
        ------
        LakeError
            When what is fetched is not what was published.
        """
        file = self.folder / generation.file.rpartition("/")[2]
        if file.exists() and file.stat().st_size == generation.size_bytes and digest_of(file) == generation.digest:
            return file
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        fetch(stores, generation.file, part)
        if part.stat().st_size != generation.size_bytes or digest_of(part) != generation.digest:
            part.unlink()
            raise LakeError(
                f"{stores.full_name(generation.file)} is not the file that was published; put it back from a copy of "
                f"the folder"
            )
        put_in_place(part, file)
        return file

    def _left_from(self, name: str) -> Path | None:
        """What a run left that began with a file: what it worked on, or finished and never published."""
        for note in sorted(self.folder.glob(f"*{_FROM}"), key=lambda path: path.name != f"{_WORK}{_FROM}"):
            file = note.with_name(note.name.removesuffix(_FROM))
            if file.exists() and file.name != name and note.read_text(encoding="utf-8") == name:
                return file
        return None

    def _note_path(self, file: Path) -> Path:
        return file.with_name(f"{file.name}{_FROM}")

    def _note(self, file: Path, name: str) -> None:
        self._note_path(file).write_text(name, encoding="utf-8")
        sync_folder(self.folder)

    def _remove(self, file: Path) -> None:
        for path in (file, log_of(file), self._note_path(file)):
            path.unlink(missing_ok=True)
