"""The command that writes bars to files for others."""

from __future__ import annotations

from pathlib import Path

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import bar_range, intervals_option, json_option, symbols_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.progress import progress_bar
from barhouse.coordinator.cli.renames import RenamedOption
from barhouse.coordinator.cli.sentences.copies import exported
from barhouse.coordinator.cli.store_access import opened


@command("export", example="barhouse export exported --intervals 1d,1h")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    cls=RenamedOption,
    metavar="NAME",
    default="parquet",
    show_default=True,
    help="Of the files: parquet, csv, arrow, or one that a package adds (see plugins).",
    formerly={"--as": "--format"},
)
@symbols_option(was="--symbol")
@intervals_option(was="--interval")
@bar_range
@click.option(
    "--full",
    cls=RenamedOption,
    is_flag=True,
    help="Write all of it again, and forget what the folder holds.",
    formerly={"--anew": "--full"},
)
@json_option
@click.pass_obj
def export(
    settings: Settings,
    /,
    folder: Path,
    *,
    form: str,
    symbols: list[str],
    intervals: list[str],
    start: str | None,
    end: str | None,
    full: bool,
    as_json: bool,
) -> None:
    """Write bars to files, by symbol, interval and month; later only what changed.

    The folder is laid out as DuckDB, pandas and others read it at once: symbol=SPY/interval=1d/month=2020-12.
    """
    with opened(settings, read_only=True) as store, progress_bar(settings, "exporting", "files") as progress:
        report = store.export(
            folder,
            format=form,
            symbols=symbols or None,
            intervals=intervals or None,
            start=start,
            end=end,
            full=full,
            progress=progress,
        )
    reports.put(report, exported(report), as_json=as_json)


COMMANDS = (export,)
