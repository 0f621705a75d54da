"""The commands about a store as a file: copies of it to read and to go back to, and the file written anew."""

from __future__ import annotations

from pathlib import Path

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import json_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.progress import progress_bar
from barhouse.coordinator.cli.sentences.copies import compacted, copied, restored
from barhouse.coordinator.cli.store_access import opened
from barhouse.store.model.file_mode import FILE_MODES, FileMode
from barhouse.store.places.address import named

_KEEP = click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="COUNT",
    help="How many to have at most; older ones lie beside it, named by their time and batch.",
)
_MODE = click.option(
    "--mode",
    type=click.Choice(list(FILE_MODES)),
    help="Who may read it: its owner, the group too, everybody.  [default: whoever may read the store]",
)


@command("publish", example="barhouse publish published/bars.duckdb --keep 3")
@click.argument("target", type=click.Path(path_type=Path))
@_KEEP
@_MODE
@json_option
@click.pass_obj
def publish(settings: Settings, /, target: Path, *, keep: int, mode: FileMode | None, as_json: bool) -> None:
    """Publish a snapshot of the store for others to read.

    TARGET is a file that always names the newest snapshot, whole, for any DuckDB client to open read-only while
    the store is being written. Without changes since the last one nothing is written.
    """
    with opened(settings) as store:
        report = store.publish(target, keep=keep, mode=mode)
    reports.put(report, copied(report, "published"), as_json=as_json)


@command("backup", example="barhouse backup backups/bars.duckdb --keep 7")
@click.argument("target", type=click.Path(path_type=Path))
@_KEEP
@_MODE
@click.option("--no-check", is_flag=True, help="Do not verify the copy; for a store that does not verify.")
@json_option
@click.pass_obj
def backup(
    settings: Settings, /, target: Path, *, keep: int, mode: FileMode | None, no_check: bool, as_json: bool
) -> None:
    """Copy the store, and verify the copy before it is put in place.

    TARGET is a file that names the newest backup. Without changes since the last one nothing is written.
    """
    with opened(settings) as store, progress_bar(settings, "verifying", "interval lengths") as progress:
        report = store.backup(target, keep=keep, mode=mode, check=not no_check, progress=progress)
    reports.put(report, copied(report, "backed up"), as_json=as_json)


@command("restore", example="barhouse restore backups/bars.duckdb")
@click.argument("backup_file", type=click.Path(path_type=Path), metavar="BACKUP")
@click.option("--force", is_flag=True, help="Also over a store that has what the backup lacks, or cannot be read.")
@json_option
@click.pass_obj
def restore(settings: Settings, /, backup_file: Path, *, force: bool, as_json: bool) -> None:
    """Put a backup in the place of the store, which is kept beside it.

    The backup is verified first.
    """
    from barhouse.store.copies.restoration import restore as put_back

    report = put_back(backup_file, settings.store, force=force)
    reports.put(report, restored(report, named(backup_file)), as_json=as_json)


@command("compact", example="barhouse --store bars.duckdb compact")
@json_option
@click.pass_obj
def compact(settings: Settings, as_json: bool) -> None:
    """Write the store's file anew: bars in order, and the room of old rows given back.

    Nothing else may have the store open meanwhile, and its folder needs room for a copy. The new file takes the
    place of the old one when it is whole and compared with it.
    """
    from barhouse.store.copies.compaction import compact as write_anew

    with progress_bar(settings, "compacting", "parts") as progress:
        report = write_anew(settings.store, progress=progress)
    reports.put(report, compacted(report), as_json=as_json)


COMMANDS = (publish, backup, restore, compact)
