"""Paths as they are given: with ``~``, and in names that DuckDB can be told of."""

from __future__ import annotations

import os
from pathlib import Path

from barhouse.store.errors import InputError
from barhouse.store.model.words import shortened

#: What file systems allow.
_LONGEST_NAME = 255


def expanded(given: str | Path) -> Path:
    """A path in which ``~`` stands for a home folder.

    Raises
    ------
    InputError
        When nobody has that home, or a name in it is longer than file systems allow.
    """
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in Path(given).parts):
        raise InputError(
            f"the path {shortened(repr(str(given)))} has a name of more than {_LONGEST_NAME} bytes; shorten it"
        )
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise InputError(f"{str(given)!r} begins with a home folder that is nobody's; write the path out") from None


def absolute(given: str | Path) -> Path:
    """A path that DuckDB is to open, absolute.

    Raises
    ------
    InputError
        When it is none, or its name is no UTF-8, which DuckDB's paths are.
    """
    if not isinstance(given, str | Path):
        raise InputError(f"{given!r} is no path; give a text or a pathlib.Path")
    refuse_unnameable(given)
    path = expanded(given).resolve()
    refuse_unnameable(path)  # the folder it starts from has a name, too
    return path


def refuse_unnameable(path: str | Path) -> None:
    """Refuse a path that is no UTF-8, or has a NUL in it.

    Raises
    ------
    InputError
        When it is such a path.
    """
    try:
        nameable = b"\0" not in str(path).encode()
    except UnicodeEncodeError:
        nameable = False
    if not nameable:
        raise InputError(f"the path {str(path)!r} is no UTF-8, so that DuckDB cannot open it; rename what it names")


def printable(path: Path) -> str:
    """A path as reports and records have it: bytes that are no UTF-8 are written ``\\xe9``."""
    return os.fsencode(path).decode(errors="backslashreplace")
