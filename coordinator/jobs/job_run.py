"""A nightly job: find new files, register, load, derive, verify, account for it; one run, from wherever it stands.

Each group of files is one transaction, which also says in the run's record how far the run has come. A run that is
cut short is taken up by the next: what is loaded stays, and reports, checks and thresholds cover both together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Any

from barhouse.coordinator.data_processor import DataProcessor
from barhouse.coordinator.jobs import job_registration
from barhouse.coordinator.jobs.config import JobConfig
from barhouse.coordinator.jobs.job_plan import GROUP_BYTES, GROUP_FILES, JobPlan, Progress, Waiting, plan, resolved
from barhouse.coordinator.jobs.job_share import JobShare
from barhouse.coordinator.jobs.maintenance import looked_after
from barhouse.coordinator.jobs.other_names import OtherNames
from barhouse.coordinator.jobs.outcome import judged, touched, verified
from barhouse.coordinator.jobs.report import FileProblem, JobReport
from barhouse.coordinator.load.door import Loaded, load_source
from barhouse.coordinator.load.scratch import scratch_of
from barhouse.coordinator.session_coordinator import SessionCoordinator
from barhouse.coordinator.sources.far_files import FarFiles, far_files
from barhouse.store.database.failures import is_interrupt
from barhouse.store.database.transaction import TemporaryTable, Transaction
from barhouse.store.errors import InputError, RegistrationError, SourceError
from barhouse.store.model.interval import Interval
from barhouse.store.model.reports import Registration
from barhouse.store.model.words import agreeing, counted
from barhouse.store.records import run
from barhouse.store.session_store import SessionStore

log = logging.getLogger("barhouse.job")

#: Problems that a run's record keeps for the report of whoever finishes it.
_KEPT_PROBLEMS = 200


@dataclass(slots=True)
class _Job:
    """A run of a job, on its way."""

    store: SessionStore
    config: JobConfig
    run_id: int
    continued: bool
    after: int  # the newest batch before the run
    cursor: datetime | None
    files_loaded: int = 0
    files_passed_over: int = 0
    problems: list[FileProblem] = field(default_factory=list)

    @property
    def position(self) -> dict[str, Any]:
        return {
            "after": self.after,
            "files_loaded": self.files_loaded,
            # Files that failed are tried again, and told again if they fail again.
            "problems": [problem.model_dump() for problem in self.problems if problem.kind != "failed"][
                :_KEPT_PROBLEMS
            ],
        }


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def run_nightly(
    store: SessionStore, config: JobConfig, progress: Progress | None, share: JobShare | None = None
) -> JobReport:
    """Run a job, or a share of it, on an open store; see ``run_job``."""
    config = config.spelled(store.spelling)
    started_at = store.now()
    coordinator = SessionCoordinator(store, grace=config.grace())
    job = None
    try:
        with store.transaction() as transaction:
            job = _begin(transaction, store, config)
        with far_files(scratch_of(store)) as far:
            report = _carry_out(job, coordinator, progress or _silent, started_at, far, share)
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt) or is_interrupt(error)
        if job is not None:  # it may have come right after the beginning was written down
            state: run.End = "stopped" if stopped else "failed"
            with suppress(Exception), store.transaction() as transaction:
                run.end(transaction, job.run_id, state, str(error) or type(error).__name__)
        raise
    with store.transaction() as transaction:
        run.end(transaction, job.run_id, "done")
    return report


def _begin(transaction: Transaction, store: SessionStore, config: JobConfig) -> _Job:
    """Take up the job's last run when it ended early, or begin one."""
    asked = config.model_dump(mode="json", exclude_unset=True)
    run.recover(transaction)
    before = next(iter(run.runs(transaction, mode="nightly", name=config.name)), None)
    cursor = None if before is None else before.cursor
    if before is not None and before.state not in ("done", "closed", "running") and before.position is not None:
        same = before.config == asked
        log.warning(
            "run %d of job %s %s; %s",
            before.run_id,
            config.name,
            before.state,
            "going on" if same else "the job differs now",
        )
        if same:
            run.take_up(transaction, before.run_id)
            left = before.position
            problems = [FileProblem(**problem) for problem in left["problems"]]
            return _Job(
                store, config, before.run_id, True, left["after"], before.cursor, left["files_loaded"], 0, problems
            )
    newest = transaction.one("records.newest_batch").batch_id
    begun = run.begin(
        transaction,
        "nightly",
        config.name,
        asked,
        cursor=cursor,
        position={"after": newest, "files_loaded": 0, "problems": []},
    )
    return _Job(store, config, begun.run_id, False, newest, cursor)


