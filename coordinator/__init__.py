"""Barhouse's coordinator: what changes a store, and the doors to it.

Names are imported when they are first used, so that the command line answers ``--help`` without loading DuckDB.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coordinator.data_processor import DataProcessor
    from coordinator.session_coordinator import SessionCoordinator
    from coordinator.stream_determination import StreamDetermination, determine_streams

__all__ = ["DataProcessor", "SessionCoordinator", "StreamDetermination", "determine_streams"]

_MODULES = {
    "DataProcessor": "coordinator.data_processor",
    "SessionCoordinator": "coordinator.session_coordinator",
    "StreamDetermination": "coordinator.stream_determination",
    "determine_streams": "coordinator.stream_determination",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
