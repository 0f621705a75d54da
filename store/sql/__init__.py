"""Named SQL statements, one ``.sql`` file per subject.

A statement starts at a line ``-- name: ...`` (``-- view:`` and ``-- macro:`` in views.sql) whose next line says what
it is for, and ends where the next one starts.
Values are DuckDB's ``$named`` parameters; ``{named}`` places take identifiers and expressions that Python built.
"""

from __future__ import annotations

import functools
import re
from importlib import resources

_HEADER = re.compile(r"^-- (?:name|view|macro): ([a-z_]+)$", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """The statements of a text, by name, in order.

    Raises
    ------
    LookupError
        When a name comes twice.
    """
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    found: dict[str, str] = {}
    for header, end in zip(headers, ends, strict=True):
        if header[1] in found:
            raise LookupError(f"two statements are named {header[1]!r}")
        body = re.sub(r"^--.*\n", "", text[header.end() : end].lstrip("\n"), flags=re.MULTILINE)
        found[header[1]] = body.strip().removesuffix(";")
    return found


@functools.cache
def statements(subject: str) -> dict[str, str]:
    """All statements of one subject, by name, in file order."""
    return parse((resources.files(__package__) / f"{subject}.sql").read_text(encoding="utf-8"))


def statement(name: str) -> str:
    """The text of ``subject.name``."""
    subject, _, own = name.partition(".")
    return statements(subject)[own]
