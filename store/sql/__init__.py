"""Named SQL statements, and the type that keeps text from outside out of them."""

from __future__ import annotations

from barhouse.store.sql.statements import Statement, parse, sql, statement, statements, texts
from barhouse.store.sql.text import Sql, identifier, joined, literal, names_of, parameters_of

__all__ = [
    "Sql",
    "Statement",
    "identifier",
    "joined",
    "literal",
    "names_of",
    "parameters_of",
    "parse",
    "sql",
    "statement",
    "statements",
    "texts",
]
