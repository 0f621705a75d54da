"""What became of the names of a symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barhouse.store.model.reports import NameReport


def renamed(report: NameReport) -> str:
    """Say what a symbol is called, and until when it was called otherwise."""
    return (
        f"renamed {report.name} to {report.symbol}, from {report.end} on\n"
        f"  to take this back: barhouse revert {report.batch_id}"
    )


def aliased(report: NameReport) -> str:
    """Say which rows an alias is for."""
    if report.batch_id is None:
        return f"{_alias(report)} already"
    return _alias(report)


def unaliased(report: NameReport) -> str:
    """Say which alias went."""
    whose = "" if report.vendor is None else f" in loads of {report.vendor}"
    if report.batch_id is None:
        return f"{report.symbol} has no alias {report.name}{whose}, nothing was changed"
    return f"{report.name} is no alias of {report.symbol} any more{whose}"


def _alias(report: NameReport) -> str:
    since = "" if report.start is None else f" from {report.start}"
    until = "" if report.end is None else f" to {report.end}"
    sessions = f", for sessions{since}{until}" if since or until else ""
    whose = "" if report.vendor is None else f" in loads of {report.vendor}"
    return f"{report.name} is an alias of {report.symbol}{whose}{sessions}"
