"""The command that follows a feed for as long as it runs."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from barhouse.coordinator.cli import reports
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.file_options import file_options
from barhouse.coordinator.cli.options import command, opened, report_option, split
from barhouse.store.hints import speaking

if TYPE_CHECKING:
    from barhouse.coordinator.live.session import LiveSession
    from barhouse.coordinator.live.status import LiveStatus


@command(
    "live",
    example="barhouse live --feed inbox --interval 1m --symbols SPY --intervals 1m,5m,1d --calendar XNYS --once",
)
@click.argument("job", required=False, type=click.Path(path_type=Path), metavar="[JOB.toml]")
@click.option(
    "--feed",
    metavar="ADDRESS",
    help="redis://HOST:PORT/DB?stream=KEY&group=NAME, ws://HOST/PATH or wss://..., or the path of a folder.",
)
@click.option("-s", "--symbols", multiple=True, callback=split, metavar="LIST", help="Whose bars or trades to take.")
@click.option(
    "-i",
    "--intervals",
    multiple=True,
    callback=split,
    metavar="LIST",
    help="What is wanted, such as 1m,5m,1d; by default what is registered.",
)
@click.option("--calendar", help="Whose sessions, for symbols that are not registered yet.")
@click.option("--interval", metavar="INTERVAL", help="The length of the bars in a folder's files.")
@click.option("--offers", multiple=True, callback=split, metavar="LIST", help="Intervals of a feed that does not say.")
@click.option("--history-from", metavar="ISO", help="Ask for bars back to here of a symbol that has none.")
@click.option("--publish", type=click.Path(path_type=Path), help="Publish a snapshot there every minute.")
@click.option("--name", help="Of the run; one that ended early goes on.  [default: live]")
@click.option("--once", is_flag=True, help="Stop when a folder has no file left.")
@file_options
@report_option
@click.pass_context
def live(ctx: click.Context, /, job: Path | None, *, form: str, **options: Any) -> None:
    """Follow a feed: load what it delivers, derive what closes.

    \b
    What is said comes from the table [live] of a job file, from the options, or both: the
    options count. Those from --label to --ambiguous say how a folder's files are read, as
    in load. Stopped with Ctrl-C or SIGTERM it writes what it has; started again it goes on
    there, and nothing is lost or taken twice. Rows and files that cannot be taken are kept
    in the view rejected, and with --once the exit code says so.
    """
    import asyncio

    from barhouse.coordinator.jobs.config_errors import JOB_FILE
    from barhouse.coordinator.live.config import LiveConfig

    said = {name for name in options if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
    given = {name: value for name, value in options.items() if name in said or (name == "columns" and value)}
    if job is None and "feed" not in given:
        raise click.UsageError("say --feed, or name a job file with a table [live]")
    with speaking(JOB_FILE) if job is not None else nullcontext():
        config = LiveConfig.read(job, **given) if job is not None else LiveConfig.of("the command line", given)
        with opened(ctx.obj) as store:
            status = asyncio.run(_follow(config.session(store)))
    reports.put(status, _said(status), form)
    if config.once and (status.refused_count or status.refused_file_count):
        ctx.exit(ExitCode.REJECTS)


async def _follow(session: LiveSession) -> LiveStatus:
    import asyncio

    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, session.stop)
    try:
        return await session.run()
    finally:
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(one)


def _said(status: LiveStatus) -> str:
    if status.run_id is None:
        return f"stopped before {status.feed} answered; nothing was begun"
    through = "" if status.cursor is None else f", through {status.cursor:%Y-%m-%d %H:%M:%S}Z"
    refused = f", {status.refused_count:,} refused" if status.refused_count else ""
    head = (
        f"run {status.run_id} of {status.feed} is {status.state}{through}: {status.row_count:,} rows, "
        f"{status.inserted_count:,} bars new, {status.revised_count:,} revised{refused}; "
        f"{status.closed_count:,} derived bars"
    )
    return "\n".join([head, *_refused_files(status)])


def _refused_files(status: LiveStatus) -> list[str]:
    """Say which files were refused, and where they are now."""
    from barhouse.coordinator.feeds.folder_feed import FAILED

    if not status.refused_files:
        return []
    said = [_refused_file(Path(one.path), one.reason) for one in status.refused_files]
    place = Path(status.refused_files[0].path).parent / FAILED
    if status.refused_file_count == 1:
        return [f"1 file refused: {said[0]}; it lies in {place}"]
    lines = [f"{status.refused_file_count:,} files refused; they lie in {place}"]
    lines += [f"  {one}" for one in said]
    more = status.refused_file_count - len(said)
    return [*lines, f"  and {more:,} more"] if more else lines


def _refused_file(path: Path, reason: str) -> str:
    shorter = reason.replace(str(path), path.name)
    return shorter if shorter.startswith(path.name) else f"{path.name}: {shorter}"


COMMANDS = (live,)
