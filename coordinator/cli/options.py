"""The options that several commands share: one name, one meaning, one type everywhere.

What is repeatable or a list is named in the plural and takes ``LIST``, what is one thing in the singular.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from barhouse.coordinator.cli.output.tables import FORMATS
from barhouse.coordinator.cli.renames import RenamedOption

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_Decorator = Callable[[_Decorated], _Decorated]


def split(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> list[str]:
    """Read what is repeatable, comma separated, or both; what was given and names nothing is not taken for all."""
    found = [part.strip() for text in given for part in text.split(",") if part.strip()]
    if given and not found:
        raise click.BadParameter("it is empty and names nothing; leave it out where all are meant")
    return found


class Seconds(click.FloatRange):
    """So many seconds: ``30``, or ``30s``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read them."""
        said: Any = value.removesuffix("s") if isinstance(value, str) else value
        return super().convert(said, param, ctx)


def list_option(*names: str, said: str, required: bool = False, was: str | None = None) -> _Decorator[Any]:
    """Make an option that takes a list: comma separated, repeated, or both; ``was`` is what it was called."""
    return click.option(
        *names,
        cls=RenamedOption,
        multiple=True,
        required=required,
        callback=split,
        metavar="LIST",
        help=f"{said} Comma separated; repeatable.",
        formerly=_renamed(was, names),
    )


def symbols_argument(*, required: bool = False) -> _Decorator[Any]:
    """Make the symbols a command is for; ``SPY,QQQ`` are two as ``SPY QQQ`` are."""
    metavar = "SYMBOL..." if required else "[SYMBOL]..."
    return click.argument("symbols", nargs=-1, required=required, callback=split, metavar=metavar)


def symbols_option(said: str = "Only these symbols.", *, was: str | None = None) -> _Decorator[Any]:
    """Make ``--symbols``, for a command whose arguments are something else."""
    return list_option("-s", "--symbols", said=said, was=was)


def intervals_option(
    said: str = "Only these intervals, such as 5m,1d.", *, required: bool = False, was: str | None = None
) -> _Decorator[Any]:
    """Make ``--intervals``."""
    return list_option("-i", "--intervals", said=said, required=required, was=was)


def interval_option(said: str, *, required: bool = False, short: bool = True) -> _Decorator[Any]:
    """Make ``--interval``, for a command that takes just one; without ``-i`` beside ``--intervals``."""
    names = ("-i", "--interval") if short else ("--interval",)
    return click.option(*names, metavar="INTERVAL", required=required, help=said)


def calendar_option(said: str, *, required: bool = False) -> _Decorator[Any]:
    """Make ``--calendar``."""
    return click.option("--calendar", metavar="NAME", required=required, help=said)


def name_option(said: str, *, was: str | None = None) -> _Decorator[Any]:
    """Make ``--name``, which names a run."""
    return click.option("--name", cls=RenamedOption, metavar="NAME", help=said, formerly=_renamed(was, ["--name"]))


def dry_run_option(function: _Decorated) -> _Decorated:
    """Add ``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Only say what would be done; nothing is written.")(function)


def yes_option(function: _Decorated) -> _Decorated:
    """Add ``--yes`` to a command that calls :func:`barhouse.coordinator.cli.command.confirm`."""
    return click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")(function)


def json_option(function: _Decorated) -> _Decorated:
    """Add ``--json`` to a command that gives a report."""
    return click.option(
        "--json",
        "as_json",
        cls=RenamedOption,
        is_flag=True,
        help="Print the report as a line of JSON on stdout rather than as text on stderr.",
        formerly={"--format json": "--json", "--format text": ""},
    )(function)


def format_option(
    formats: Sequence[str], default: str, said: str, *, formerly: Mapping[str, str] | None = None
) -> _Decorator[Any]:
    """Make ``--format``, of the data that a command writes."""
    return click.option(
        "--format",
        "form",
        cls=RenamedOption,
        type=click.Choice(formats),
        default=default,
        show_default=True,
        help=said,
        formerly=formerly,
    )


def output_option(function: _Decorated) -> _Decorated:
    """Add ``--output``."""
    return click.option(
        "-o", "--output", type=click.Path(path_type=Path), help="Write to this file rather than to stdout."
    )(function)


def data_options(function: _Decorated) -> _Decorated:
    """Add ``--format`` and ``--output`` to a command that gives a table."""
    said = "A table to read, or a format for programs, with every row and digit."
    decorated: _Decorated = format_option(FORMATS, "table", said)(output_option(function))
    return decorated


def session_range(function: _Decorated) -> _Decorated:
    """Add ``--start`` and ``--end``, dates of sessions."""
    for name, was, said in (
        ("--end", "--to", "The first session to leave out, by its date."),
        ("--start", "--from", "The first session, by its date."),
    ):
        function = click.option(
            name,
            cls=RenamedOption,
            metavar="DATE",
            help=said,
            formerly={was: name},
        )(function)
    return function


def bar_range(function: _Decorated) -> _Decorated:
    """Add ``--start`` and ``--end``, dates of sessions or instants."""
    for name, was, said in (
        ("--end", "--to", "The first session to leave out, by its date; or an instant."),
        ("--start", "--from", "The first session, by its date; or an instant that says its zone."),
    ):
        function = click.option(name, cls=RenamedOption, metavar="DATE|INSTANT", help=said, formerly={was: name})(
            function
        )
    return function


def _renamed(was: str | None, names: Sequence[str]) -> dict[str, str]:
    return {} if was is None else {was: max(names, key=len)}
