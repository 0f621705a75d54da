"""The commands that take bars away: wrong ones, old ones, and old values."""

from __future__ import annotations

import click

from barhouse.coordinator.cli.command import Settings, command, confirm
from barhouse.coordinator.cli.options import report_option, split, yes_option
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.sentences.deletion import deleted, purged, stretch
from barhouse.coordinator.cli.store_access import opened


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
    confirm(f"Delete {symbol} {interval} {stretch(start, end)}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).delete_bars(symbol, interval, start, end, rewind=rewind)
    reports.put(report, deleted(symbol.strip().upper(), interval, report, rewound=rewind), form)


@command("retain", example="barhouse retain 1m=2y 5m=5y revisions=1y --yes")
@click.argument("policy", nargs=-1, required=True, metavar="INTERVAL=DURATION...")
@click.option("--symbol", "symbols", multiple=True, callback=split, metavar="LIST", help="Only these.")
@yes_option
@report_option
@click.pass_obj
def retain(settings: Settings, policy: tuple[str, ...], symbols: list[str], yes: bool, form: str) -> None:
    """Keep bars of each interval for so long, and purge what is older.

    A duration is days, weeks, months or years before the last base bar: 90d, 12w, 6mo, 2y. revisions=1y purges values
    that were replaced longer ago. What was derived from purged bars stays, and is final.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    durations: dict[str, str] = {}
    for one in policy:
        name, equals, duration = one.partition("=")
        if not equals or name in durations:
            raise click.UsageError(f"{one!r} is not INTERVAL=DURATION such as 1m=90d, each interval once")
        durations[name] = duration
    confirm(f"Purge for good what is older than {', '.join(policy)}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).apply_retention(durations, symbols or None)
    reports.put(report, purged(report), form)


@command("purge", example="barhouse purge SPY --interval 1m --before 2020-12-17 --yes")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option("-i", "--interval", help="The interval whose bars go, loaded or derived.")
@click.option("--revisions", is_flag=True, help="Rather than bars, purge values that were replaced before.")
@click.option("--before", required=True, metavar="ISO", help="What is older goes; UTC unless it says otherwise.")
@yes_option
@report_option
@click.pass_obj
def purge(
    settings: Settings,
    symbols: tuple[str, ...],
    *,
    interval: str | None,
    revisions: bool,
    before: str,
    yes: bool,
    form: str,
) -> None:
    """Give up old bars, or old revisions, for good.

    Bars go by whole sessions, and by whole bars of every interval derived from them; those stay, and are final. Without
    symbols, of all that have the interval.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    if revisions == (interval is not None):
        raise click.UsageError("say --interval to purge bars, or --revisions")
    if revisions and symbols:
        raise click.UsageError("--revisions goes for the whole store; leave out the symbols")
    what = "revisions" if interval is None else " ".join([interval, "bars", *(["of", *symbols] if symbols else [])])
    confirm(f"Purge {what} before {before} for good?", yes=yes)
    with opened(settings) as store:
        coordinator = SessionCoordinator(store)
        if interval is None:
            report = coordinator.purge_revisions(before)
        else:
            report = coordinator.purge_bars(interval, before, symbols or None)
    reports.put(report, purged(report), form)


COMMANDS = (delete, retain, purge)
