"""The folder beside a snapshot that has its increments, and the manifest that says which of them there are.

``bars.duckdb.increments`` beside ``bars.duckdb`` has ``CHAIN-N.arrow``, what the Nth state after the snapshot has that
the one before lacks, and ``CHAIN-N.whole.arrow``, now and then, what it has that the snapshot lacks, so that nobody
has to begin with the first. The manifest is replaced by a rename after what it names is there. It names the snapshot
that they follow on: they say nothing of another one that is published in its place.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

_MANIFEST: Final = "manifest.json"
_VERSION: Final = 1
#: DuckDB's header, which every checkpoint changes.
_HEADER_BYTES: Final = 3 * 4096
_ENDING: Final = ".arrow"


def folder_of(snapshot: Path) -> Path:
    """Where the increments of a snapshot lie."""
    return snapshot.with_name(f"{snapshot.name}.increments")


def mark_of(snapshot: Path, status: os.stat_result | None = None) -> str:
    """What tells a snapshot from every other that is published under its name.

    Parameters
    ----------
    status
        Of the published file, where ``snapshot`` is another name of it, or a copy.
    """
    with snapshot.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        status = status or os.fstat(file.fileno())
    return hashlib.sha256(f"{status.st_size} {status.st_mtime_ns} ".encode() + header).hexdigest()


@dataclass(frozen=True, slots=True)
class IncrementsManifest:
    """What there is in a folder of increments.

    Attributes
    ----------
    chain
        Names the increments of one snapshot.
    base
        The mark of that snapshot.
    through
        The newest increment; 0 for none.
    whole
        The newest of those that have all from the snapshot on; 0 for none.
    since
        The first that is there, with all after it.
    batch_id, committed_at
        The newest batch with the newest increment, and when it was committed, in ISO 8601; None where there is none.
    """

    chain: str
    base: str
    through: int = 0
    whole: int = 0
    since: int = 1
    batch_id: int | None = None
    committed_at: str | None = None

    def write(self, folder: Path, mode: int) -> None:
        """Put it into a folder, in place of the one before, for those to read whom ``mode`` names."""
        part = folder / f"{_MANIFEST}.{os.getpid()}.part"
        part.write_text(json.dumps({"version": _VERSION, **asdict(self)}), encoding="utf-8")
        part.chmod(mode)
        part.replace(folder / _MANIFEST)

    def file(self, folder: Path, number: int, *, whole: bool = False) -> Path:
        """Where an increment lies."""
        return folder / f"{self.chain}-{number}{'.whole' if whole else ''}{_ENDING}"

    @classmethod
    def read(cls, folder: Path) -> IncrementsManifest | None:
        """The manifest in a folder; None where there is none that can be understood."""
        try:
            said = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return _manifest(said)


def _manifest(said: Any) -> IncrementsManifest | None:
    if not isinstance(said, Mapping) or said.get("version") != _VERSION:
        return None
    with suppress(KeyError, TypeError, ValueError):
        chain, batch_id, committed_at = str(said["chain"]), said["batch_id"], said["committed_at"]
        if not chain.isalnum() or not chain.isascii():  # it becomes a part of names of files
            return None
        return IncrementsManifest(
            chain,
            str(said["base"]),
            through=_count(said["through"]),
            whole=_count(said["whole"]),
            since=_count(said["since"]),
            batch_id=None if batch_id is None else _count(batch_id),
            committed_at=None if committed_at is None else str(committed_at),
        )
    return None


def _count(said: Any) -> int:
    if type(said) is not int or not 0 <= said < 2**62:
        raise ValueError(said)
    return said


def identity_of_manifest(folder: Path) -> tuple[int, int, int] | None:
    """What is another whenever the manifest is; None where there is none."""
    try:
        status = (folder / _MANIFEST).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def make(folder: Path, mode: int) -> None:
    """Make a folder of increments, where it is not there, for those to look into whom ``mode`` lets read files."""
    folder.mkdir(exist_ok=True)
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~0o777 | mode | mode >> 2 & 0o111 | 0o700)


def clear(folder: Path, chain: str = "") -> None:
    """Remove what does not belong to a chain."""
    with suppress(OSError):
        for file in folder.iterdir():
            if file.name != _MANIFEST and not file.name.startswith(f"{chain or '.'}-"):
                with suppress(OSError):
                    file.unlink()
