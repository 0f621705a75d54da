"""What the extra ``serve`` brings."""

from __future__ import annotations

from importlib.util import find_spec

from barhouse.store.errors import InputError


def check_installed() -> None:
    """Make sure that a server can be had.

    Raises
    ------
    InputError
        When starlette or uvicorn is not there.
    """
    lacking = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if lacking:
        raise InputError(f"serving needs the package {' and '.join(lacking)}: pip install 'barhouse[serve]'")
