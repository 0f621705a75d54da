"""What a shard has to do, and what came of it: texts that go to any machine and come back."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from barhouse.coordinator.jobs.config import JobConfig
from barhouse.coordinator.jobs.job_share import JobShare
from barhouse.coordinator.jobs.report import JobReport
from barhouse.coordinator.sources.path_patterns import FoundFile
from barhouse.store.model.symbol_range import SymbolRange


class ShardMessage(BaseModel):
    """A text between machines."""

    model_config = ConfigDict(frozen=True)


class Generation(ShardMessage):
    """A store's file, as it was published; no other has its name, and it never changes.

    Attributes
    ----------
    number
        Counted from 1, of each shard by itself.
    file
        Its name in the folder of stores.
    digest
        Of its bytes, by SHA-256.
    """

    number: int
    file: str
    size_bytes: int
    digest: str


class SharedFile(ShardMessage):
    """A file that every machine has by the same path; see ``FoundFile``."""

    path: Path
    symbol: str | None
    interval: str | None
    first_date: date | None
    last_date: date | None
    symbol_given: str | None


class ShardFiles(ShardMessage):
    """Files that one pattern of a source found for a shard."""

    source: int
    pattern: int
    files: tuple[SharedFile, ...]

    def found(self) -> tuple[FoundFile, ...]:
        """The same as whoever found them had them."""
        return tuple(FoundFile(**one.model_dump()) for one in self.files)


class ShardTask(ShardMessage):
    """A run of one shard.

    Attributes
    ----------
    generation
        The file that the run begins with; None: with an empty store.
    job, folder
        The job file's tables, and where its paths start from.
    stores, data, scratch
        The folders of stores' files, of the lake's files, and of this machine's work.
    """

    shard: int
    first_symbol: str | None
    end_symbol: str | None
    generation: Generation | None
    batch_id: int = Field(description="the newest batch that was published; 0 before the first")
    job: dict[str, Any]
    folder: Path
    files: tuple[ShardFiles, ...] = ()
    stores: str
    data: str
    scratch: Path

    @property
    def symbols(self) -> SymbolRange:
        """Whose bars the shard holds."""
        return SymbolRange(self.first_symbol, self.end_symbol)

    def config(self) -> JobConfig:
        """The job."""
        return JobConfig.model_validate(self.job).within(self.folder)

    def share(self) -> JobShare:
        """What of the job is the shard's."""
        return JobShare(self.symbols, {(one.source, one.pattern): one.found() for one in self.files})


class RowChange(ShardMessage):
    """What a run changed of one of the lake's tables.

    Attributes
    ----------
    gone
        A file, in the folder of stores, with the keys of rows that go; None: no row goes.
    come
        A file with rows that come: of large tables in the folder of the lake's files, of others in that of stores.
    """

    gone: str | None = None
    gone_count: int = 0
    come: str | None = None
    come_count: int = 0


class StagedShard(ShardMessage):
    """A file of a shard that may be published, and how the lake follows it.

    Attributes
    ----------
    after
        The number of the file that the run began with; 0 for none. No other may have been published since.
    anew
        Whether the lake's rows of the shard all go before these come.
    """

    shard: int
    after: int
    generation: Generation
    batch_id: int
    bar_count: int
    revision_count: int
    changes: dict[str, RowChange]
    anew: bool = False


class ShardResult(ShardMessage):
    """What came of a run of a shard.

    Attributes
    ----------
    staged
        None when nothing changed, or its bars are not right.
    intervals
        Those that any of its symbols has.
    """

    shard: int
    report: JobReport | None
    staged: StagedShard | None
    intervals: tuple[str, ...] = ()
