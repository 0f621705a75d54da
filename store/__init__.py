"""Barhouse's store: what is kept, and how it is read."""

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
