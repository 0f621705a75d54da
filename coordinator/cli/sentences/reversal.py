"""What undoing a batch would come to, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import listed
from barhouse.store.model.words import agreeing, counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import RevertReport


def changes_nothing(report: RevertReport) -> bool:
    """Whether the batch wrote and replaced no base bar, and no name."""
    return not (report.inserted or report.revised or report.deleted or report.names)


def would_revert(report: RevertReport) -> str:
    """Say what undoing would come to."""
    if changes_nothing(report):
        return f"{_batch(report)} changed no base bar; there is nothing to undo"
    if report.names:
        return f"{_batch(report)}: names would be those of before it"
    return f"{_batch(report)} of {listed(report.symbols, 'symbols')}: {_bars(report, 'would be ')}"


def reverted(report: RevertReport) -> str:
    """Say what undoing came to."""
    lines = [f"undid {_batch(report)}: {_bars(report, '')}; run `barhouse process` to derive again"]
    if report.names:
        lines = [f"undid {_batch(report)}: {listed(report.symbols, 'symbols')} is called as before"]
    if report.files:
        counts = agreeing(len(report.files), "counts", "count")
        lines.append(f"  {listed(report.files, 'files')} {counts} as not loaded, and may be loaded again")
    lines.append(f"  to take this back: barhouse revert {report.batch_id}")
    return "\n".join(lines)


def _batch(report: RevertReport) -> str:
    return f"batch {report.reverted} ({report.kind}{f' of {report.source}' if report.source else ''})"


def _bars(report: RevertReport, would: str) -> str:
    """Say what becomes of bars, leaving out what becomes of none."""
    said = [(report.deleted, "deleted"), (report.revised, "as before"), (report.inserted, "back")]
    return ", ".join(f"{counted(count, 'bar')} {would}{what}" for count, what in said if count)
