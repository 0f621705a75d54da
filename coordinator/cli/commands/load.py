"""The command that loads base bars."""

from __future__ import annotations

from typing import Any

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.commands.derivation import derive
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.file_options import file_options
from barhouse.coordinator.cli.options import interval_option, json_option, symbols_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.progress import progress_bar
from barhouse.coordinator.cli.sentences.load import loaded, outside
from barhouse.coordinator.cli.store_access import opened


@command(
    "load",
    example="barhouse load sample/spy_1m_2020-12-15_18.csv --symbol SPY --interval 1m --timezone America/New_York",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--symbol", metavar="SYMBOL", help="Whose bars they are, where no column says so.")
@interval_option("The base interval: the length of the file's bars.", required=True)
@file_options
@symbols_option("Of a file with many symbols only these; * and ? stand for other characters.")
@click.option("--strict", is_flag=True, help="Load nothing when one row cannot be taken.")
@click.option(
    "--replace",
    type=click.Choice(["sessions"]),
    help="Replace each session the rows belong to whole; bars it no longer has go.",
)
@click.option("--process", "then_process", is_flag=True, help="Derive what is waiting right after.")
@json_option
@click.pass_context
def load(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    interval: str,
    *,
    columns: dict[str, str | None],
    header: list[str],
    symbols: list[str],
    then_process: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Load base bars from CSV (plain, .gz, .zst) or Parquet.

    New bars are added, changed ones revised, equal ones left alone. Rows that cannot be
    taken are kept in the view rejected, and the exit code says so.

    \b
    The PARTs of a bar, and the names by which their columns are known, in any case:
      bar_start    timestamp datetime date time ts timestamp_utc datetime_utc
                   date_time open_time window_start ts_event t
      open         o
      high         h
      low          l
      close        c
      volume       vol v
      symbol       ticker instrument
      trade_count  trades transactions number_of_trades num_trades
      vwap         vw
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    settings: Settings = ctx.obj
    data = paths[0] if len(paths) == 1 else list(paths)
    with opened(settings) as store:
        with progress_bar(settings, f"loading {paths[0]}"):
            report = SessionCoordinator(store).load(
                data, interval=interval, columns=columns, header=header or None, symbols=symbols or None, **options
            )
        reports.put(report, loaded(report), as_json=as_json)
        reports.say(outside(report))
        if then_process:
            derive(store, settings, as_json=as_json)
    if report.rejected:
        ctx.exit(ExitCode.REJECTS)


COMMANDS = (load,)
