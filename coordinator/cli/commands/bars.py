"""The commands that show bars: as a table, for programs, or drawn."""

from __future__ import annotations

from pathlib import Path

import click

from barhouse.coordinator.cli.command import Settings, command
from barhouse.coordinator.cli.options import bar_range, data_options, list_option, output_option, split
from barhouse.coordinator.cli.output import reports, tables
from barhouse.coordinator.cli.store_access import opened

#: What people look at; the other formats have every column unless some are named.
_LOOKED_AT = ("open", "high", "low", "close", "volume", "complete")
_last_option = click.option(
    "--last", type=click.IntRange(min=1), metavar="N", help="Only so many bars of each symbol: the newest."
)
_as_of_option = click.option(
    "--as-of", metavar="INSTANT", help="As the store knew them at that moment, such as 2024-11-29T14:30Z."
)


def _names(ctx: click.Context, parameter: click.Parameter, given: str) -> list[str]:
    return split(ctx, parameter, (given,))


@command("bars", example="barhouse bars SPY 5m --last 3")
@click.argument("symbols", callback=_names, metavar="SYMBOL[,SYMBOL...]")
@click.argument("interval")
@_last_option
@bar_range
@_as_of_option
@list_option("--columns", said="Only these columns, such as bar_start,close.")
@data_options
@click.pass_obj
def bars(
    settings: Settings,
    symbols: list[str],
    interval: str,
    *,
    last: int | None,
    start: str | None,
    end: str | None,
    as_of: str | None,
    columns: list[str],
    form: str,
    output: Path | None,
) -> None:
    """Show the bars of one symbol, or of several, in one interval.

    A date names a session of each symbol's own calendar; an instant says its zone. The table has the prices,
    volume and whether a bar is complete; the other formats have all columns, unless some are named.
    """
    from barhouse.store.model.interval import Interval

    tables.check(form, output)
    wanted = columns or None
    if form == "table" and not columns:
        time = "bar_start" if Interval.parse(interval).intraday else "session_date"
        wanted = [*(["symbol"] if len(symbols) > 1 else []), time, *_LOOKED_AT]
    with opened(settings, read_only=True) as store:
        table = store.bars(symbols, interval, start, end, last=last, columns=wanted, as_of=as_of)
    tables.write(table, form, output)


@command("chart", example="barhouse chart SPY 5m --last 60")
@click.argument("symbol")
@click.argument("interval")
@_last_option
@bar_range
@_as_of_option
@output_option
@click.pass_obj
def chart(
    settings: Settings,
    symbol: str,
    interval: str,
    *,
    last: int | None,
    start: str | None,
    end: str | None,
    as_of: str | None,
    output: Path | None,
) -> None:
    """Draw the bars of a symbol on the terminal, or into a file.

    The terminal has room for the newest bars of the range. With --output FILE.html a page is written that shows up to
    5,000 of them and needs nothing else; FILE.png is a picture, for which barhouse[chart] is installed.
    """
    from barhouse.coordinator.cli.output import letters

    if output is not None:
        with opened(settings, read_only=True) as store:
            made = store.chart(symbol, interval, start, end, last=last, as_of=as_of)
        reports.say(f"{made.save(output)}: {made.summary}")
        return
    shown = min(last or letters.room(), letters.room())
    with opened(settings, read_only=True) as store:
        made = store.chart(symbol, interval, start, end, last=shown, as_of=as_of)
    with tables.opened(None) as stream:
        letters.write(made.drawing, stream)
    if last is not None and shown < last:
        reports.say(f"the newest {shown:,} have room here; a wider terminal, or --output, has more")


COMMANDS = (bars, chart)
