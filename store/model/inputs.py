"""What callers give, understood or refused: dates, instants, ranges of them, names and lists of names.

A *date* names a session: ``datetime.date``, or a text such as ``2024-11-29``. An *instant* says its zone: a
``datetime`` with one, or a text such as ``2024-11-29T14:30:00+00:00``. Nothing else is either; above all, a time of day
without a zone is neither. Every door understands what it is given by these functions, and so refuses in the same words.
"""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from barhouse.store.errors import InputError, IntervalError, UnknownSymbolError
from barhouse.store.hints import Action, Option, did_you_mean
from barhouse.store.model.interval import Interval
from barhouse.store.model.words import shortened

#: A date or an instant as a parameter takes it. (A ``datetime`` is a ``date`` to Python; it is told apart here.)
Moment = date | datetime | str
#: One name or several, as a parameter takes them.
Names = str | Iterable[str]

_Given = TypeVar("_Given")
_Read = TypeVar("_Read")

_DATE = "a date such as 2024-11-29, which names a session"
_INSTANT = "an instant with its zone, such as 2024-11-29T14:30:00+00:00"
_DATE_TEXT = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}", re.ASCII)
_TIME_TEXT = re.compile(r"(\d{4}-\d{2}-\d{2}|\d{8})[T ]", re.ASCII)


def as_session_date(given: Moment | None, name: str) -> date:
    """The date of a session.

    Raises
    ------
    InputError
        For an instant, and for what is neither.
    """
    found = _moment(given, name, _DATE)
    if isinstance(found, datetime):
        raise InputError(f"{Option(name, given)} is an instant, and this goes by whole sessions; give {_DATE}")
    return found


def as_instant(given: Moment | None, name: str) -> datetime:
    """An instant, in UTC.

    Raises
    ------
    InputError
        For a date, for a time without a zone, and for what is neither.
    """
    found = _moment(given, name, _INSTANT)
    if not isinstance(found, datetime):
        raise InputError(f"{Option(name, given)} is a date, which names a session; give {_INSTANT}")
    return found


def as_bound(given: Moment | None, name: str) -> date | datetime:
    """A bound of a range: a ``date``, which stands for where the day of its session begins; or an instant in UTC.

    Raises
    ------
    InputError
        For a time without a zone, and for what is neither.
    """
    return _moment(given, name, f"{_DATE}, or {_INSTANT}")


def as_range(start: Moment | None, end: Moment | None) -> tuple[date | datetime | None, date | datetime | None]:
    """A range ``[start, end)`` by dates, instants, or one of each; None leaves a side open.

    Raises
    ------
    InputError
        When a bound is neither a date nor an instant, or both are of one kind and ``start`` is the later.
    """
    first, last = optional(as_bound, start, "start"), optional(as_bound, end, "end")
    if isinstance(first, datetime) is isinstance(last, datetime):
        refuse_reversed(first, last)
    return first, last


def as_session_range(start: Moment | None, end: Moment | None) -> tuple[date | None, date | None]:
    """A range of sessions ``start <= session_date < end``; None leaves a side open.

    Raises
    ------
    InputError
        When a bound is no date, or ``start`` is the later.
    """
    first, last = optional(as_session_date, start, "start"), optional(as_session_date, end, "end")
    refuse_reversed(first, last)
    return first, last


def refuse_reversed(start: date | datetime | None, end: date | datetime | None) -> None:
    """Refuse a range that ends before it begins; both bounds must be of one kind."""
    if start is not None and end is not None and start > end:
        raise InputError(f"{Option('start', start)} lies after {Option('end', end)}; give the earlier one as start")


def as_name(given: str, name: str) -> str:
    """A name that somebody may choose, such as that of a run.

    Raises
    ------
    InputError
        For what is no text, and for one that is empty or unprintable.
    """
    if not isinstance(given, str) or not given.strip() or not given.isprintable():
        raise InputError(f"{Option(name, given)} is no name; give a printable text, such as {Option(name, 'nightly')}")
    return given


