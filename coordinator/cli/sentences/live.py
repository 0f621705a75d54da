"""How a live session went, and which files it refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from barhouse.store.model.words import counted

if TYPE_CHECKING:
    from barhouse.coordinator.live.status import LiveStatus


def followed(status: LiveStatus) -> str:
    """Say what a session took in, and in what state it is."""
    if status.run_id is None:
        return f"stopped before {status.feed} answered; nothing was begun"
    through = "" if status.cursor is None else f", through {status.cursor:%Y-%m-%d %H:%M:%S}Z"
    refused = f", {status.refused_count:,} refused" if status.refused_count else ""
    head = (
        f"run {status.run_id} of {status.feed} is {status.state}{through}: {counted(status.row_count, 'row')}, "
        f"{counted(status.inserted_count, 'bar')} new, {status.revised_count:,} revised{refused}; "
        f"{counted(status.closed_count, 'derived bar')}"
    )
    return "\n".join([head, *_refused_files(status)])


def _refused_files(status: LiveStatus) -> list[str]:
    """Say which files were refused, and where they are now."""
    from barhouse.coordinator.feeds.folder_feed import FAILED

    if not status.refused_files:
        return []
    said = [_refused_file(Path(refused.path), refused.reason) for refused in status.refused_files]
    place = Path(status.refused_files[0].path).parent / FAILED
    if status.refused_file_count == 1:
        return [f"1 file refused: {said[0]}; it lies in {place}"]
    lines = [f"{counted(status.refused_file_count, 'file')} refused; they lie in {place}"]
    lines += [f"  {line}" for line in said]
    more = status.refused_file_count - len(said)
    return [*lines, f"  and {more:,} more"] if more else lines


def _refused_file(path: Path, reason: str) -> str:
    shorter = reason.replace(str(path), path.name)
    return shorter if shorter.startswith(path.name) else f"{path.name}: {shorter}"
