"""Whether small writes may take the fast path: the general one does the same, and tests compare the two."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

#: Set to anything but nothing, every write of the process takes the general path.
VARIABLE = "BARHOUSE_GENERAL_PATH"

_state = {"general": bool(os.environ.get(VARIABLE))}


def is_open() -> bool:
    """Whether the fast path may be taken."""
    return not _state["general"]


@contextmanager
def general_path() -> Iterator[None]:
    """Let every write inside take the general path."""
    before = _state["general"]
    _state["general"] = True
    try:
        yield
    finally:
        _state["general"] = before