def as_count(given: int, name: str, what: str, *, least: int = 1) -> int:
    """A whole number; ``what`` says in a message what it counts.

    Raises
    ------
    InputError
        For what is no whole number, and for one below ``least``.
    """
    whole = not isinstance(given, bool) and hasattr(given, "__index__")
    count = operator.index(given) if whole else None
    if count is None or count < least:
        raise InputError(f"{Option(name, given)} is not usable; give {what}, {least} or more")
    return count


def as_interval(given: str | Interval | None, name: str) -> str:
    """An interval, in its one spelling.

    Raises
    ------
    InputError
        When it is None, or no interval.
    """
    if given is None:
        raise IntervalError(f"{Option(name)} is missing; give an interval such as {Option(name, '1m')}")
    return str(Interval.parse(given))


def as_intervals(given: str | Interval | Iterable[str | Interval], name: str = "intervals") -> list[str]:
    """One interval or several, each once and in its one spelling, in the order given.

    Raises
    ------
    InputError
        When there is none, or one is no interval.
    """
    return list(dict.fromkeys(str(Interval.parse(interval)) for interval in as_list(given, name, "an interval")))


def as_columns(given: Names, name: str) -> list[str]:
    """One name of a column or several; whether there are such is for who has them.

    Raises
    ------
    InputError
        When there is none, or one is no text.
    """
    found = as_list(given, name, "the name of a column")
    for column in found:
        if not isinstance(column, str):
            raise InputError(f"{Option(name)} takes names of columns, not {_kind(column)}; give texts such as 'close'")
    return list(dict.fromkeys(found))


def as_list(given: object, name: str, what: str, *, may_be_empty: bool = False) -> list[Any]:
    """One or several of something, as a list; a text is one, never its letters.

    Raises
    ------
    InputError
        When it is None, empty unless it may be, or nothing to go through.
    """
    if isinstance(given, str | Interval):
        return [given]
    if not isinstance(given, Iterable) or isinstance(given, bytes | Mapping):
        raise InputError(f"{Option(name)} takes {what} or a list of such, not {_kind(given)}")
    found = list(given)
    if not found and not may_be_empty:
        raise InputError(f"{Option(name)} is empty; name at least one, or leave it out where all are meant")
    return found


def optional(read: Callable[[Any, str], _Read], given: object, name: str) -> _Read | None:
    """What ``read`` makes of a parameter that may be left out (None)."""
    return None if given is None else read(given, name)


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
    meant = did_you_mean(symbol, sorted(known))
    first = f"register it first, {Action('register', [symbol])}"
    return UnknownSymbolError(f"symbol {shortened(repr(symbol))} is not registered{meant}; {first}")


def _moment(given: object, name: str, wanted: str) -> date | datetime:
    """What it is: a date, or an instant in UTC."""
    if isinstance(given, str):
        found = _of_text(given.strip())
        if found is None:
            raise InputError(f"{Option(name, given)} is no date or time of ISO 8601; give {wanted}")
    elif isinstance(given, date):
        found = given
    else:
        raise InputError(f"{Option(name)} takes a date, a datetime or a text, not {_kind(given)}; give {wanted}")
    if not isinstance(found, datetime):
        return found
    if found.tzinfo is None or found.utcoffset() is None:
        raise InputError(f"{Option(name, given)} has no time zone; give {wanted}")
    try:
        utc = found.astimezone(UTC)
    except OverflowError:
        raise InputError(f"{Option(name, given)} lies beyond the years 1 to 9999; give {wanted}") from None
    # A plain one: what pandas calls a Timestamp is a datetime too, but not to a database.
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, UTC)


def _of_text(text: str) -> date | datetime | None:
    try:
        if _DATE_TEXT.fullmatch(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text) if _TIME_TEXT.match(text) else None
    except ValueError:
        return None


def _kind(given: object) -> str:
    return "None" if given is None else type(given).__name__
