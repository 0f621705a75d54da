"""The commands that take bars away: wrong ones, old ones, and old values."""

from __future__ import annotations

import click

from barhouse.coordinator.cli.command import Settings, command, confirm
from barhouse.coordinator.cli.options import (
    bar_range,
    interval_option,
    json_option,
    symbols_argument,
    symbols_option,
    yes_option,
)
from barhouse.coordinator.cli.output import reports
from barhouse.coordinator.cli.sentences.deletion import deleted, purged, stretch
from barhouse.coordinator.cli.store_access import opened


@command(
    "delete",
    example="barhouse delete SPY --interval 1m --start 2020-12-16T15:00Z --end 2020-12-16T15:30Z --yes",
)
@click.argument("symbol")
@interval_option("The base interval.", required=True)
@bar_range
@click.option("--rewind", is_flag=True, help="What follows the last bar left counts as not there yet, not as missing.")
@yes_option
@json_option
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
    as_json: bool,
) -> None:
    """Delete the base bars of sessions, or of a range of time.

    What was derived from them is derived again by the next process. The old bars stay in the view revisions.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    if start is None and end is None:
        raise click.UsageError("say --start, --end or both; to delete everything use `barhouse remove`")
    confirm(f"Delete {symbol} {interval} {stretch(start, end)}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).delete_bars(symbol, interval, start, end, rewind=rewind)
        name = store.spelling.symbol(symbol)
    reports.put(report, deleted(name, interval, report, rewound=rewind), as_json=as_json)


@command("retain", example="barhouse retain 1m=2y 5m=5y revisions=1y --yes")
@click.argument("policy", nargs=-1, required=True, metavar="INTERVAL=DURATION...")
@symbols_option(was="--symbol")
@yes_option
@json_option
@click.pass_obj
def retain(settings: Settings, policy: tuple[str, ...], symbols: list[str], yes: bool, as_json: bool) -> None:
    """Keep bars of each interval for so long, and purge what is older.

    A duration is days, weeks, months or years before the last base bar: 90d, 12w, 6mo, 2y. revisions=1y purges values
    that were replaced longer ago. What was derived from purged bars stays, and is final.
    """
    from barhouse.coordinator.session_coordinator import SessionCoordinator

    durations: dict[str, str] = {}
    for rule in policy:
        name, equals, duration = rule.partition("=")
        if not equals or name in durations:
            raise click.UsageError(f"{rule!r} is not INTERVAL=DURATION such as 1m=90d, each interval once")
        durations[name] = duration
    confirm(f"Purge for good what is older than {', '.join(policy)}?", yes=yes)
    with opened(settings) as store:
        report = SessionCoordinator(store).apply_retention(durations, symbols or None)
    reports.put(report, purged(report), as_json=as_json)


@command("purge", example="barhouse purge SPY --interval 1m --before 2020-12-17 --yes")
@symbols_argument()
@interval_option("The interval whose bars go, loaded or derived.")
@click.option("--revisions", is_flag=True, help="Rather than bars, purge values that were replaced before.")
@click.option(
    "--before",
    required=True,
    metavar="DATE|INSTANT",
    help="The first session whose bars stay, by its date; or an instant. Of revisions: an instant.",
)
@yes_option
@json_option
@click.pass_obj
def purge(
    settings: Settings,
    symbols: list[str],
    *,
    interval: str | None,
    revisions: bool,
    before: str,
    yes: bool,
    as_json: bool,
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
            report = coordinator.purge_bars(symbols or None, interval, before)
    reports.put(report, purged(report), as_json=as_json)


COMMANDS = (delete, retain, purge)
