"""What became of copies of a store, of its own file, and of files for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.words import megabytes
from barhouse.store.model.words import agreeing, counted

if TYPE_CHECKING:
    from barhouse.store.model.reports import CompactReport, CopyReport, ExportReport, RestoreReport


def copied(report: CopyReport, verb: str) -> str:
    """Say what became of a copy that was ``published`` or ``backed up``."""
    batch = f"batch {report.batch_id}" if report.batch_id is not None else "no batch yet"
    if not report.written:
        said = f"nothing has changed since {report.target} was {verb}: {batch}"
    else:
        proven = ", verified" if report.verified is not None else ""
        said = f"{verb} {report.target}: {batch}, {megabytes(report.size_bytes)}{proven}"
    if report.older:
        said += f"; {len(report.older)} older {agreeing(len(report.older), 'is', 'are')} kept beside it"
    return said


def restored(report: RestoreReport, backup: str) -> str:
    """Say what became of a store."""
    batch = f"batch {report.batch_id}" if report.batch_id is not None else "no batch yet"
    if not report.written:
        return f"nothing to restore: {report.path} is as {backup} is, {batch}"
    aside = f"; the store that was there is {report.replaced}" if report.replaced else ""
    return f"restored {report.path} from {backup}: {batch}, verified{aside}"


def exported(report: ExportReport) -> str:
    """Say which files were written and removed."""
    parts = []
    if report.written:
        besides = f" of the store and {report.kept:,} kept from before" if report.kept else ""
        parts.append(f"{counted(report.written, 'file')} written with {counted(report.rows, 'bar')}{besides}")
    if report.removed:
        parts.append(f"{counted(report.removed, 'file')} removed")
    if not parts:
        parts.append("nothing had changed")
    parts.append(f"{report.unchanged:,} unchanged")
    if report.given_up:
        parts.append(f"{report.given_up:,} kept of bars that the store gave up")
    return f"exported to {report.folder}: {', '.join(parts)}"


def compacted(report: CompactReport) -> str:
    """Say what a compaction came to."""
    return (
        f"compacted {report.path}: {megabytes(report.bytes_before)} before, {megabytes(report.bytes_after)} now; "
        f"{counted(report.row_count, 'row')} in order"
    )
