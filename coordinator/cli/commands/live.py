"""The command that follows a feed for as long as it runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.errors import ExitCode
from barhouse.coordinator.cli.file_options import FileCommand, file_options
from barhouse.coordinator.cli.options import (
    Seconds,
    calendar_option,
    interval_option,
    intervals_option,
    json_option,
    list_option,
    name_option,
    symbols_option,
)
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.sentences.live import followed
from barhouse.coordinator.cli.store_access import opened
from barhouse.store.errors import speaking

if TYPE_CHECKING:
    from barhouse.coordinator.live.config import LiveConfig
    from barhouse.coordinator.live.session import LiveSession
    from barhouse.coordinator.live.status import LiveStatus
    from barhouse.store.session_store import SessionStore


@command(
    "live",
    example="barhouse live --feed inbox --interval 1m --symbols SPY --intervals 1m,5m,1d --calendar XNYS --once",
    cls=FileCommand,
)
@click.argument("job", required=False, type=click.Path(path_type=Path), metavar="[JOB.toml]")
@click.option(
    "--feed",
    metavar="ADDRESS",
    help="redis://HOST:PORT/DB?stream=KEY&group=NAME, ws://HOST/PATH or wss://..., the path of a folder, or what "
    "a package adds (see plugins).",
)
@symbols_option("Whose bars or trades to take.")
@intervals_option("What is wanted, such as 1m,5m,1d; by default what is registered.")
@calendar_option("Whose sessions, for symbols that are not registered yet.")
@interval_option("The length of the bars in a folder's files.", short=False)
@list_option("--feed-intervals", said="The intervals of a feed that does not say which it has.", was="--offers")
@click.option(
    "--history-from",
    metavar="DATE|INSTANT",
    help="Ask for bars back to here of a symbol that has none: a session by its date, or an instant.",
)
@click.option("--publish", type=click.Path(path_type=Path), help="Publish snapshots there.")
@click.option("--serve", type=click.Path(path_type=Path), help="Keep a snapshot there for serve to follow.")
@click.option(
    "--every",
    "every_seconds",
    type=Seconds(min=0.1),
    metavar="SECONDS",
    help="How often --publish publishes, such as 30s.  [default: 60]",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve metrics over HTTP there, for Prometheus; 0 takes any free port.",
)
@click.option("--metrics-host", metavar="HOST", help="Who reaches them: 0.0.0.0 for all.  [default: 127.0.0.1]")
@name_option("Of the run; one that ended early goes on.  [default: live]")
@click.option("--once", is_flag=True, help="Stop when a folder has no file left.")
@file_options("live")
@json_option
@click.pass_context
def live(
    ctx: click.Context,
    /,
    job: Path | None,
    *,
    as_json: bool,
    load_options: dict[str, Any],
    every_seconds: float | None,
    **options: Any,
) -> None:
    """Follow a feed: load what it delivers, derive what closes.

    \b
    What is said comes from the table [live] of a job file, from the options, or both: the
    options count. Those from --preset to --ambiguous say how a folder's files are read, as
    in load. Stopped with Ctrl-C or SIGTERM it writes what it has; started again it goes on
    there, and nothing is lost or taken twice. Rows and files that cannot be taken are kept
    in the view rejected, and with --once the exit code says so.
    """
    import asyncio

    from barhouse.coordinator.jobs.config_errors import JOB_FILE
    from barhouse.coordinator.live.config import LiveConfig, store_of
    from barhouse.coordinator.live.metrics_server import check_metrics

    said = {name for name in options if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
    given = {name: value for name, value in options.items() if name in said} | load_options
    if job is None and "feed" not in given:
        raise click.UsageError("say --feed, or name a job file with a table [live]")
    settings: Settings = ctx.obj
    with speaking(JOB_FILE) if job is not None else nullcontext():
        config = LiveConfig.read(job, **given) if job is not None else LiveConfig.of(None, given)
        if every_seconds is not None:
            if config.publish is None:
                raise click.UsageError("--every says how often --publish publishes; say --publish, too")
            often = config.options.model_copy(update={"publish_seconds": every_seconds})
            config = config.model_copy(update={"options": often})
        if config.metrics_port is not None:
            check_metrics()
        named = None if job is None or settings.store_said else store_of(job)
        named_settings = settings if named is None else replace(settings, store=str(named))
        with opened(named_settings) as store, _serving_metrics(store, config):
            status = asyncio.run(_follow(config.session(store)))
    reports.put(status, followed(status), as_json=as_json)
    if config.once and (status.refused_count or status.refused_file_count):
        ctx.exit(ExitCode.REJECTS)


@contextmanager
def _serving_metrics(store: SessionStore, config: LiveConfig) -> Iterator[None]:
    """Serve metrics meanwhile, where that is asked for."""
    from barhouse.coordinator.live.metrics_server import metrics_served

    if config.metrics_port is None:
        yield
        return
    with metrics_served(store, config.metrics_port, config.metrics_host) as port:
        reports.say(f"metrics are served at http://{config.metrics_host}:{port}/metrics")
        yield


async def _follow(session: LiveSession) -> LiveStatus:
    import asyncio

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, session.stop)
    try:
        return await session.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


COMMANDS = (live,)
