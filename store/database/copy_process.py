"""A program that copies a file, or syncs one, for a process that may not close any descriptor of it.

Closing one would end that process's lock on the file. It is started by its path, with nothing but the standard library.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

#: How much is copied before it is synced: whoever else syncs a file on this disk waits for what is not yet.
_PIECE_BYTES = 2**24
#: DuckDB's header, which every checkpoint changes: three blocks of 4 KB.
_HEADER_BYTES = 3 * 4096


def copy(source_name: str, target_name: str) -> None:
    """Copy a file that grows meanwhile, but is not written anew; nobody else may read the copy."""
    os.umask(0o077)
    with Path(source_name).open("rb", buffering=0) as source, Path(target_name).open("wb") as target:
        size, header = os.fstat(source.fileno()).st_size, source.read(_HEADER_BYTES)
        source.seek(0)
        while _copy_piece(source, target):
            os.fsync(target.fileno())
        source.seek(0)
        if os.fstat(target.fileno()).st_size < size or source.read(_HEADER_BYTES) != header:
            sys.exit("it was written anew meanwhile; copy it again")


def _copy_piece(source: BinaryIO, target: BinaryIO) -> int:
    if sys.platform == "linux":  # takes half the time
        return os.sendfile(target.fileno(), source.fileno(), None, _PIECE_BYTES)
    count = target.write(source.read(_PIECE_BYTES))
    target.flush()
    return count


def sync(name: str) -> None:
    """Make a file's content last."""
    descriptor = os.open(name, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)


if __name__ == "__main__":
    (copy if sys.argv[1] == "copy" else sync)(*sys.argv[2:])
