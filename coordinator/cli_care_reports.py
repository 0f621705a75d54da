"""Reports of store care for people, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.care_reports import CopyReport


def copied(report: CopyReport, verb: str) -> str:
    """Say what became of a copy that was ``published`` or ``backed up``."""
    batch = f"batch {report.batch_id}" if report.batch_id is not None else "no batch yet"
    if not report.written:
        said = f"nothing has changed since {report.target} was {verb}: {batch}"
    else:
        proven = ", verified" if report.verified is not None else ""
        said = f"{verb} {report.target}: {batch}, {_size(report.size_bytes)}{proven}"
    if report.older:
        said += f"; {len(report.older)} older {'is' if len(report.older) == 1 else 'are'} kept beside it"
    return said


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:,.1f} MB"
