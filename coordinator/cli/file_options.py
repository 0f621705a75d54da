"""The options that say how a file is to be read, for the commands that read some."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from barhouse.coordinator.cli.options import split


def file_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add them to a command that takes them as ``SessionCoordinator.load`` calls them."""

    @wraps(function)
    def asked(*given: Any, columns: dict[str, str | None], no_volume: bool, **options: Any) -> Any:
        if no_volume:
            columns["volume"] = None
        return function(*given, columns=columns, **options)

    for option in reversed(_OPTIONS):
        asked = option(asked)
    return asked


def _pairs(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str | None]:
    """Read a repeatable ``PART=NAME``; ``PART=`` gives None."""
    found: dict[str, str | None] = {}
    for text in given:
        part, equals, name = text.partition("=")
        if not part or not equals:
            raise click.BadParameter(f"{text!r} is not PART=NAME, such as bar_start=Date")
        found[part] = name or None
    return found


_OPTIONS = (
    click.option(
        "--label",
        type=click.Choice(["start", "end"]),
        default="start",
        show_default=True,
        help="Whether stamps label the start or the end of a bar.",
    ),
    click.option("--timezone", metavar="ZONE", help="The zone of stamps without one, such as America/New_York."),
    click.option(
        "--column",
        "columns",
        multiple=True,
        callback=_pairs,
        metavar="PART=NAME",
        help="Which column is a part of a bar, such as bar_start=Date; PART= for none. Repeatable; the parts are in "
        "`barhouse load --help`.",
    ),
    click.option("--volume-column", metavar="NAME", help="Short for --column volume=NAME."),
    click.option("--no-volume", is_flag=True, help="Short for --column volume=: there is none, take it as 0."),
    click.option(
        "--timestamp-format",
        metavar="FORMAT",
        help="A strptime format, or epoch_s, epoch_ms, epoch_us, epoch_ns, for stamps that are not ISO 8601.",
    ),
    click.option(
        "--skip-rows",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Lines before a text file's header.",
    ),
    click.option(
        "--header",
        multiple=True,
        callback=split,
        metavar="LIST",
        help="The names of the columns, for a text file that does not name them.",
    ),
    click.option(
        "--ambiguous",
        type=click.Choice(["reject", "first", "second", "infer"]),
        default="reject",
        show_default=True,
        help="Local times that the clock shows twice.",
    ),
)
