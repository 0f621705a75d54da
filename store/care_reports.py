"""What looking after a store reports: copies made of it, taken back, and handed out as files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from store.models import VerifyReport


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class CopyReport(_Report):
    """What became of a published snapshot, or of a backup."""

    target: Path = Field(description="the file that names the newest copy")
    written: bool = Field(description="False: nothing has changed since the copy that is there was made")
    batch_id: int | None = Field(description="the newest batch in it; None before the first")
    committed_at: datetime | None = Field(description="when that was committed, in UTC")
    size_bytes: int
    older: tuple[Path, ...] = Field(default=(), description="the older copies kept beside it, newest first")
    removed: tuple[Path, ...] = Field(default=(), description="older copies that were one too many")
    verified: VerifyReport | None = Field(default=None, description="what verify found in the copy, where it was asked")


class RestoreReport(_Report):
    """What became of a store that a backup was to take the place of."""

    path: Path
    written: bool = Field(description="False: the store is as the backup is")
    batch_id: int | None = Field(description="the newest batch in the backup; None before the first")
    committed_at: datetime | None
    replaced: Path | None = Field(description="where the file is that was there before; None without one")
    verified: VerifyReport


class ExportReport(_Report):
    """What an export wrote; a partition is one symbol, interval and month, in a file of its own."""

    folder: Path
    format: str
    batch_id: int | None = Field(description="the store's newest batch, which the folder is up to date with")
    written: int = Field(description="partitions that were new or had changed")
    rows: int = Field(description="bars in those")
    unchanged: int
    removed: int = Field(description="partitions that the store has no bars of any more")
    given_up: int = Field(description="partitions left as they are because retention took their bars from the store")
