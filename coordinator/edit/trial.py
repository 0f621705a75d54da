"""Edits that are tried, to say what they would come to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from barhouse.store.database.transaction import Transaction
from barhouse.store.session_store import SessionStore


class _OnlyTriedError(Exception):
    """Ends a transaction of which nothing is to be kept."""


@contextmanager
def trial(store: SessionStore, *, apply: bool) -> Iterator[Transaction]:
    """Give a transaction of which nothing is kept unless ``apply`` says so: then not inside of one's own."""
    with suppress(_OnlyTriedError), store.transaction() as transaction:
        yield transaction
        if not apply:
            raise _OnlyTriedError
