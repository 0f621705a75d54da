"""What became of a cluster, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from barhouse.coordinator.cluster.cluster_care import CleanReport, LakeCompactReport
    from barhouse.coordinator.cluster.cluster_check import ClusterVerifyReport

_LISTED = 20


def checked(report: ClusterVerifyReport) -> str:
    """Say what was checked, and what differs."""
    head = (
        f"checked {counted(report.shard_count, 'shard')}, {counted(report.bar_count, 'bar')}, "
        f"{counted(report.revision_count, 'revision')}"
    )
    if report.sound:
        return f"{head}: all as published"
    lines = [f"{head}: {counted(len(report.differences), 'difference')}"]
    lines += [f"  shard {one.shard}: {one.what}" for one in report.differences[:_LISTED]]
    if len(report.differences) > _LISTED:
        lines.append(f"  and {len(report.differences) - _LISTED:,} more; --json has all")
    return "\n".join(lines)


def compacted(report: LakeCompactReport) -> str:
    """Say how many files are left."""
    return f"the lake has {counted(report.files_after, 'file')} of bars and revisions; it had {report.files_before:,}"


def cleaned(report: CleanReport, *, dry_run: bool) -> str:
    """Say what was removed, or would be."""
    lines = [f"  {name}" for name in report.files[:_LISTED]] if dry_run else []
    if dry_run and len(report.files) > _LISTED:
        lines.append(f"  and {len(report.files) - _LISTED:,} more; --json has all")
    verb = "would remove" if dry_run else "removed"
    return "\n".join([f"{verb} {counted(len(report.files), 'file')} that nobody needs", *lines])
