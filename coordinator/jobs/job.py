"""One call for a scheduler: a job file in, a report out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from barhouse.coordinator.jobs import job_registration
from barhouse.coordinator.jobs.config import JobConfig, read_config
from barhouse.coordinator.jobs.config_errors import JOB_FILE
from barhouse.coordinator.jobs.job_plan import Progress, plan, resolved
from barhouse.coordinator.jobs.job_run import run_nightly
from barhouse.coordinator.jobs.maintenance import followed
from barhouse.coordinator.jobs.report import FileProblem, JobReport
from barhouse.coordinator.load.scratch import scratch_of
from barhouse.coordinator.sources.far_files import far_files
from barhouse.store.database.store_options import refuse_other
from barhouse.store.errors import ConfigError, speaking
from barhouse.store.model.paths import expanded
from barhouse.store.records import trading_calendar
from barhouse.store.session_store import SessionStore, open_store


def run_over_one_store(
    job: JobConfig, *, store: str | Path | SessionStore | None = None, progress: Progress | None = None
) -> JobReport:
    """Run a job without ``[cluster]``; see ``run_job``."""
    if isinstance(store, SessionStore):
        refuse_other(store.spelling, job.case_sensitive, str(store.path or ":memory:"))
        with followed(store, job):
            return run_nightly(store, job, progress)
    with open_job_store(job, store) as opened, followed(opened, job):
        return run_nightly(opened, job, progress)


def open_job_store(job: JobConfig, store: str | Path | None = None) -> SessionStore:
    """Open the store of a job, or the one given rather than it, as the job says; it is made when it is not there."""
    return open_store(store_path(job, store), settings=job.settings or None, case_sensitive=job.case_sensitive)


def store_path(job: JobConfig, store: str | Path | None = None) -> Path:
    """The file of a job's store, or the one given rather than it.

    Raises
    ------
    ConfigError
        When there is neither.
    """
    if store is not None:
        return Path(store)
    if job.store is None:
        raise ConfigError('the job names no store; name one in it, such as store = "bars.duckdb", or beside it')
    return job.at(job.store)


class LoadCheck(BaseModel):
    """Files that a job would load."""

    model_config = ConfigDict(frozen=True)

    source: str
    interval: str
    symbols: tuple[str, ...]
    file_count: int


class RegistrationCheck(BaseModel):
    """Symbols that a job has or would register alike."""

    model_config = ConfigDict(frozen=True)

    symbols: tuple[str, ...]
    calendar: str
    base_interval: str
    derived_intervals: tuple[str, ...]


class JobCheck(BaseModel):
    """What a job would do: what would be registered and loaded, and what is wrong already."""

    model_config = ConfigDict(frozen=True)

    job: str
    store: str
    store_exists: bool
    files_found: int
    files_known: int = Field(description="files loaded before and not changed since")
    registrations: tuple[RegistrationCheck, ...]
    not_registered: tuple[str, ...]
    loads: tuple[LoadCheck, ...]
    problems: tuple[FileProblem, ...]


@speaking(JOB_FILE)
def check_job(
    config: str | Path | Mapping[str, Any] | JobConfig,
    *,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> JobCheck:
    """Say what a job would register and load, writing nothing; its store need not be there yet.

    Parameters and errors are those of ``run_job``.
    """
    job = read_config(config)
    if job.cluster is not None:
        raise ConfigError(
            "a dry run looks into one store, and a job with a [cluster] table has many; `barhouse cluster status` says "
            "what there is, and a run publishes all or nothing"
        )
    place = store_path(job, store)
    exists = expanded(place).exists()
    wanted = job.case_sensitive
    with (
        open_store(place, read_only=True, case_sensitive=wanted)
        if exists
        else open_store(":memory:", case_sensitive=wanted)
    ) as opened:
        return _checked(opened, job, place, exists, progress or (lambda *_: None))


def _checked(store: SessionStore, job: JobConfig, place: Path, exists: bool, progress: Progress) -> JobCheck:
    job = job.spelled(store.spelling)
    own = {name.casefold() for name in job.calendars}
    with store.reading() as transaction:
        trading_calendar.canonical(
            transaction, {symbol.calendar for symbol in job.symbols if symbol.calendar.strip().casefold() not in own}
        )
    with far_files(scratch_of(store)) as far:
        planned = plan(store, job, progress, far)
    with store.reading() as transaction:
        enrolled = job_registration.determine(transaction, job, planned)
    alike: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    bases: dict[str, str] = {}
    for group in enrolled:
        for symbol in group.symbols:
            bases[symbol.symbol] = symbol.base_interval
            alike.setdefault((symbol.calendar, symbol.base_interval, tuple(symbol.derived_intervals)), []).append(
                symbol.symbol
            )
    loads: dict[tuple[str, str], tuple[set[str], int]] = {}
    for waiting in planned.waiting:
        own_bases = {bases[name] for name in waiting.symbols if name in bases}
        interval = resolved(waiting, next(iter(own_bases)) if len(own_bases) == 1 else None)
        if interval in own_bases:
            names, count = loads.get((", ".join(waiting.reader.config.files), interval), (set(), 0))
            loads[", ".join(waiting.reader.config.files), interval] = (names | set(waiting.symbols), count + 1)
    return JobCheck(
        job=job.name,
        store=str(place),
        store_exists=exists,
        files_found=planned.found,
        files_known=planned.known,
        registrations=tuple(
            RegistrationCheck(symbols=tuple(names), calendar=calendar, base_interval=base, derived_intervals=derived)
            for (calendar, base, derived), names in alike.items()
        ),
        not_registered=tuple(failure for group in enrolled for failure in group.failures),
        loads=tuple(
            LoadCheck(source=source, interval=interval, symbols=tuple(sorted(names)), file_count=count)
            for (source, interval), (names, count) in loads.items()
        ),
        problems=tuple(planned.problems),
    )
