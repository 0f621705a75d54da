"""The settings of DuckDB that a user may choose: those by which no bar can come out otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from barhouse.store.errors import InputError
from barhouse.store.hints import Option

#: How much of the machine is used, where room is made, how finely a new file is cut, and when its log is taken over.
ALLOWED: Final = (
    *("threads", "memory_limit", "max_memory", "temp_directory", "max_temp_directory_size", "default_block_size"),
    *("checkpoint_threshold", "wal_autocheckpoint"),
)
#: How large the log may become before it is taken over into the file: two names of one setting.
_LOG_SIZE: Final = ("checkpoint_threshold", "wal_autocheckpoint")
#: DuckDB would make as many threads as it is told, whatever the machine can do with them.
_MOST_THREADS: Final = 1000


def checked(settings: Mapping[str, str | int] | None) -> dict[str, str | int]:
    """The settings given, once they are seen to be allowed.

    Raises
    ------
    InputError
        For any other: an order, a time zone or a limit of another kind would change what statements of the store
        come to.
    """
    if not isinstance(settings, Mapping | None):
        raise InputError(
            f"{Option('settings', settings)} is no mapping; give settings of DuckDB, such as {{'threads': 2}}"
        )
    given = dict(settings or {})
    for name, value in given.items():
        if name not in ALLOWED:
            raise InputError(
                f"{Option('settings', {name: value})} cannot be chosen, for bars may depend on it; allowed are "
                f"{', '.join(ALLOWED)}"
            )
    if "threads" in given and not _is_count(given["threads"]):
        raise InputError(f"{Option('settings')} takes threads as a whole number from 1 to {_MOST_THREADS}")
    return given


def log_size(settings: Mapping[str, str | int] | None) -> str | None:
    """How large the log may become before it is taken over into the file, as DuckDB takes it; None: as it has it."""
    given = [str(size) for name, size in (settings or {}).items() if name in _LOG_SIZE]
    return given[-1] if given else None


def _is_count(threads: object) -> bool:
    try:
        return isinstance(threads, str | int) and 1 <= int(threads) <= _MOST_THREADS
    except ValueError:
        return False
