"""The command that writes bars to files for others."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import report_option, split
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.progress import progress_bar
from barhouse.coordinator.cli.sentences.copies import exported
from barhouse.coordinator.cli.store_access import opened


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
    reports.put(report, exported(report), form)


COMMANDS = (export,)
