"""Barhouse's coordinator: what changes a store, and the doors to it.

Names are imported when they are first used, so that the command line answers ``--help`` without loading DuckDB.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coordinator.backtesting.backtest import Backtest
    from coordinator.data_processor import DataProcessor
    from coordinator.jobs.config import JobConfig
    from coordinator.jobs.job import check_job, run_job
    from coordinator.jobs.report import JobReport
    from coordinator.live.session import LiveSession
    from coordinator.session_coordinator import SessionCoordinator
    from coordinator.stream_determination import StreamDetermination, determine_streams

__all__ = [
    "Backtest",
    "DataProcessor",
    "JobConfig",
    "JobReport",
    "LiveSession",
    "SessionCoordinator",
    "StreamDetermination",
    "check_job",
    "determine_streams",
    "run_job",
]

_MODULES = {
    "Backtest": "coordinator.backtesting.backtest",
    "DataProcessor": "coordinator.data_processor",
    "JobConfig": "coordinator.jobs.config",
    "JobReport": "coordinator.jobs.report",
    "LiveSession": "coordinator.live.session",
    "SessionCoordinator": "coordinator.session_coordinator",
    "StreamDetermination": "coordinator.stream_determination",
    "check_job": "coordinator.jobs.job",
    "run_job": "coordinator.jobs.job",
    "determine_streams": "coordinator.stream_determination",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