def _carry_out(
    job: _Job,
    coordinator: SessionCoordinator,
    progress: Progress,
    started_at: datetime,
    far: FarFiles,
    share: JobShare | None,
) -> JobReport:
    store, config = job.store, job.config
    for definition in config.definitions():
        coordinator.define_calendar(definition)
    for name, corrections in config.corrections().items():
        coordinator.correct_calendar(name, **corrections)
    loaded_before = job.files_loaded  # by the part of the run that was cut short
    planned = plan(store, config, progress, far, share)
    log.info("%s: %d known, %d to load", counted(planned.found, "file"), planned.known, len(planned.waiting))
    registered, missing = _register(store, config, planned, share)
    _load(job, planned, progress)
    processor = DataProcessor(store, grace=config.grace(), chunk_symbols=config.process.chunk_symbols)
    processed = processor.process(progress=lambda done, total: progress("deriving", done, total))
    proof = verified(store, config, job.after, progress)
    report = JobReport(
        job=config.name,
        store=str(store.path or ":memory:"),
        run_id=job.run_id,
        outcome="done",
        continued=job.continued,
        files_found=planned.found,
        files_known=planned.known - loaded_before,
        files_loaded=job.files_loaded,
        files_passed_over=job.files_passed_over,
        registered=tuple(registered),
        not_registered=tuple(missing),
        problems=(*planned.problems, *job.problems),
        processed=processed,
        verified=proof,
        started_at=started_at,
        **touched(store, config, job.after),
        **looked_after(
            coordinator, store, config, progress, sound=proof is None or proof.sound, is_share=share is not None
        ),
        ended_at=store.now(),
    )
    return judged(report, config.thresholds)


def _register(
    store: SessionStore, config: JobConfig, planned: JobPlan, share: JobShare | None
) -> tuple[list[Registration], list[str]]:
    """Register what can be: all groups in one transaction."""
    with store.transaction() as transaction:
        enrolled = job_registration.determine(transaction, config, planned, None if share is None else share.symbols)
        missing = [failure for group in enrolled for failure in group.failures]
        if missing and config.on_missing == "raise":
            raise RegistrationError("nothing was registered: " + "; ".join(missing))
        done = job_registration.write(transaction, enrolled, config.grace())
        if share is None:  # others may have what this one has not
            job_registration.refuse_unknown(transaction, config)
    new = [registered for registered in done if registered.added]
    for registered in new:
        log.info("registered %s: %s", registered.symbol, " ".join(registered.added))
    for failure in missing:
        log.warning("not registered: %s", failure)
    return new, missing


def _load(job: _Job, planned: JobPlan, progress: Progress) -> None:
    with job.store.reading() as transaction:
        bases = {row.symbol: row.interval for row in transaction.run("jobs.symbols_loaded")}
    wanted = [
        (waiting, interval)
        for waiting in planned.waiting
        if (interval := _interval_for(job, waiting, bases, planned.names)) is not None
    ]
    done = 0
    if wanted:
        progress("loading", done, len(wanted))
    for group, interval in _groups(wanted):
        _load_group(job, group, Interval.parse(interval), planned.names)
        done += len(group)
        progress("loading", done, len(wanted))


def _interval_for(job: _Job, waiting: Waiting, bases: dict[str, str], names: OtherNames) -> str | None:
    """The interval to load a file with; None when none of its symbols is loaded with that."""
    vendor = waiting.reader.options.vendor
    own = {bases[symbol] for name in waiting.symbols for symbol in names.means(name, vendor) if symbol in bases}
    interval = resolved(waiting, next(iter(own)) if len(own) == 1 else None)
    if interval in own:
        return interval
    if own and waiting.reader.stated(waiting.file) is None:
        listed = ", ".join(waiting.symbols[:3])
        _note(
            job, waiting, "failed", f"holds {interval} bars of {listed}, which are loaded with {', '.join(sorted(own))}"
        )
    else:
        job.files_passed_over += 1
    return None


