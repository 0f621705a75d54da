"""Barhouse's coordinator: what changes a store, and the doors to it."""

from coordinator.data_processor import DataProcessor
from coordinator.session_coordinator import SessionCoordinator
from coordinator.stream_determination import StreamDetermination, determine_streams

__all__ = ["DataProcessor", "SessionCoordinator", "StreamDetermination", "determine_streams"]
