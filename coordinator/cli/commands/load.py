"""The commands that load base bars, and trades that they are built from."""

from __future__ import annotations

from typing import Any

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.commands.derivation import derive
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.file_options import FileCommand, file_options
from barhouse.coordinator.cli.options import interval_option, json_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.progress import statements_bar
from barhouse.coordinator.cli.sentences.load import loaded, otherwise, outside, together
from barhouse.coordinator.cli.store_access import opened


@command(
    "load",
    example="barhouse load sample/spy_1m_2020-12-15_18.csv --symbol SPY --interval 1m --timezone America/New_York",
    cls=FileCommand,
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--symbol", metavar="SYMBOL", help="Whose bars they are, where no column says so.")
@interval_option("The base interval: the length of the file's bars; must be said.")
@file_options("load")
@click.option("--process", "then_process", is_flag=True, help="Derive what is waiting right after.")
@json_option
@click.pass_context
def load(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    interval: str | None,
    *,
    symbol: str | None,
    load_options: dict[str, Any],
    then_process: bool,
    as_json: bool,
) -> None:
    """Load base bars from text, Parquet, Arrow files or JSON, plain, packed, or in a .zip.

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
      volume       vol v tickvol tick_volume real_volume
      symbol       ticker instrument
      trade_count  trades transactions number_of_trades num_trades
      vwap         vw

    Where a file has none of these for it, unix is bar_start, and last is close.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    settings: Settings = ctx.obj
    data = paths[0] if len(paths) == 1 else list(paths)
    with opened(settings) as store:
        with statements_bar(settings, f"loading {paths[0]}", store):
            report = SessionCoordinator(store).load(data, symbol, interval, **load_options)
        reports.put(report, loaded(report), as_json=as_json)
        reports.say(outside(report))
        reports.say(otherwise(report))
        reports.say(together(report))
        if then_process:
            derive(store, settings, as_json=as_json)
    if report.rejected:
        ctx.exit(ExitCode.REJECTS)


@command(
    "load-trades",
    example="barhouse load-trades sample/spy_trades_2024-11-29.csv --symbol SPY --interval 1m",
    cls=FileCommand,
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--symbol", metavar="SYMBOL", help="Whose trades they are, where no column says so.")
@interval_option("The base interval that bars are built of; must be said.")
@click.option("--whole", is_flag=True, help="The files have all trades of each bar they have any of.")
@file_options("trades")
@click.option("--process", "then_process", is_flag=True, help="Derive what is waiting right after.")
@json_option
@click.pass_context
def load_trades(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    interval: str | None,
    *,
    symbol: str | None,
    whole: bool,
    load_options: dict[str, Any],
    then_process: bool,
    as_json: bool,
) -> None:
    """Build base bars from files of trades and load them, as a live session does.

    A bar that may lack trades, as the first and the last of a file, is loaded as
    incomplete, unless --whole says that none is missing. The trades are not kept.

    \b
    The PARTs of a trade, and the names by which their columns are known, in any case:
      traded_at    timestamp datetime date time ts timestamp_utc datetime_utc
                   date_time ts_event sip_timestamp participant_timestamp
                   transact_time trade_time t
      price        p
      size         qty quantity amount volume s
      trade_id     tradeid id "trade id" agg_trade_id
      symbol       ticker instrument
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    settings: Settings = ctx.obj
    data = paths[0] if len(paths) == 1 else list(paths)
    with opened(settings) as store:
        with statements_bar(settings, f"loading {paths[0]}", store):
            report = SessionCoordinator(store).load_trades(data, symbol, interval, whole=whole, **load_options)
        reports.put(report, loaded(report), as_json=as_json)
        reports.say(outside(report))
        if then_process:
            derive(store, settings, as_json=as_json)
    if report.rejected:
        ctx.exit(ExitCode.REJECTS)


COMMANDS = (load, load_trades)
