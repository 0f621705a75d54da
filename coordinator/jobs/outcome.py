"""What a run of a job touched, whether it verifies, and whether it is within the job's thresholds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from barhouse.coordinator.jobs.config import JobConfig, Thresholds
from barhouse.coordinator.jobs.job_plan import Progress, group_of
from barhouse.coordinator.jobs.report import JobReport, LoadedRows, Outcome, RejectedRows, Touched
from barhouse.store.model.quality import shown_pct
from barhouse.store.model.reports import VerifyReport
from barhouse.store.session_store import SessionStore


def verified(store: SessionStore, config: JobConfig, after: int, progress: Progress) -> VerifyReport | None:
    """Compute the touched sessions of the touched symbols again and compare; None when there are none."""
    if not config.process.verify:
        return None
    with store.reading() as transaction:
        found = transaction.one("jobs.touched", {"after": after})
    if not found.symbols or found.first_date is None:
        return None
    return store.verify(
        sorted(found.symbols),
        start=found.first_date,
        end=found.last_date + timedelta(days=1),
        progress=lambda done, total: progress("verifying", done, total),
    )


def touched(store: SessionStore, config: JobConfig, after: int) -> dict[str, Any]:
    """What the batches after one wrote, as the fields of a report."""
    with store.reading() as transaction:
        since = {"after": after}
        counts = transaction.one("jobs.load_counts", since)
        rejects = transaction.run("jobs.rejects", since)
        by_symbol = transaction.run("jobs.touched_quality", since)
        loaded = [row.symbol for row in transaction.run("jobs.symbols_loaded")]
        own = [symbol for symbol in loaded if group_of(symbol, config.symbols)]
        behind = transaction.run("jobs.behind", {"symbols": own})
    quality = {row.symbol: 100 * row.present_count / row.expected_count for row in by_symbol if row.expected_count}
    worst = min(quality, key=lambda symbol: quality[symbol], default=None)
    return {
        "rows": LoadedRows(**{name: getattr(counts, name) for name in LoadedRows.model_fields}),
        "rejects": tuple(
            RejectedRows(source=row.source, reason=row.reason, count=row.row_count, first_given=row.first_given)
            for row in rejects
        ),
        "touched": Touched(
            expected=sum(row.expected_count for row in by_symbol),
            present=sum(row.present_count for row in by_symbol),
            gaps=sum(row.gap_count for row in by_symbol),
            worst_symbol=worst,
            worst_quality_pct=None if worst is None else quality[worst],
        ),
        "behind": dict(behind),
    }


def judged(report: JobReport, thresholds: Thresholds) -> JobReport:
    """The report with its outcome."""
    breaches = _breaches(report, thresholds)
    outcome: Outcome = "done"
    if breaches or any(problem.kind == "repeated rows" for problem in report.problems):
        outcome = "past thresholds"
    if report.not_registered or any(problem.kind != "repeated rows" for problem in report.problems):
        outcome = "files failed"
    if report.verified is not None and not report.verified.sound:
        outcome = "differences"
    return report.model_copy(update={"outcome": outcome, "breaches": tuple(breaches)})


def _breaches(report: JobReport, thresholds: Thresholds) -> list[str]:
    found = []
    for what, count, name in (
        ("rows rejected", report.rows.rejected, "max_rejected"),
        ("gaps in the sessions touched", report.touched.gaps, "max_gaps"),
        ("base bars missing from the sessions touched", report.touched.missing, "max_missing"),
        ("symbols behind others", len(report.behind), "max_behind"),
    ):
        most = getattr(thresholds, name)
        if most is not None and count > most:
            found.append(f"{what}: {count:,}; {name} is {most:,}")
    worst, least = report.touched.worst_quality_pct, thresholds.min_quality_pct
    if worst is not None and least is not None and worst < least:
        found.append(
            f"quality of {report.touched.worst_symbol} is {shown_pct(worst):g}; min_quality_pct is {least:.15g}"
        )
    return found
