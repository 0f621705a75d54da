"""What a live session says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel


class RefusedFile(BaseModel):
    """A file that a feed delivered and of which nothing could be taken; ``path`` as it was delivered."""

    path: str
    reason: str


class Counts(BaseModel):
    """What a live session has written: rows as they came, bars as they are in the store.

    Attributes
    ----------
    row_count, ignored_count, refused_count
        Rows delivered; of them those of symbols that are not the session's, and those that could not be taken.
    refused_file_count
        Files of which nothing could be taken.
    inserted_count, revised_count, deleted_count, closed_count, filled_count
        Base bars new, changed and gone; derived bars new; base bars that a history gave.
    """

    row_count: int = 0
    ignored_count: int = 0
    refused_count: int = 0
    refused_file_count: int = 0
    inserted_count: int = 0
    revised_count: int = 0
    deleted_count: int = 0
    closed_count: int = 0
    filled_count: int = 0


class LiveStatus(Counts):
    """Where a live session is.

    Attributes
    ----------
    connected
        Whether the feed is there.
    cursor
        The end of the newest base bar, or the newest trade, in UTC.
    lag_seconds
        How far that is behind the clock.
    position
        Where the feed goes on after what is committed.
    backlog_rows
        Rows delivered and not written yet.
    refused_files
        The first of the files of which nothing could be taken, each with the reason.
    broken_count
        How often the feed broke off, or could not be reached.
    """

    name: str
    feed: str
    run_id: int | None = None
    state: Literal["starting", "running", "stopped", "done", "failed"] = "starting"
    connected: bool = False
    symbol_count: int = 0
    cursor: datetime | None = None
    lag_seconds: float | None = None
    position: Mapping[str, Any] | None = None
    backlog_rows: int = 0
    refused_files: tuple[RefusedFile, ...] = ()
    broken_count: int = 0
    last_error: str | None = None

    def set_counts(self, counts: Counts) -> None:
        """Take over what the writer has counted."""
        for name, value in counts.model_dump().items():
            setattr(self, name, value)
