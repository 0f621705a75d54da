"""Copies a store file as the product does, but from its end to its beginning and slowly: much is written meanwhile."""

from __future__ import annotations

import os
import runpy
import sys
import time
from pathlib import Path
from typing import BinaryIO

PROGRAM = Path(__file__).parents[2] / "store" / "database" / "copy_process.py"
PIECE_BYTES = 2**16
SECONDS = 0.6
#: The variable that names a file without which it stops halfway; where it is not set it goes on.
GO_ON = "SLOW_COPY_GO_ON"


def copy_backwards(source: BinaryIO, target: BinaryIO) -> int:
    """Copy all there is at first, as one piece."""
    if os.fstat(target.fileno()).st_size:
        return 0
    offsets = range(0, os.fstat(source.fileno()).st_size, PIECE_BYTES)
    for offset in reversed(offsets):
        while offset == offsets[len(offsets) // 2] and not Path(os.environ.get(GO_ON, "/")).exists():
            time.sleep(0.01)
        os.pwrite(target.fileno(), os.pread(source.fileno(), PIECE_BYTES, offset), offset)
        time.sleep(SECONDS / len(offsets))
    return 1


if __name__ == "__main__":
    program = runpy.run_path(str(PROGRAM))
    program["copy"].__globals__["_copy_piece"] = copy_backwards
    program[sys.argv[1]](*sys.argv[2:])
