"""What became of the rolls of a continuous future."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import FutureReport


def defined(report: FutureReport) -> str:
    """Say how many contracts have come to count."""
    if report.batch_id is None:
        return f"{report.symbol} is defined, its rolls are as they were"
    return (
        f"{report.symbol} is defined: {counted(report.inserted, 'roll')} new, {report.revised:,} moved, "
        f"{report.deleted:,} gone"
    )


def removed(report: FutureReport) -> str:
    """Say that it is gone."""
    return f"removed {report.symbol}, {counted(report.deleted, 'roll')} became history"
