"""The commands that look after a store: copies of it to read and to go back to, and its bars as files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from barhouse.coordinator.cli import care_reports, reports
from barhouse.coordinator.cli.options import Settings, command, opened, progress_bar, report_option, split

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
    reports.put(report, care_reports.copied(report, "published"), form)


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
    reports.put(report, care_reports.copied(report, "backed up"), form)


@command("restore", example="barhouse restore backups/bars.duckdb")
@click.argument("backup_file", type=click.Path(path_type=Path), metavar="BACKUP")
@click.option("--force", is_flag=True, help="Also over a store that has what the backup lacks, or cannot be read.")
@report_option
@click.pass_obj
def restore(settings: Settings, /, backup_file: Path, *, force: bool, form: str) -> None:
    """Put a backup in the place of the store, which is kept beside it.

    The backup is verified first.
    """
    from barhouse.store.copies.restoration import restore as restored

    report = restored(backup_file, settings.store, force=force)
    reports.put(report, care_reports.restored(report, backup_file), form)


@command("export", example="barhouse export exported --interval 1d,1h")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "kind",
    type=click.Choice(["parquet", "csv", "arrow"]),
    default="parquet",
    show_default=True,
    help="The format.",
)
@click.option("-s", "--symbol", "symbols", multiple=True, callback=split, metavar="LIST", help="Only these.")
@click.option("-i", "--interval", "intervals", multiple=True, callback=split, metavar="LIST", help="Only these.")
@click.option("--from", "start", metavar="INSTANT", help="Start of the first bar.")
@click.option("--to", "end", metavar="INSTANT", help="Start of the first bar to leave out.")
@click.option("--anew", is_flag=True, help="Write all of it again, and forget what the folder holds.")
@report_option
@click.pass_obj
def export(
    settings: Settings,
    /,
    folder: Path,
    *,
    kind: Literal["parquet", "csv", "arrow"],
    symbols: list[str],
    intervals: list[str],
    start: str | None,
    end: str | None,
    anew: bool,
    form: str,
) -> None:
    """Write bars to files, by symbol, interval and month; later only what changed.

    The folder is laid out as DuckDB, pandas and others read it at once: symbol=SPY/interval=1d/month=2020-12.
    """
    with opened(settings, read_only=True) as store, progress_bar(settings, "exporting", "files") as progress:
        report = store.export(
            folder,
            format=kind,
            symbols=symbols or None,
            intervals=intervals or None,
            start=start,
            end=end,
            anew=anew,
            progress=progress,
        )
    reports.put(report, care_reports.exported(report), form)


COMMANDS = (publish, backup, restore, export)
