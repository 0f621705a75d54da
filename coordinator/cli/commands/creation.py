"""The command that makes a store, or a job file to begin with."""

from __future__ import annotations

import os
from pathlib import Path

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.store_access import opened
from barhouse.store.model.paths import expanded


@command("init", example="barhouse --store bars.duckdb init")
@click.option(
    "--job",
    is_flag=False,
    flag_value="job.toml",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="[PATH]",
    help="Write a job file with everything that can be said, explained, rather than a store.  [default: job.toml]",
)
@click.option(
    "--case-sensitive",
    is_flag=True,
    default=None,
    help="Symbols that differ in case alone are two, such as AMPB and AMpB; it is said once, before there are symbols.",
)
@click.pass_obj
def init(settings: Settings, job: Path | None, case_sensitive: bool | None) -> None:
    """Create the store, or upgrade it to this version; or write a job file."""
    if job is not None:
        _write_job(job)
        return
    existed = expanded(settings.store).exists()
    with opened(settings, create=True, case_sensitive=case_sensitive or None) as store:
        place = store.path or settings.store
    reports.say(f"{place} is up to date" if existed else f"created the store {place}")


def _write_job(path: Path) -> None:
    from barhouse.coordinator.jobs.job_example import job_example
    from barhouse.store.database.replacement import put_in_place, written_beside

    file = expanded(path)
    if os.path.lexists(file):
        raise click.UsageError(f"{path} is there already; name another file")
    try:
        with written_beside(file) as part:
            part.write_text(job_example(), encoding="utf-8")
            put_in_place(part, file)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from error
    reports.say(f"wrote {path}; edit it, then: barhouse run {path} --dry-run")


COMMANDS = (init,)
