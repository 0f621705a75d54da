"""What callers give, understood or refused: instants, names of before, and names that nobody registered."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime
from typing import TypeVar

from barhouse.store.errors import InputError, UnknownSymbolError
from barhouse.store.hints import Option

_Given = TypeVar("_Given")


def as_instant(given: datetime | date | str, name: str) -> datetime:
    """A point in time as UTC.

    Raises
    ------
    InputError
        For a datetime without time zone, or a text that is no ISO 8601 date or time.
    """
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise InputError(
                f"{Option(name, given)} is not a date or time; write it as 2024-11-29 or 2024-11-29T14:30:00+00:00"
            ) from None
        return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise InputError(f"{Option(name, given)} has no time zone; say which, such as {given.isoformat()}+00:00")
        return given.astimezone(UTC)
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    raise InputError(f"{name} takes a date, a datetime or a text, not {type(given).__name__}")


def renamed(was: str, given: _Given | None, now: str, given_now: _Given) -> _Given:
    """What a parameter was given by its name of today, or by the one it had before, with a warning.

    Raises
    ------
    InputError
        When it was given by both.
    """
    if given is None:
        return given_now
    if given_now:
        raise InputError(f"{was}= is what {now}= was called before; give {now}= alone")
    warnings.warn(f"{was}= is called {now}= now; the old name ends with the next release", DeprecationWarning, 3)
    return given


def unknown_symbol(symbol: str, known: set[str]) -> UnknownSymbolError:
    """The error for a symbol that is not registered, with the names that come close."""
    import difflib

    close = difflib.get_close_matches(symbol, sorted(known), n=3)
    hint = f"; close to it: {', '.join(close)}" if close else ""
    return UnknownSymbolError(f"symbol {symbol!r} is not registered{hint}; register it first")
