"""What a worker process may take of the machine, said to the system itself: nothing inside can lift it."""

from __future__ import annotations

import sys
from pathlib import Path

#: DuckDB is told of this part of the memory; what it does not count (functions of texts and lists) has the rest.
_COUNTED = 0.7


def duckdb_memory(memory_bytes: int) -> str:
    """What DuckDB is told that it may use."""
    return f"{int(memory_bytes * _COUNTED) // 2**20}MiB"


def bind(memory_bytes: int) -> None:
    """Let this process take so much more memory than it has now, write no file, and leave no dump of its memory.

    On systems without such limits (Windows) nothing is done: there a worker is only ended when it is late.
    """
    try:
        import resource
    except ImportError:
        return
    now = _address_space()
    if now is not None:
        most = now + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _address_space() -> int | None:
    """How much of its address space this process has taken, in bytes; None where the system does not say."""
    if sys.platform != "linux":
        return None
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
