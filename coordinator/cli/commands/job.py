"""The command that runs a job, or says what it would do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.interrupts import interruptible
from barhouse.coordinator.cli.options import dry_run_option, json_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.progress import is_watched, progress_bar, stage_bars
from barhouse.coordinator.cli.sentences.job import checked, ran
from barhouse.store.model.paths import expanded

if TYPE_CHECKING:
    from barhouse.coordinator.jobs.config import JobConfig
    from barhouse.coordinator.jobs.job import JobCheck
    from barhouse.coordinator.jobs.report import JobReport
    from barhouse.store.session_store import SessionStore

_JOB = click.argument("job", type=click.Path(dir_okay=False, path_type=Path), metavar="JOB.toml")
#: What a job came to, as an exit code.
_CODES = {
    "done": ExitCode.OK,
    "past thresholds": ExitCode.THRESHOLDS,
    "files failed": ExitCode.FILES,
    "differences": ExitCode.DIFFERENCES,
}


@command("run", example="barhouse run sample/demo.toml --report report.json")
@_JOB
@dry_run_option
@click.option("--shard", type=click.IntRange(min=1), metavar="N", help="Of a job with [cluster] this shard alone.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the report as JSON here.",
)
@json_option
@click.pass_context
def run(
    ctx: click.Context, job: Path, *, dry_run: bool, shard: int | None, report_file: Path | None, as_json: bool
) -> None:
    """Run a nightly job: load what is new, derive, verify, and look after the store.

    What is loaded stays loaded: killed at any moment, the next run finishes. Where
    nobody watches, log lines on stderr say what is going on. With --dry-run it is said what would be registered and
    loaded; the store need not be there yet, nor any file, but the folders of files must be.

    The store is the one that --store names, or else the job, or else BARHOUSE_STORE. A job with [cluster] has many, and
    publishes them into its lake: all at once, or with --shard one, for schedulers that run a command for each.
    """
    if dry_run:
        ctx.exit(_checked(ctx, job, report_file, as_json=as_json))
    from barhouse.coordinator.cluster.job import run_job
    from barhouse.coordinator.jobs.config import read_config
    from barhouse.coordinator.jobs.job import open_job_store

    config = read_config(job)
    if config.cluster is not None or shard is not None:
        report = _run_cluster(ctx.obj, config, shard)
    else:
        with (
            open_job_store(config, _store(ctx.obj, config)) as store,
            interruptible(store),
            _watched(ctx.obj, store) as progress,
        ):
            report = run_job(config, store=store, progress=progress)
    reports.put(report, ran(report), as_json=as_json)
    if report_file is not None:
        _write(report, report_file, "; the job itself is done")
    ctx.exit(_CODES[report.outcome])


def _run_cluster(settings: Settings, config: JobConfig, shard: int | None) -> JobReport:
    """Run a job over many stores, whose processes tell of themselves in the log."""
    from barhouse.coordinator.cluster.job import run_job

    if settings.store_said:
        raise click.UsageError("--store names one store, and a job with [cluster] has many; leave it out")
    with progress_bar(settings, "running", "shards") as progress, _logged(settings):
        return run_job(config, shard=shard, progress=progress and (lambda _, done, total: progress(done, total)))


def _checked(ctx: click.Context, job: Path, report_file: Path | None, *, as_json: bool) -> ExitCode:
    from barhouse.coordinator.jobs.config import read_config
    from barhouse.coordinator.jobs.job import check_job

    config = read_config(job)
    with progress_bar(ctx.obj, "reading", "files") as progress:
        report = check_job(
            config,
            store=_store(ctx.obj, config),
            progress=progress and (lambda _, done, total: progress(done, total)),
        )
    reports.put(report, checked(report), as_json=as_json)
    if report_file is not None:
        _write(report, report_file, "")
    sound = not report.not_registered and all(problem.kind == "missing" for problem in report.problems)
    return ExitCode.OK if sound else ExitCode.FILES


def _store(settings: Settings, config: JobConfig) -> str | None:
    """The store that --store names; None leaves it to a job that names one."""
    return None if config.store is not None and not settings.store_said else settings.store


@contextmanager
def _watched(settings: Settings, store: SessionStore) -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar for each kind of work where somebody watches; log lines where nobody does."""
    if not is_watched(settings):
        with _logged(settings):
            yield None
        return
    with stage_bars(settings, store) as show:
        yield show


@contextmanager
def _logged(settings: Settings) -> Iterator[None]:
    """Have the log say what a job does, where nobody watches."""
    log = logging.getLogger("barhouse.job")
    level = log.level
    if not is_watched(settings):
        log.setLevel(min(logging.INFO, logging.getLogger("barhouse").level))
    try:
        yield
    finally:
        log.setLevel(level)


def _write(report: JobReport | JobCheck, path: Path, but: str) -> None:
    from barhouse.store.database.replacement import put_in_place, written_beside

    file = expanded(path)
    try:
        with written_beside(file) as part:
            part.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
            put_in_place(part, file)
    except OSError as error:
        raise click.UsageError(f"--report {path} cannot be written: {error.strerror}{but}") from error


COMMANDS = (run,)
