"""Work done in a fork, with what it says kept: each begins as this process is, and leaves nothing in it."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

#: The exit code of work that did not end in time.
HANGS = -1000
_PATIENCE_SECONDS = 120
_FAILED = 70


def forked(work: Callable[[], object], said: Path) -> int:
    """Do some work in a fork; gives its exit code, or less than 0 for the signal that ended it."""
    child = os.fork()
    if child == 0:
        os._exit(_done(work, said))
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HANGS


def _done(work: Callable[[], object], said: Path) -> int:
    with said.open("wb", buffering=0) as file, Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    try:
        work()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return _FAILED
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
    return 0


def import_here(names: Iterable[str]) -> None:
    """Import what forks need, once for all of them."""
    for name in names:
        if name.startswith(("barhouse", "duckdb", "pyarrow", "pandas", "numpy", "exchange_calendars", "sqlalchemy")):
            with suppress(ImportError):
                importlib.import_module(name)
