"""What a verification found, and what a repair mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import bars_changed
from barhouse.store.model.words import agreeing, counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import RepairReport, VerifyReport


def verified(report: VerifyReport, *, repaired: bool = False) -> str:
    """Say what was checked; each kind of difference with how many there are, and what to do."""
    if not report.interval_count:
        return "nothing was checked: no interval asked for is registered"
    counts = (
        (report.symbol_count, "symbol"),
        (report.interval_count, "interval"),
        (report.base_bar_count, "base bar"),
        (report.derived_bar_count, "derived bar"),
        (report.session_count, "session"),
    )
    head = f"checked {', '.join(counted(*count) for count in counts)}: "
    left_out = "" if report.batches_checked else "; history is only checked with the whole store"
    if report.sound:
        return f"{head}all as recomputed{left_out}"
    total = sum(report.totals.values())
    lines = [f"{head}{counted(total, 'difference')}{left_out}"]
    advice: dict[str, str] = {difference.kind: difference.advice for difference in reversed(report.differences)}
    lines += [f"  {count:,} {kind}: {advice.get(kind, '')}" for kind, count in report.totals.items()]
    if total > len(report.differences):
        lines.append(f"  the first {len(report.differences):,} of them are listed")
    if not repaired:
        lines.append("  to repair what can be: barhouse verify --repair")
    return "\n".join(lines)


def repaired(report: RepairReport) -> str:
    """Say what a repair mended, and what is left."""
    if report.batch_id is None:
        return f"{verified(report.after, repaired=True)}; nothing was written"
    found = ", ".join(f"{count:,} {kind}" for kind, count in report.before.totals.items())
    lines = [f"found {found}", f"repaired: {bars_changed(report)}"]
    if report.accepted:
        batches = agreeing(report.accepted, "batch", "batches")
        lines.append(f"accepted that bars or old values of {report.accepted:,} {batches} are lost")
    return "\n".join([*lines, verified(report.after, repaired=True)])
