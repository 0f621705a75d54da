"""What was deleted on purpose, and what was given up for being old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import by_interval, listed
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from datetime import datetime

    from barhouse.store.model.reports import DeleteReport, RetentionReport


def deleted(symbol: str, interval: str, report: DeleteReport, *, rewound: bool) -> str:
    """Say what a deletion took away, how far the watermark went back, or that it could."""
    if report.batch_id is None:
        return f"{symbol} {interval} has no bar there, nothing was deleted"
    what = f"{counted(report.deleted, 'bar')} of {symbol} {interval}"
    if not rewound:
        return f"deleted {what}; run `barhouse process` to derive again{_missing(report)}"
    if report.deleted:
        return f"deleted {what}; derived again"
    return f"{symbol} {interval} has no bar there, nothing was deleted; {_rewound(report)}; derived again"


def _missing(report: DeleteReport) -> str:
    if report.missing_through is None:
        return ""
    after = (
        "no bar is left" if report.last_bar_end is None else f"the last bar left ends {_instant(report.last_bar_end)}"
    )
    return (
        f"\n  {after}, and what is not there up to {_instant(report.missing_through)} counts as missing; the same with "
        f"--rewind takes that back"
    )


def _rewound(report: DeleteReport) -> str:
    if report.last_bar_end is None:
        return "the watermark went back, for no bar is left"
    return f"the watermark went back to the last bar left, which ends {_instant(report.last_bar_end)}"


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%MZ}"


def stretch(start: object, end: object) -> str:
    """Say a half-open range of which one side may be open."""
    if end is None:
        return f"from {start} on"
    return f"before {end}" if start is None else f"from {start} to before {end}"


def purged(report: RetentionReport) -> str:
    """Say what retention gave up, and where what is kept starts."""
    lines = ["nothing was old enough to be purged"]
    if report.batch_id is not None:
        parts = [f"{counted(report.deleted, 'bar')}: {by_interval(report.intervals, 'deleted')}"] * bool(report.deleted)
        parts += [counted(report.revisions, "revision")] * bool(report.revisions)
        lines = [f"purged {' and '.join(parts)}"]
    for change in report.intervals:
        whose = f"; the first of {counted(change.symbol_count, 'symbol')}" if change.symbol_count > 1 else ""
        lines.append(f"  {change.interval} is kept from {_instant(change.retained_from)} on{whose}")
    if report.history_from is not None:
        lines.append(f"  past states can be asked for from {_instant(report.history_from)} on")
    if report.held_back:
        whose = listed(report.held_back, "symbols")
        lines.append(f"  {whose}: kept longer than asked, for base bars wait to be derived; see `barhouse status`")
    return "\n".join(lines)
