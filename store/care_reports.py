"""What looking after a store reports: copies made of it, taken back, and handed out as files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from store.models import VerifyReport


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


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
