"""SQL text that is known to be safe: statements of this package, and pieces built from names, texts and numbers.

Text from outside is a plain ``str`` and never becomes SQL: whoever runs a statement takes ``Sql`` only, and ``Sql``
is filled only with ``Sql``, handles of tables and whole numbers.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Protocol, runtime_checkable


@runtime_checkable
class Named(Protocol):
    """Something that has a name in SQL: a handle of a temporary table."""

    @property
    def sql(self) -> Sql:
        """The name, as SQL."""


class Sql(str):
    """A piece of SQL. Written in Python only as a constant; what is not constant comes through the functions here."""

    __slots__ = ()

    def fill(self, places: Mapping[str, object], of: str = "a statement") -> Sql:
        """Fill every ``{hole}``; ``{{`` and ``}}`` stand for braces.

        Raises
        ------
        TypeError
            For a plain text, or anything else that is neither SQL nor a table nor a whole number.
        LookupError
            When a hole is left, or a place is given that there is no hole for.
        """
        holes = _holes(self)
        if names_of(self) != places.keys():
            missing, surplus = names_of(self) - places.keys(), places.keys() - names_of(self)
            raise LookupError(f"{of}: holes left {sorted(missing)}, places without a hole {sorted(surplus)}")
        parts = []
        for text, name in holes:
            parts.append(text)
            if name is not None:
                parts.append(_spelled(places[name], name, of))
        return Sql("".join(parts))


def _spelled(given: object, name: str, of: str) -> str:
    if isinstance(given, Sql):
        return given
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int):
        return str(given)
    if isinstance(given, Named):
        return given.sql
    raise TypeError(f"{of}: {{{name}}} takes SQL, a table or a whole number, not the {type(given).__name__} {given!r}")


@cache
def _holes(text: str) -> tuple[tuple[str, str | None], ...]:
    found = []
    for before, name, form, conversion in string.Formatter().parse(text):
        if name is not None and (form or conversion or not name.isidentifier()):
            raise LookupError(f"a hole is {{name}}, not {{{name}}}, in {text[:80]!r}")
        found.append((before, name))
    return tuple(found)


@cache
def names_of(text: str) -> frozenset[str]:
    """The names of a text's holes."""
    return frozenset(name for _, name in _holes(text) if name is not None)


@cache
def parameters_of(text: str) -> frozenset[str]:
    """The names of a text's ``$parameters``."""
    return frozenset(re.findall(r"\$([a-z_]+)", text))


def identifier(name: str) -> Sql:
    """A name as SQL: quoted, whatever it is made of."""
    return Sql('"' + name.replace('"', '""') + '"')


def literal(text: str) -> Sql:
    """A text as SQL: a literal, whatever it is made of."""
    return Sql("'" + text.replace("'", "''") + "'")


def joined(separator: Sql, pieces: Iterable[Sql]) -> Sql:
    """Pieces of SQL with a separator between them.

    Raises
    ------
    TypeError
        For a plain text among them.
    """
    pieces = list(pieces)
    for piece in (separator, *pieces):
        if not isinstance(piece, Sql):
            raise TypeError(f"only SQL is joined to SQL, not the {type(piece).__name__} {piece!r}")
    return Sql(separator.join(pieces))
