"""Proving a file that is to take the place of another, before it does."""

from __future__ import annotations

from pathlib import Path

from barhouse.store.checks.verification import Progress, verify
from barhouse.store.database.opening import open_database
from barhouse.store.model.reports import VerifyReport


def verified_file(
    file: Path,
    *,
    read_only: bool,
    settings: dict[str, str | int] | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Open a store's file, bringing it up to date unless it is read only, verify the whole of it, and close it."""
    database = open_database(file, read_only=read_only, settings=settings)
    try:
        with database.reading() as transaction:
            return verify(transaction, None, None, None, None, progress)
    finally:
        database.close()
