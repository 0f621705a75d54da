"""Words that many sentences need: how many, which, how large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barhouse.store.model.reports import (
        CalendarReport,
        IntervalChange,
        MoveReport,
        RepairReport,
        RetainedInterval,
    )

_LISTED_MAX = 5


def listed(names: Sequence[str], noun: str) -> str:
    """Name a few; of many say how many there are."""
    return ", ".join(names) if len(names) <= _LISTED_MAX else f"{len(names):,} {noun}"


def megabytes(size_bytes: int) -> str:
    """Say how large a file is."""
    return f"{size_bytes / 1e6:,.1f} MB"


def by_interval(changes: Sequence[IntervalChange | RetainedInterval], field: str) -> str:
    """Say how many bars of each interval."""
    counts = [(change.interval, getattr(change, field)) for change in changes]
    return ", ".join(f"{interval} {count:,}" for interval, count in counts if count)


def bars_changed(report: CalendarReport | MoveReport | RepairReport) -> str:
    """Say what a change came to in bars."""
    return f"{report.inserted:,} new, {report.revised:,} revised, {report.deleted:,} deleted"
