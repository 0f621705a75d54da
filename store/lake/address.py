"""Where the catalog of a lake lies: in a file of DuckDB's, or in PostgreSQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from barhouse.store.errors import InputError
from barhouse.store.model.paths import absolute, expanded

_SCHEME = "ducklake:"
_POSTGRES = "postgres:"
_IN_POSTGRES = "ducklake:postgres:dbname=bars host=db"
#: What of a connection's text nobody shall read, in both ways to write one.
_SECRETS = (
    re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE),
    re.compile(r"(://[^/@\s:]*:)([^@\s]*)(?=@)"),
)


@dataclass(frozen=True, slots=True)
class LakeAddress:
    """The catalog of a lake.

    Attributes
    ----------
    file
        The file it lies in; None: in PostgreSQL.
    connection
        How PostgreSQL is reached, in words of libpq; None: it lies in a file.
    """

    file: Path | None
    connection: str | None

    @classmethod
    def parse(cls, text: str, folder: Path | None = None) -> LakeAddress:
        """Read an address: ``ducklake:postgres:dbname=bars host=db``, or the path of a file, seen from ``folder``.

        Raises
        ------
        InputError
            For what is neither.
        """
        rest = text.strip().removeprefix(_SCHEME)
        if rest.startswith(_POSTGRES):
            connection = rest.removeprefix(_POSTGRES).strip()
            if not connection:
                raise InputError(
                    f"the lake {text!r} does not say how PostgreSQL is reached; say that, such as {_IN_POSTGRES}"
                )
            return cls(None, connection)
        scheme = re.match(r"[a-z0-9]{2,}:", rest)
        if not rest or scheme:
            raise InputError(
                f"{without_secrets(text)!r} is no lake; give the path of its catalog, such as lake.ducklake, or how "
                f"PostgreSQL is reached, such as {_IN_POSTGRES}"
            )
        return cls(absolute(expanded(rest) if folder is None else folder / expanded(rest)), None)

    @property
    def catalog(self) -> str:
        """The address as DuckDB has it, secrets and all."""
        return f"{_SCHEME}{self.file}" if self.file is not None else f"{_SCHEME}{_POSTGRES}{self.connection}"

    def __str__(self) -> str:
        return str(self.file) if self.file is not None else without_secrets(f"{_POSTGRES}{self.connection}")


def without_secrets(text: str) -> str:
    """A text in which passwords of connections are left out."""
    for secret in _SECRETS:
        text = secret.sub(r"\1...", text)
    return text