def _groups(wanted: Sequence[tuple[Waiting, str]]) -> Iterator[tuple[list[Waiting], str]]:
    """Files that are read alike, one after the other, so many at a time that memory suffices."""
    for (_, interval), alike in groupby(wanted, key=lambda pair: (id(pair[0].reader), pair[1])):
        group: list[Waiting] = []
        size_bytes = 0
        for waiting, _ in alike:
            size = waiting.file.size_bytes
            if group and (len(group) == GROUP_FILES or size_bytes + size > GROUP_BYTES):
                yield group, interval
                group, size_bytes = [], 0
            group.append(waiting)
            size_bytes += size
        yield group, interval


class _LookCloserError(InputError):
    """Something about a group of files that only shows which file it is when each is loaded by itself."""


def _load_group(job: _Job, group: list[Waiting], interval: Interval, names: OtherNames) -> None:
    """Load files in one transaction; when something is wrong, by halves, until it shows with which."""
    reader = group[0].reader
    before = len(job.problems)
    try:
        source = reader.open([reading.file for reading in group])
        with job.store.transaction() as transaction:
            loaded = load_source(transaction, source, reader.symbol, interval, reader.options)
            report = loaded.report
            _check(transaction, job, group, loaded, names)
            job.files_loaded += len(group)
            cursor = max(filter(None, (job.cursor, report.last_bar_end)), default=None)
            run.advance(transaction, job.run_id, cursor, job.position)
        job.cursor = cursor
    except InputError as error:
        del job.problems[before:]
        if len(group) > 1:
            middle = len(group) // 2
            _load_group(job, group[:middle], interval, names)
            _load_group(job, group[middle:], interval, names)
        else:
            _note(job, group[0], "failed", str(error))
        return
    log.info(
        "loaded %s: %s, %s new, %s revised, %s rejected",
        report.source,
        counted(report.rows, "row"),
        f"{report.inserted:,}",
        f"{report.revised:,}",
        f"{report.rejected:,}",
    )


def _check(transaction: Transaction, job: _Job, group: list[Waiting], loaded: Loaded, names: OtherNames) -> None:
    """Refuse files that are not what they seem, and note what is odd; of several files, look closer instead."""
    report = loaded.report
    config, alone = group[0].reader.config, len(group) == 1
    if not alone and (report.rejected or report.repeated):
        raise _LookCloserError("some rows are odd")
    if alone and not report.rows:
        raise SourceError(f"{report.source} holds no bars")
    taken = report.rows - report.rejected
    most = config.outside_pct_allowed
    if taken and most < 100 and 100 * report.outside / taken > most / len(group):
        lie = agreeing(report.outside, "lies", "lie")
        raise SourceError(
            f"{report.outside} of {counted(taken, 'bar')} {lie} outside the sessions of their calendar, as when "
            f"the time zone is wrong; check timezone, timestamp_format and label, or say max_outside_pct = 100 "
            f"if they are meant to"
        )
    if loaded.bar_counts is not None:  # of a file that was known they were looked at before
        _check_dates(transaction, group, loaded.bar_counts, names)
    if report.repeated:
        come = agreeing(report.repeated, "comes", "come")
        _note(job, group[0], "repeated rows", f"{counted(report.repeated, 'row')} {come} again with the same values")


def _check_dates(transaction: Transaction, group: list[Waiting], bar_counts: TemporaryTable, names: OtherNames) -> None:
    """A path that names a day or a month must have bars of it."""
    if all(reading.file.first_date is None for reading in group):
        return
    rows = transaction.run("jobs.dates_held", bar_counts=bar_counts)
    by_symbol: dict[str, set[date]] = {}
    for symbol, day in rows:
        if day is not None:
            by_symbol.setdefault(symbol, set()).add(day)
    for reading in group:
        first, last = reading.file.first_date, reading.file.last_date
        vendor = reading.reader.options.vendor
        symbols = {symbol for name in reading.symbols for symbol in names.means(name, vendor)}
        held = sorted(set().union(*(by_symbol.get(symbol, ()) for symbol in symbols)))
        if first is None or last is None or not held or any(first <= day <= last for day in held):
            continue
        named = f"{first}" if first == last else f"{first:%Y-%m}"
        span = f"{held[0]}" if held[0] == held[-1] else f"{held[0]} to {held[-1]}"
        raise SourceError(f"{reading.reader.shown(reading.file.path)} is named for {named} but holds bars of {span}")


def _note(job: _Job, waiting: Waiting, kind: Any, what: str) -> None:
    job.problems.append(FileProblem(path=waiting.reader.shown(waiting.file.path), kind=kind, what=what))
    log.warning("%s: %s", job.problems[-1].path, what)
