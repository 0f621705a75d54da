"""The store a command works on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from barhouse.coordinator.cli.command import Settings
from barhouse.coordinator.cli.interrupts import interruptible
from barhouse.store.model.paths import expanded
from barhouse.store.places.address import is_address

if TYPE_CHECKING:
    from barhouse.store.session_store import SessionStore

DEFAULT_STORE = "barhouse.duckdb"


@contextmanager
def opened(
    settings: Settings, /, *, read_only: bool = False, create: bool = False, **options: Any
) -> Iterator[SessionStore]:
    """Open the store; only with ``create`` one that is not there, so that a mistyped path makes no store.

    ``options`` are those of ``open_store``.
    """
    from barhouse.store.errors import StoreError
    from barhouse.store.session_store import open_store

    in_memory = settings.store == ":memory:"
    if not create and not in_memory and not is_address(settings.store) and not expanded(settings.store).exists():
        named = "" if settings.store == DEFAULT_STORE else f"--store {settings.store} "
        raise StoreError(
            f"there is no store at {settings.store}; create it with `barhouse {named}init`, "
            f"or name another with --store"
        )
    opening = open_store(settings.store, read_only=read_only and not in_memory, **options)
    with opening as store, interruptible(store):
        yield store


def check_registered(store: SessionStore, symbols: Sequence[str]) -> None:
    """Refuse symbols that the store does not have."""
    from barhouse.store.records import registry

    with store.reading() as transaction:
        registry.refuse_unknown(transaction, [store.spelling.symbol(name) for name in symbols])
