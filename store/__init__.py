"""Barhouse's store: what is kept, and how it is read.

Names are imported when they are first used, so that what only reads does not load what writes files anew.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.compaction import compact
    from store.errors import BarhouseError
    from store.interval import Interval
    from store.models import BarIntervalData, Gap, SymbolSessionData
    from store.restoring import restore
    from store.session_store import SessionStore, open_store

__all__ = [
    "BarIntervalData",
    "BarhouseError",
    "Gap",
    "Interval",
    "SessionStore",
    "SymbolSessionData",
    "compact",
    "open_store",
    "restore",
]

_MODULES = {
    "BarIntervalData": "store.models",
    "BarhouseError": "store.errors",
    "Gap": "store.models",
    "Interval": "store.interval",
    "SessionStore": "store.session_store",
    "SymbolSessionData": "store.models",
    "compact": "store.compaction",
    "open_store": "store.session_store",
    "restore": "store.restoring",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
