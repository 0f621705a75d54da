"""Calls of the system that fail on demand: a library that stands before the C library, and its orders.

Needs a C compiler and Linux, and no rights: the library is compiled into a folder of the tests and loaded with
``LD_PRELOAD``. What a process writes below one folder is counted; the call that is meant fails, or the process ends
there, as it does when a machine goes down.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import struct
import subprocess
import sys
from enum import Enum
from pathlib import Path

_LAYOUT = struct.Struct("@qqii1024s2048s")
_SOURCE = Path(__file__).with_name("failing_calls.c")


class Fault(Enum):
    """What becomes of one call: its mode, its error."""

    NO_ROOM = (1, errno.ENOSPC)
    BROKEN = (1, errno.EIO)
    GONE = (2, errno.EIO)  # and of all that follow
    NO_ROOM_LEFT = (2, errno.ENOSPC)
    KILLED = (3, 0)  # before it
    TORN = (4, 0)  # half of it is written, then the process ends
    SHORT = (5, 0)  # half of it is written, which is no error


def compiler() -> str | None:
    """A C compiler, where calls can be failed at all."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang") if sys.platform == "linux" else None


def build(folder: Path) -> Path:
    """Compile the library."""
    library, made_with = folder / "failing_calls.so", compiler()
    assert made_with is not None
    subprocess.run(
        [made_with, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"],
        check=True,
        capture_output=True,
    )
    return library


class Orders:
    """The file by which calls are counted and failed, in this process and all that it starts."""

    def __init__(self, place: Path) -> None:
        if not place.exists():
            place.write_bytes(bytes(_LAYOUT.size))
        self.place = place
        with place.open("r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), _LAYOUT.size)

    def environment(self, library: Path) -> dict[str, str]:
        """What a process is to be started with."""
        return {**os.environ, "LD_PRELOAD": str(library), "BARHOUSE_FAILING_CALLS": str(self.place)}

    def give(self, folder: Path, meant: int = 0, fault: Fault = Fault.BROKEN) -> None:
        """Count calls below a folder from now on, and fail one of them."""
        mode, error = fault.value
        self._mapped[:] = _LAYOUT.pack(0, meant, mode, error, str(folder).encode(), b"")

    def end(self) -> tuple[int, str]:
        """Count no longer; gives how many there were, and which was failed."""
        count, _, _, _, _, call = _LAYOUT.unpack(self._mapped[:])
        self._mapped[:] = bytes(_LAYOUT.size)
        return count, call.rstrip(b"\0").decode(errors="replace")
