"""Who may read a copy of a store: its file's mode. Nobody writes into a copy."""

from __future__ import annotations

from typing import Literal

from barhouse.store.errors import InputError
from barhouse.store.hints import Option

#: Its owner; its owner and its group; everybody.
FileMode = Literal["0400", "0440", "0444"]
FILE_MODES: dict[FileMode, int] = {"0400": 0o400, "0440": 0o440, "0444": 0o444}


def as_file_mode(given: str | int) -> int:
    """Read a mode, given as a number or as octal digits.

    Raises
    ------
    InputError
        It is none of a file that its owner reads and nobody writes.
    """
    try:
        mode = int(given, 8) if isinstance(given, str) else given
    except ValueError:
        mode = -1
    if mode not in FILE_MODES.values():
        raise InputError(
            f"{Option('mode', given)} is not usable: its owner reads a copy and nobody writes into it; say who else "
            f"may read it, with '0400' (nobody), '0440' (the group) or '0444' (everybody)"
        )
    return mode
