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
        symbols, first, last = transaction.one("nightly.touched", {"after": after})
    if not symbols or first is None:
        return None
    return store.verify(
        sorted(symbols),
        start=first,
        end=last + timedelta(days=1),
        progress=lambda done, total: progress("verifying", done, total),
    )


def touched(store: SessionStore, config: JobConfig, after: int) -> dict[str, Any]:
    """What the batches after one wrote, as the fields of a report."""
    with store.reading() as transaction:
        since = {"after": after}
        _, *counts = transaction.one("nightly.load_counts", since)
        rejects = transaction.run("nightly.rejects", since)
        by_symbol = transaction.run("nightly.touched_quality", since)
        own = [symbol for symbol, *_ in transaction.run("nightly.symbols_loaded") if group_of(symbol, config.symbols)]
        behind = transaction.run("nightly.behind", {"symbols": own})
    quality = {symbol: 100 * present / expected for symbol, expected, present, _ in by_symbol if expected}
    worst = min(quality, key=lambda symbol: quality[symbol], default=None)
    return {
        "rows": LoadedRows(**dict(zip(LoadedRows.model_fields, counts, strict=True))),
        "rejects": tuple(
            RejectedRows(source=source, reason=reason, count=count, first_given=given)
            for source, reason, count, given in rejects
        ),
        "touched": Touched(
            expected=sum(expected for _, expected, _, _ in by_symbol),
            present=sum(present for _, _, present, _ in by_symbol),
            gaps=sum(gaps for *_, gaps in by_symbol),
            worst_symbol=worst,
            worst_quality_pct=None if worst is None else quality[worst],
        ),
        "behind": dict(behind),
    }


def judged(report: JobReport, thresholds: Thresholds) -> JobReport:
    """The report with its outcome."""
    breaches = _breaches(report, thresholds)
    outcome: Outcome = "done"
    if breaches or any(one.kind == "repeated rows" for one in report.problems):
        outcome = "past thresholds"
    if report.not_registered or any(one.kind != "repeated rows" for one in report.problems):
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
