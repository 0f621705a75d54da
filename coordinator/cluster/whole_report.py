"""One report for a job over many shards, of those of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from barhouse.coordinator.jobs.config import JobConfig
from barhouse.coordinator.jobs.outcome import judged
from barhouse.coordinator.jobs.report import (
    FileProblem,
    JobReport,
    LoadedRows,
    RejectedRows,
    ShardReport,
    Touched,
)
from barhouse.store.model.reports import (
    IntervalChange,
    ProcessReport,
    RetainedInterval,
    RetentionReport,
    VerifyReport,
)

#: As many kinds of rejected rows as the report of one store has, and as many differences.
_KINDS, _DIFFERENCES = 20, 100


def whole_report(
    config: JobConfig,
    shards: Sequence[ShardReport],
    missing: Sequence[FileProblem],
    *,
    lake: str,
    snapshot: int,
    behind: dict[str, date | None],
    started_at: datetime,
    ended_at: datetime,
) -> JobReport:
    """Sum up what shards did, and judge it by the thresholds of the job.

    Parameters
    ----------
    missing
        What of the job's files is not there, which no shard can tell.
    behind
        Symbols whose bars end before others' of any shard, and in which session.
    """
    reports = [shard.report for shard in shards]
    found = [problem for report in reports for problem in report.problems]
    report = JobReport(
        job=config.name,
        store=lake,
        run_id=snapshot,
        outcome="done",
        continued=any(report.continued for report in reports),
        files_found=sum(report.files_found for report in reports),
        files_known=sum(report.files_known for report in reports),
        files_loaded=sum(report.files_loaded for report in reports),
        files_passed_over=sum(report.files_passed_over for report in reports),
        registered=tuple(one for report in reports for one in report.registered),
        not_registered=tuple(dict.fromkeys(one for report in reports for one in report.not_registered)),
        rows=LoadedRows(**{name: sum(getattr(one.rows, name) for one in reports) for name in LoadedRows.model_fields}),
        rejects=_rejects(reports),
        problems=tuple(dict.fromkeys([*missing, *found])),
        processed=_processed(reports),
        touched=_touched(reports),
        behind=behind,
        verified=_verified(reports),
        retention=_retention(reports),
        published=None,
        exported=None,
        started_at=started_at,
        ended_at=ended_at,
        shards=tuple(shards),
    )
    return judged(report, config.thresholds)


def _rejects(reports: Iterable[JobReport]) -> tuple[RejectedRows, ...]:
    first: dict[tuple[str, str], RejectedRows] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for one in (reject for report in reports for reject in report.rejects):
        first.setdefault((one.source, one.reason), one)
        counts[one.source, one.reason] += one.count
    ordered = sorted(counts, key=lambda kind: (-counts[kind], kind))[:_KINDS]
    return tuple(first[kind].model_copy(update={"count": counts[kind]}) for kind in ordered)


def _processed(reports: Iterable[JobReport]) -> ProcessReport:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    batches: list[int] = []
    for processed in (report.processed for report in reports):
        batches += processed.batches
        for one in processed.intervals:
            sums[one.interval].update(inserted=one.inserted, revised=one.revised, deleted=one.deleted)
    changes = (
        IntervalChange(interval=name, inserted=count["inserted"], revised=count["revised"], deleted=count["deleted"])
        for name, count in sums.items()
    )
    return ProcessReport(batches=tuple(batches), intervals=tuple(changes))


def _touched(reports: Iterable[JobReport]) -> Touched:
    parts = [report.touched for report in reports]
    worst = min(
        (part for part in parts if part.worst_quality_pct is not None),
        key=lambda part: (part.worst_quality_pct, part.worst_symbol),
        default=None,
    )
    return Touched(
        expected=sum(part.expected for part in parts),
        present=sum(part.present for part in parts),
        gaps=sum(part.gaps for part in parts),
        worst_symbol=None if worst is None else worst.worst_symbol,
        worst_quality_pct=None if worst is None else worst.worst_quality_pct,
    )


def _verified(reports: Iterable[JobReport]) -> VerifyReport | None:
    parts = [report.verified for report in reports if report.verified is not None]
    if not parts:
        return None
    totals: Counter[str] = Counter()
    for part in parts:
        totals.update(part.totals)
    counts = ("symbol_count", "interval_count", "base_bar_count", "derived_bar_count", "session_count")
    return VerifyReport(
        **_summed(parts, counts),
        batches_checked=all(part.batches_checked for part in parts),
        differences=tuple([one for part in parts for one in part.differences][:_DIFFERENCES]),
        totals=dict(totals),
    )


def _summed(parts: Sequence[VerifyReport], names: Iterable[str]) -> dict[str, Any]:
    return {name: sum(getattr(part, name) for part in parts) for name in names}


def _retention(reports: Iterable[JobReport]) -> RetentionReport | None:
    parts = [report.retention for report in reports if report.retention is not None]
    if not parts:
        return None
    retained: dict[str, RetainedInterval] = {}
    for one in (one for part in parts for one in part.intervals):
        so_far = retained.get(one.interval)
        retained[one.interval] = (
            one
            if so_far is None
            else RetainedInterval(
                interval=one.interval,
                symbol_count=so_far.symbol_count + one.symbol_count,
                deleted=so_far.deleted + one.deleted,
                retained_from=min(so_far.retained_from, one.retained_from),
            )
        )
    return RetentionReport(
        batch_id=next((part.batch_id for part in parts if part.batch_id is not None), None),
        intervals=tuple(retained.values()),
        revisions=sum(part.revisions for part in parts),
        history_from=max((part.history_from for part in parts if part.history_from is not None), default=None),
        held_back=tuple(name for part in parts for name in part.held_back),
    )
