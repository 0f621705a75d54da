"""What a job did, or would do, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from barhouse.coordinator.cli.sentences.copies import copied, exported
from barhouse.coordinator.cli.sentences.deletion import purged
from barhouse.coordinator.cli.sentences.derivation import processed
from barhouse.coordinator.cli.sentences.registration import registered
from barhouse.coordinator.cli.sentences.verification import verified
from barhouse.store.model.quality import shown_pct
from barhouse.store.model.words import agreeing, counted

if TYPE_CHECKING:
    from barhouse.coordinator.jobs.job import JobCheck
    from barhouse.coordinator.jobs.report import FileProblem, JobReport

_SHOWN = 10
_LISTED = 5


def ran(report: JobReport) -> str:
    """Say what a job did, what somebody should look at, and how it ended."""
    lines = [_head(report)]
    if report.registered:
        lines.append(registered(report.registered))
    if report.files_loaded:
        lines.append(_loaded(report))
    lines.append(processed(report.processed))
    if report.touched.expected:
        lines.append(_touched(report))
    if report.verified is not None:
        # That the history is checked with the whole store only goes without saying here.
        lines.append(verified(report.verified.model_copy(update={"batches_checked": True})))
    if report.retention is not None and report.retention.batch_id is not None:
        lines.append(purged(report.retention))
    if report.published is not None:
        lines.append(copied(report.published, "published"))
    if report.exported is not None:
        lines.append(exported(report.exported))
    if report.shards:
        lines.append(_shards(report))
    lines += _problems(report.problems)
    lines += [f"  not registered: {reason}" for reason in report.not_registered]
    for reject in report.rejects[:_SHOWN]:
        lines.append(f"  {reject.source}: {reject.count:,} rejected: {reject.reason}; first: {reject.first_given}")
    if report.behind:
        listed = [f"{symbol} ({last or 'no bars'})" for symbol, last in report.behind.items()]
        lines.append(f"  behind the others: {_listed(listed)}")
    lines += [f"  {breach}" for breach in report.breaches]
    lines.append(_ending(report))
    return "\n".join(lines)


def _shards(report: JobReport) -> str:
    """Say what became of how many shards; their own reports are in the JSON."""
    states = Counter(shard.state for shard in report.shards)
    return (
        f"{counted(len(report.shards), 'shard')}: {', '.join(f'{count:,} {state}' for state, count in states.items())}"
    )


def _head(report: JobReport) -> str:
    known = f"{report.files_known:,} known" if report.files_known else "none known"
    went_on = f", going on with run {report.run_id}, which was cut short" if report.continued else ""
    passed = f", {report.files_passed_over:,} passed over" if report.files_passed_over else ""
    found = f"{counted(report.files_found, 'file')}, {known}, {report.files_loaded:,} loaded{passed}"
    return f"job {report.job} into {report.store}: {found}{went_on}"


def _loaded(report: JobReport) -> str:
    rows = report.rows
    deleted = f", {rows.deleted:,} deleted" if rows.deleted else ""
    return (
        f"loaded {rows.inserted:,} new, {rows.revised:,} revised, {rows.unchanged:,} unchanged, "
        f"{rows.rejected:,} rejected{deleted}"
    )


def _touched(report: JobReport) -> str:
    touched = report.touched
    if not touched.missing:
        return f"complete: all {counted(touched.expected, 'base bar')} of the sessions touched"
    worst = shown_pct(touched.worst_quality_pct or 0.0)
    missing = f"{touched.missing:,} of {counted(touched.expected, 'base bar')} {agreeing(touched.missing, 'is', 'are')}"
    return (
        f"{missing} missing from the sessions touched, in "
        f"{counted(touched.gaps, 'gap')}; worst is {touched.worst_symbol} with {worst:g}%"
    )


def _problems(problems: Sequence[FileProblem]) -> list[str]:
    lines = [f"  {problem.path}: {problem.kind}: {problem.what}" for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"  and {counted(len(problems) - _SHOWN, 'more problem')}; the JSON report has all")
    return lines


def _ending(report: JobReport) -> str:
    if report.outcome != "done":
        return f"done, but: {report.verdict()}"
    return "done" if report.changed else "done, nothing was new"


def checked(report: JobCheck) -> str:
    """Say what a job would do."""
    place = report.store if report.store_exists else f"{report.store}, which is not there yet"
    lines = [
        f"job {report.job} is valid; its store is {place}",
        f"{counted(report.files_found, 'file')}, {report.files_known:,} known",
    ]
    for registration in report.registrations:
        derived = f", {' '.join(registration.derived_intervals)} derived" if registration.derived_intervals else ""
        lines.append(
            f"would have {_listed(registration.symbols)}: {registration.calendar}, "
            f"{registration.base_interval} loaded{derived}"
        )
    for load in report.loads:
        files = counted(load.file_count, "file")
        lines.append(f"would load {files} of {load.source}: {load.interval} bars of {_listed(load.symbols)}")
    if not report.loads:
        lines.append("would load nothing: nothing is new")
    lines += _problems(report.problems)
    lines += [f"  cannot be registered: {reason}" for reason in report.not_registered]
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
