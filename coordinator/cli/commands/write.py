"""The commands that write: each wraps one call of the store or its coordinator."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from barhouse.coordinator.cli import reports
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.file_options import file_options
from barhouse.coordinator.cli.options import (
    SESSION_DATE,
    Settings,
    as_date,
    command,
    confirm,
    opened,
    progress_bar,
    report_option,
    split,
    yes_option,
)

if TYPE_CHECKING:
    from barhouse.store.session_store import SessionStore


@command("init", example="barhouse --store bars.duckdb init")
@click.option(
    "--job",
    is_flag=False,
    flag_value="job.toml",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="[PATH]",
    help="Write a job file with everything that can be said, explained, rather than a store.  [default: job.toml]",
)
@click.pass_obj
def init(settings: Settings, job: Path | None) -> None:
    """Create the store, or upgrade it to this version; or write a job file."""
    if job is not None:
        _write_job(job)
        return
    existed = Path(settings.store).expanduser().exists()
    with opened(settings, create=True) as store:
        place = store.path or settings.store
    click.echo(f"{place} is up to date" if existed else f"created the store {place}", err=True)


def _write_job(path: Path) -> None:
    from importlib.resources import files

    text = files("barhouse.coordinator.jobs").joinpath("job_example.toml").read_text(encoding="utf-8")
    try:
        with path.expanduser().open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already; name another file") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {path}; edit it, then: barhouse check {path}", err=True)


@command("register", example="barhouse register SPY QQQ --intervals 1m,5m,15m,1h,1d --calendar XNYS")
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@click.option(
    "-i",
    "--intervals",
    multiple=True,
    required=True,
    callback=split,
    metavar="LIST",
    help="What is wanted, such as 1m,5m,1h,1d; may be repeated.",
)
@click.option("--calendar", required=True, help="Whose sessions: an exchange such as XNYS, or 24/7.")
@click.option("--base", help="The interval that will be loaded; determined from --intervals by default.")
@click.option(
    "--available",
    multiple=True,
    callback=split,
    metavar="LIST",
    help="Intervals the source has; the coarsest that all others can be derived from becomes the base.",
)
@click.option(
    "--closing-bar",
    type=click.Choice(["outside", "include"]),
    default="outside",
    show_default=True,
    help="Whether the bar that starts exactly at the close belongs to the session.",
)
@click.option(
    "--on-missing",
    type=click.Choice(["raise", "skip"]),
    default="raise",
    show_default=True,
    help="A symbol that cannot be registered: register none, or leave it out.",
)
@report_option
@click.pass_obj
def register(
    settings: Settings,
    /,
    symbols: tuple[str, ...],
    intervals: list[str],
    *,
    calendar: str,
    available: list[str],
    form: str,
    **options: Any,
) -> None:
    """Register symbols with the intervals wanted.

    All symbols are registered, or none. May be repeated: what is registered stays, new intervals are added.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened(settings) as store:
        report = SessionCoordinator(store).register(
            symbols, intervals, calendar, available=available or None, **options
        )
    reports.put(report, reports.registered(report), form)


@command(
    "load",
    example="barhouse load sample/spy_1m_2020-12-15_18.csv --symbol SPY --interval 1m --timezone America/New_York",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-i", "--interval", required=True, help="The base interval: the length of the file's bars.")
@click.option("--symbol", help="Whose bars they are, where no column says so.")
@file_options
@click.option(
    "--symbols",
    multiple=True,
    callback=split,
    metavar="LIST",
    help="Of a file with many symbols only these; * and ? stand for other characters.",
)
@click.option("--strict", is_flag=True, help="Load nothing when one row cannot be taken.")
@click.option(
    "--replace",
    type=click.Choice(["sessions"]),
    help="Replace each session the rows belong to whole; bars it no longer has go.",
)
@click.option("--process", "then_process", is_flag=True, help="Derive what is waiting right after.")
@report_option
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
    form: str,
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
                data, interval, columns=columns, header=header or None, symbols=symbols or None, **options
            )
        reports.put(report, reports.loaded(report), form)
        reports.say(reports.outside(report))
        if then_process:
            _process(store, settings, form)
    if report.rejected:
        ctx.exit(ExitCode.REJECTS)


@command("process", example="barhouse process")
@click.option("--now", metavar="ISO", help="The instant that counts as now; UTC unless it says otherwise.")
@report_option
@click.pass_obj
def process(settings: Settings, now: str | None, form: str) -> None:
    """Derive whatever is waiting.

    Running it twice changes nothing.
    """
    with opened(settings) as store:
        _process(store, settings, form, now)


@command("end-session", example="barhouse end-session 2020-12-18 SPY")
@click.argument("session_date", type=SESSION_DATE, callback=as_date, metavar="DATE")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@report_option
@click.pass_obj
def end_session(settings: Settings, session_date: date, symbols: tuple[str, ...], form: str) -> None:
    """Declare a session over, for all symbols or some.

    What has not come by now counts as missing, and the next process closes every bar of the session.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    with opened(settings) as store:
        moved = SessionCoordinator(store).end_session(session_date, symbols or None)
    reports.put(moved, reports.session_ended(session_date, moved), form)


@command(
    "delete",
    example="barhouse delete SPY --interval 1m --from 2020-12-16T15:00Z --to 2020-12-16T15:30Z --yes",
)
@click.argument("symbol")
@click.option("-i", "--interval", required=True, help="The base interval.")
@click.option("--from", "start", metavar="ISO", help="First bar_start to delete; UTC unless it says otherwise.")
@click.option("--to", "end", metavar="ISO", help="First bar_start to keep again.")
@click.option("--rewind", is_flag=True, help="What follows the last bar left counts as not there yet, not as missing.")
@yes_option
@report_option
@click.pass_obj
def delete(
    settings: Settings,
    symbol: str,
    interval: str,
    *,
    start: str | None,
    end: str | None,
    rewind: bool,
    yes: bool,
    form: str,
) -> None:
    """Delete base bars of a range of time.

    What was derived from them is derived again by the next process. The old bars stay in the view revisions.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    if start is None and end is None:
        raise click.UsageError("say --from, --to or both; to delete everything use `barhouse remove`")
    confirm(f"Delete {symbol} {interval} {reports.stretch(start, end)}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).delete_bars(symbol, interval, start, end, rewind=rewind)
    reports.put(report, reports.deleted(symbol.strip().upper(), interval, report, rewound=rewind), form)


@command("remove", example="barhouse remove SPY --yes")
@click.argument("symbol")
@click.option("--purge", is_flag=True, help="Keep no history of it; also of a symbol that was removed before.")
@yes_option
@report_option
@click.pass_obj
def remove(settings: Settings, symbol: str, purge: bool, yes: bool, form: str) -> None:
    """Strike a symbol off.

    Its bars become history (views revisions and bars_as_of), its name is free again.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    confirm(f"Remove {symbol} with all its bars{', for good' if purge else ''}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).remove_symbol(symbol, purge=purge)
    reports.put(report, reports.removed(symbol.strip().upper(), report, purged=purge), form)


def _process(store: SessionStore, settings: Settings, form: str, now: str | None = None) -> None:
    from barhouse.coordinator.data_processor import DataProcessor
    from barhouse.store.model.inputs import as_instant

    instant = None if now is None else as_instant(now, "now")
    with progress_bar(settings, "deriving") as progress:
        report = DataProcessor(store).process(instant, progress=progress)
    reports.put(report, reports.processed(report), form)


COMMANDS = (init, register, load, process, end_session, delete, remove)
