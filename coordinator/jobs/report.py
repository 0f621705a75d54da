"""What a job did, for whoever scheduled it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from barhouse.store.errors import JobError
from barhouse.store.model.reports import (
    CopyReport,
    ExportReport,
    ProcessReport,
    Registration,
    Report,
    RetentionReport,
    VerifyReport,
)

Outcome = Literal["done", "past thresholds", "files failed", "differences"]


class FileProblem(Report):
    """Something about a file that somebody should look at."""

    path: str = Field(description="seen from the job file's folder; where no file matches, the pattern")
    kind: Literal["failed", "missing", "no folder", "repeated rows", "unknown symbol"] = Field(
        description="failed: nothing of it was loaded; of the others the rest was"
    )
    what: str


class LoadedRows(Report):
    """What the loads of a run came to, in rows; see ``LoadReport``."""

    inserted: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    deleted: int = 0


class RejectedRows(Report):
    """Rows that were left out for one reason, with the first of them as it was given."""

    source: str
    reason: str
    count: int
    first_given: str


class Touched(Report):
    """The sessions whose base bars the run wrote, and those right before them of which nothing came."""

    expected: int = 0
    present: int = 0
    gaps: int = 0
    worst_symbol: str | None = None
    worst_quality_pct: float | None = None

    @property
    def missing(self) -> int:
        """Bars that are not there."""
        return self.expected - self.present


class ShardReport(Report):
    """What a run did with one shard."""

    shard: int
    first_symbol: str | None = Field(description="the first symbol it holds; None: there is no bound")
    end_symbol: str | None = Field(description="the first symbol after those it holds; None: there is no bound")
    state: Literal["published", "nothing new", "another run was first", "held back"] = Field(
        description="held back: its bars, or those of another shard, are not as recomputed, so nothing was published"
    )
    generation: int = Field(description="the number of its store's file that counts now; 0 before the first")
    report: JobReport = Field(description="as if the shard were a job of its own")


class JobReport(Report):
    """What a run of a job did.

    ``outcome`` is the worst that holds: ``differences`` (verify found some), ``files failed`` (or there are none for a
    source or symbol), ``past thresholds``, or ``done``.
    """

    job: str
    store: str = Field(description="the store's file, or the address of the lake")
    run_id: int = Field(description="of the store; of a lake the number of its newest snapshot")
    outcome: Outcome
    continued: bool = Field(description="whether it finished a run that was cut short; counts are of both together")
    files_found: int
    files_known: int = Field(description="files loaded before and not changed since")
    files_loaded: int
    files_passed_over: int = Field(description="files of other intervals than those that are loaded")
    registered: tuple[Registration, ...] = Field(description="symbols that were new, or got new intervals")
    not_registered: tuple[str, ...] = Field(description="why symbols that are wanted could not be registered")
    rows: LoadedRows
    rejects: tuple[RejectedRows, ...] = Field(description="the first 20 kinds")
    problems: tuple[FileProblem, ...]
    processed: ProcessReport
    touched: Touched
    behind: dict[str, date | None] = Field(description="symbols whose bars end before others', and in which session")
    verified: VerifyReport | None = Field(description="None when nothing was touched, or the job does not ask for it")
    retention: RetentionReport | None = Field(description="None when the job keeps everything")
    published: CopyReport | None = Field(description="None when the job publishes nothing, or not yet again")
    exported: ExportReport | None = Field(description="None when the job exports nothing")
    breaches: tuple[str, ...] = Field(default=(), description="thresholds that were passed, in words")
    started_at: datetime
    ended_at: datetime
    shards: tuple[ShardReport, ...] = Field(default=(), description="of a job with [cluster], in the order of symbols")

    @property
    def changed(self) -> bool:
        """Whether the run wrote anything about bars."""
        purged = self.retention is not None and self.retention.batch_id is not None
        return bool(self.files_loaded or self.registered or self.processed.batches or purged)

    def check(self) -> JobReport:
        """Return the report when everything is done.

        Raises
        ------
        JobError
            When files failed, a threshold was passed or bars differ; its ``report`` is this one.
        """
        if self.outcome == "done":
            return self
        raise JobError(f"job {self.job}: {self.verdict()}: {'; '.join(self.reasons()[:5])}", self)

    def verdict(self) -> str:
        """The outcome in words, which tell files that failed from files that are not there."""
        if self.outcome != "files failed":
            return self.outcome
        kinds = {problem.kind for problem in self.problems}
        words = {
            "failed": "files failed",
            "missing": "a source matched no file",
            "no folder": "the folder of a source is not there",
            "unknown symbol": "files hold symbols that the job does not name",
        }
        found = [said for kind, said in words.items() if kind in kinds]
        return ", ".join([*found, *["symbols could not be registered"] * bool(self.not_registered)])

    def reasons(self) -> list[str]:
        """Why the outcome is not ``done``, in words."""
        found = [str(difference) for difference in (self.verified.differences if self.verified else ())]
        found += [f"{problem.path}: {problem.what}" for problem in self.problems]
        return [*found, *self.not_registered, *self.breaches]
