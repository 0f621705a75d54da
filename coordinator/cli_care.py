"""The commands that look after a store: copies of it, to read and to come back to."""

from __future__ import annotations

from pathlib import Path

import click

from coordinator import cli_care_reports, cli_reports
from coordinator.cli_shared import Settings, command, opened, progress_bar, report_option

_KEEP = click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="COUNT",
    help="How many to have at most; older ones lie beside it, named by their time and batch.",
)


@command("publish", example="barhouse publish published/bars.duckdb --keep 3")
@click.argument("target", type=click.Path(path_type=Path))
@_KEEP
@report_option
@click.pass_obj
def publish(settings: Settings, /, target: Path, *, keep: int, form: str) -> None:
    """Publish a snapshot of the store for others to read.

    TARGET is a file that always names the newest snapshot, whole, for any DuckDB client to open read-only while
    the store is being written. Without changes since the last one nothing is written.
    """
    with opened(settings) as store:
        report = store.publish(target, keep=keep)
    cli_reports.put(report, cli_care_reports.copied(report, "published"), form)


@command("backup", example="barhouse backup backups/bars.duckdb --keep 7")
@click.argument("target", type=click.Path(path_type=Path))
@_KEEP
@click.option("--no-check", is_flag=True, help="Do not verify the copy; for a store that does not verify.")
@report_option
@click.pass_obj
def backup(settings: Settings, /, target: Path, *, keep: int, no_check: bool, form: str) -> None:
    """Copy the store, and verify the copy before it is put in place.

    TARGET is a file that names the newest backup. Without changes since the last one nothing is written.
    """
    with opened(settings) as store, progress_bar(settings, "verifying", "interval lengths") as progress:
        report = store.backup(target, keep=keep, check=not no_check, progress=progress)
    cli_reports.put(report, cli_care_reports.copied(report, "backed up"), form)


COMMANDS = (publish, backup)
