"""Barhouse: a persistent store of market bars that derives longer intervals by itself.

Everything that is promised to users is imported from here. Names are imported when they are first used, so that
what only reads does not load what writes, and the command line answers ``--help`` without loading DuckDB.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barhouse.coordinator.backtest.backtest import Backtest
    from barhouse.coordinator.cluster.cluster_care import clean_cluster, compact_lake
    from barhouse.coordinator.cluster.cluster_check import verify_cluster
    from barhouse.coordinator.cluster.job import run_job
    from barhouse.coordinator.cluster.shard_edit import edit_shards
    from barhouse.coordinator.cluster.shard_split import split_shard
    from barhouse.coordinator.data_processor import DataProcessor
    from barhouse.coordinator.feeds.address import FeedAddress
    from barhouse.coordinator.feeds.events import BarEvent, CancelEvent, Refused, TradeEvent, parse_events
    from barhouse.coordinator.feeds.feed import Delivery, Feed, FileToLoad, History, Offer
    from barhouse.coordinator.feeds.folder_feed import FolderFeed
    from barhouse.coordinator.feeds.opening import open_feed
    from barhouse.coordinator.feeds.redis_feed import RedisFeed
    from barhouse.coordinator.feeds.websocket_feed import WebSocketFeed
    from barhouse.coordinator.inspection.inspection import inspect_source
    from barhouse.coordinator.inspection.report import InspectedBar, Inspection
    from barhouse.coordinator.jobs.config import JobConfig
    from barhouse.coordinator.jobs.job import check_job
    from barhouse.coordinator.jobs.report import JobReport
    from barhouse.coordinator.live.options import LiveOptions
    from barhouse.coordinator.live.session import LiveSession
    from barhouse.coordinator.session_coordinator import SessionCoordinator
    from barhouse.coordinator.sources.options import LoadOptions
    from barhouse.coordinator.streams.determination import StreamDetermination, determine_streams
    from barhouse.coordinator.streams.registrar import SourceBars
    from barhouse.store.calendars.definition import CalendarDefinition
    from barhouse.store.charts.bar_chart import BarChart
    from barhouse.store.copies.bar_format import BarWriter, ExportFormat
    from barhouse.store.copies.compaction import compact
    from barhouse.store.copies.restoration import restore
    from barhouse.store.errors import BarhouseError, FeedError, InputError, PlaceError
    from barhouse.store.lake.lake import Lake, open_lake
    from barhouse.store.model.interval import Interval
    from barhouse.store.model.symbol import BarIntervalData, Gap, SymbolSessionData
    from barhouse.store.session_store import SessionStore, open_store

_MODULES = {
    "Backtest": "coordinator.backtest.backtest",
    "BarChart": "store.charts.bar_chart",
    "BarEvent": "coordinator.feeds.events",
    "BarIntervalData": "store.model.symbol",
    "BarWriter": "store.copies.bar_format",
    "BarhouseError": "store.errors",
    "CalendarDefinition": "store.calendars.definition",
    "CancelEvent": "coordinator.feeds.events",
    "DataProcessor": "coordinator.data_processor",
    "Delivery": "coordinator.feeds.feed",
    "ExportFormat": "store.copies.bar_format",
    "Feed": "coordinator.feeds.feed",
    "FeedAddress": "coordinator.feeds.address",
    "FeedError": "store.errors",
    "FileToLoad": "coordinator.feeds.feed",
    "FolderFeed": "coordinator.feeds.folder_feed",
    "Gap": "store.model.symbol",
    "History": "coordinator.feeds.feed",
    "InputError": "store.errors",
    "InspectedBar": "coordinator.inspection.report",
    "Inspection": "coordinator.inspection.report",
    "Interval": "store.model.interval",
    "JobConfig": "coordinator.jobs.config",
    "JobReport": "coordinator.jobs.report",
    "Lake": "store.lake.lake",
    "LiveOptions": "coordinator.live.options",
    "LiveSession": "coordinator.live.session",
    "LoadOptions": "coordinator.sources.options",
    "Offer": "coordinator.feeds.feed",
    "PlaceError": "store.errors",
    "RedisFeed": "coordinator.feeds.redis_feed",
    "Refused": "coordinator.feeds.events",
    "SessionCoordinator": "coordinator.session_coordinator",
    "SessionStore": "store.session_store",
    "SourceBars": "coordinator.streams.registrar",
    "StreamDetermination": "coordinator.streams.determination",
    "SymbolSessionData": "store.model.symbol",
    "TradeEvent": "coordinator.feeds.events",
    "WebSocketFeed": "coordinator.feeds.websocket_feed",
    "check_job": "coordinator.jobs.job",
    "clean_cluster": "coordinator.cluster.cluster_care",
    "compact": "store.copies.compaction",
    "compact_lake": "coordinator.cluster.cluster_care",
    "determine_streams": "coordinator.streams.determination",
    "edit_shards": "coordinator.cluster.shard_edit",
    "inspect_source": "coordinator.inspection.inspection",
    "open_feed": "coordinator.feeds.opening",
    "open_lake": "store.lake.lake",
    "open_store": "store.session_store",
    "parse_events": "coordinator.feeds.events",
    "restore": "store.copies.restoration",
    "run_job": "coordinator.cluster.job",
    "split_shard": "coordinator.cluster.shard_split",
    "verify_cluster": "coordinator.cluster.cluster_check",
}

__all__ = [
    "Backtest",
    "BarChart",
    "BarEvent",
    "BarIntervalData",
    "BarWriter",
    "BarhouseError",
    "CalendarDefinition",
    "CancelEvent",
    "DataProcessor",
    "Delivery",
    "ExportFormat",
    "Feed",
    "FeedAddress",
    "FeedError",
    "FileToLoad",
    "FolderFeed",
    "Gap",
    "History",
    "InputError",
    "InspectedBar",
    "Inspection",
    "Interval",
    "JobConfig",
    "JobReport",
    "Lake",
    "LiveOptions",
    "LiveSession",
    "LoadOptions",
    "Offer",
    "PlaceError",
    "RedisFeed",
    "Refused",
    "SessionCoordinator",
    "SessionStore",
    "SourceBars",
    "StreamDetermination",
    "SymbolSessionData",
    "TradeEvent",
    "WebSocketFeed",
    "check_job",
    "clean_cluster",
    "compact",
    "compact_lake",
    "determine_streams",
    "edit_shards",
    "inspect_source",
    "open_feed",
    "open_lake",
    "open_store",
    "parse_events",
    "restore",
    "run_job",
    "split_shard",
    "verify_cluster",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
