"""What a load of corporate actions did, and a deletion of some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import listed
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import ActionDeleteReport, ActionReport


def loaded(report: ActionReport) -> str:
    """Say what a load did, then each reason for which rows were rejected."""
    whose = f" of {listed(report.symbols, 'symbols')}" if report.symbols else ""
    done = (
        f"{report.inserted:,} new, {report.revised:,} revised"
        if report.inserted or report.revised
        else "nothing was new"
    )
    head = (
        f"{report.source}: {counted(report.actions, 'action')}{whose}: {done}, {report.unchanged:,} unchanged, "
        f"{report.rejected:,} rejected"
    )
    lines = [head + (f"; {counted(report.empty, 'row')} without any, left out" if report.empty else "")]
    for reject in report.rejects:
        first = f"row {reject.first_row}" if reject.first_row is not None else "line"
        lines.append(f"  {reject.count:,} rejected: {reject.reason}; first {first}: {reject.first_given}")
    if report.rejected:
        lines.append(f'  all of them: barhouse sql "FROM rejected WHERE batch_id = {report.batch_id}"')
    return "\n".join(lines)


def deleted(report: ActionDeleteReport) -> str:
    """Say which actions went."""
    if report.batch_id is None:
        return f"{report.symbol} has no such action on {report.ex_date}, nothing was deleted"
    return f"deleted {' and '.join(report.kinds)} of {report.symbol} on {report.ex_date}"
