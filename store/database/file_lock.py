"""What keeps a store's own file from being used as any other file while it is open.

The lock that keeps other processes out is a POSIX lock: it ends when this process closes any descriptor of the
file, whoever opened it. So queries may not name the file, and whatever they did, the lock is taken again.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from barhouse.store.errors import InputError, StoreHeldError
from barhouse.store.hints import Action

if sys.platform != "win32":  # there a lock belongs to its descriptor
    import fcntl

_TEXT = re.compile(r"""'((?:[^']|'')*)'|"((?:[^"]|"")*)"|\$(\w*)\$(.*?)\$\3\$""", re.DOTALL)
_FILLS_FOLDER = re.compile(r"\b(?:partition_by|per_thread_output)\b", re.IGNORECASE)
_NAMES_FILES = re.compile(r"\bread_\w|parquet|csv|\bquery\b|\bcopy\b", re.IGNORECASE)


class Lock:
    """A process's lock on the file of a store it has open: DuckDB's own to the system, and taken again if lost."""

    def __init__(self, file: Path, *, read_only: bool) -> None:
        self._file = file
        self._read_only = read_only
        # Open as long as the store is: closing it ends the lock.
        self._descriptor: int | None = os.open(file, os.O_RDONLY if read_only else os.O_RDWR)

    def renew(self) -> None:
        """Have the lock, whether it was lost or not.

        Raises
        ------
        StoreHeldError
            It was lost, and somebody else has it.
        """
        if sys.platform == "win32" or self._descriptor is None:
            return
        try:
            fcntl.lockf(self._descriptor, (fcntl.LOCK_SH if self._read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise StoreHeldError(
                f"the lock on {self._file} was lost, for this process opened and closed the file besides, and another "
                f"process has it now; nothing more is written here: close the store, and open it when the other is done"
            ) from error
        except OSError:
            return  # a file system without locks

    def release(self) -> None:
        """Give the file back, after DuckDB has."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.release()


def identity_of(file: Path) -> tuple[int, int] | None:
    """Return a file's device and inode, the same under all of its names; None when there is no such file."""
    try:
        found = file.stat()
    except (OSError, ValueError):  # ValueError: no name of a file
        return None
    return found.st_dev, found.st_ino


def refuse_own(text: str, parameters: Mapping[str, Any] | Iterable[Any] | None, file: Path) -> None:
    """Refuse a query that names an open store's file: spelled out, by a link, by a pattern, or by a folder to fill.

    Raises
    ------
    InputError
        It does.
    """
    names_files, fills_folder = bool(_NAMES_FILES.search(text)), bool(_FILLS_FOLDER.search(text))
    identity, log_file = identity_of(file), file.with_name(f"{file.name}.wal")
    # Only functions take names from parameters.
    for name in _texts(text, parameters if names_files else None):
        place = Path(re.sub("^file:(//)?", "", name))
        if name.startswith("~"):
            place = Path(os.path.expanduser(name))  # noqa: PTH111  # it leaves alone what is nobody's home
        own = (identity is not None and identity_of(place) == identity) or (name and _is(place, log_file))
        if not own and name and names_files:
            own = _matches(place, file) or (fills_folder and place.is_dir() and file.is_relative_to(_resolved(place)))
        if own:
            raise InputError(
                f"a query may not use the store's own file ({name}): that would end the lock on it, or overwrite it; "
                f"read the views, and make a copy with {Action('publish')} or {Action('backup')}"
            )


def _is(place: Path, file: Path) -> bool:
    """Whether a name is a file's, which need not be there; asks the disk little of names that cannot be."""
    try:
        may_be = place.name == file.name or place.is_symlink()
    except (OSError, ValueError):
        return False
    return may_be and _resolved(place) == file


def _texts(text: str, parameters: Mapping[str, Any] | Iterable[Any] | None) -> Iterator[str]:
    """Yield every text in a query that could be a file's name, also those inside texts."""
    values = parameters.values() if isinstance(parameters, Mapping) else parameters or ()
    given = [inner for value in values for inner in (value if isinstance(value, list | tuple) else [value])]
    waiting = [str(piece) for piece in given if isinstance(piece, str | Path)]
    for literal in _TEXT.finditer(text):
        inner = next(group for group in (literal[1], literal[2], literal[4]) if group is not None)
        waiting.append(inner.replace("''", "'").replace('""', '"'))
    for piece in waiting:
        yield piece
        if "'" in piece:
            yield from _texts(piece, None)


def _matches(pattern: Path, file: Path) -> bool:
    """Whether a pattern of DuckDB's (``*`` ``?`` ``[..]``, ``**`` for folders) takes in a file."""
    if not re.search(r"[*?\[]", str(pattern)):
        return False
    parts = pattern.parts if pattern.is_absolute() else (*Path.cwd().parts, *pattern.parts)
    fixed = next(number for number, part in enumerate(parts) if re.search(r"[*?\[]", part))
    return _all_match([*_resolved(Path(*parts[:fixed])).parts, *parts[fixed:]], list(file.parts))


def _all_match(patterns: list[str], names: list[str]) -> bool:
    if not patterns or not names:
        return not patterns and not names
    if patterns[0] == "**":
        return len(patterns) == 1 or _all_match(patterns[1:], names) or _all_match(patterns, names[1:])
    return fnmatchcase(names[0], patterns[0]) and _all_match(patterns[1:], names[1:])


def _resolved(place: Path) -> Path:
    try:
        return place.resolve()
    except (OSError, ValueError, RuntimeError):  # no name of a file
        return place.absolute()
