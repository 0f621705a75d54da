"""Where files lie that are needed only for a moment."""

from __future__ import annotations

from pathlib import Path

from barhouse.store.session_store import SessionStore


def scratch_of(store: SessionStore) -> Path:
    """The folder beside a store, or where its settings say, in which DuckDB has such files, too."""
    with store.reading() as transaction:
        return transaction.scratch
