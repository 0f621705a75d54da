"""Another name for a file that was put in the place of one that is open: DuckDB knows what it has open by its path.

Asked for the path again it would give what is open, the file that was there before. Links are followed, so that only
a hard link is another name; where the file system or the rights allow none, it is a copy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from barhouse.store.errors import StoreError


@contextmanager
def other_name(file: Path) -> Iterator[Path]:
    """Give another name of a file, for as long as it takes to open it.

    Raises
    ------
    StoreError
        There is nowhere to put one.
    """
    # A folder for such things, and the one that is surely on the same disk.
    with _linked(file, None) or _linked(file, file.parent) or _copied(file) as folder:
        yield Path(folder) / file.name


def _linked(file: Path, parent: Path | None) -> TemporaryDirectory[str] | None:
    """A folder with a link to the file; None where there can be none."""
    try:
        folder = _folder(parent)
    except OSError:
        return None
    try:
        os.link(file, Path(folder.name) / file.name)
    except OSError:
        folder.cleanup()
        return None
    return folder


def _copied(file: Path) -> TemporaryDirectory[str]:
    try:
        folder = _folder(None)
        shutil.copyfile(file, Path(folder.name) / file.name)
    except OSError as error:
        raise StoreError(
            f"{file} was replaced while it is open here, and can be opened neither by a link nor by a copy "
            f"({error.strerror or error}); close the one that is open first"
        ) from error
    return folder


def _folder(parent: Path | None) -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix=".barhouse-", dir=parent, ignore_cleanup_errors=True)
