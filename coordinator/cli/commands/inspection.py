"""The command that says how a file would be read."""

from __future__ import annotations

from typing import Any

import click

from barhouse.coordinator.cli.command import command
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.file_options import FileCommand, file_options
from barhouse.coordinator.cli.options import interval_option, json_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.sentences.inspection import inspected


@command("inspect", example="barhouse inspect sample/vendors/binance.csv", cls=FileCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--symbol", metavar="SYMBOL", help="Whose bars they are, where no column says so.")
@interval_option("The length of the file's bars; told from the steps between stamps otherwise.")
@file_options("load")
@json_option
@click.pass_context
def inspect(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    interval: str | None,
    *,
    symbol: str | None,
    load_options: dict[str, Any],
    as_json: bool,
) -> None:
    """Say how a file would be read, and the command that loads it.

    Shows which column is which part of a bar, zone and label of its stamps, the interval and the
    first bars. No store is opened and nothing is written.

    Without options it is read with the preset that fits its first lines, where just one does, and
    that is said; load never chooses a preset by itself. The exit code is 3 where the file cannot
    be read as bars with what was said.
    """
    from barhouse.coordinator.inspection.inspection import inspect_source

    data = paths[0] if len(paths) == 1 else list(paths)
    report = inspect_source(data, symbol, interval, **load_options)
    reports.put(report, inspected(report, paths), as_json=as_json)
    if report.problem is not None:
        ctx.exit(ExitCode.BAD_INPUT)


COMMANDS = (inspect,)
