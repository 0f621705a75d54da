"""The options that several commands share, and how what is typed for them is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from barhouse.coordinator.cli.output import reports, tables

SESSION_DATE = click.DateTime(["%Y-%m-%d"])
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def data_options(function: _Decorated) -> _Decorated:
    """Add ``--format`` and ``--output`` to a command that gives a table."""
    function = click.option(
        "--output", type=click.Path(path_type=Path), help="Write to this file rather than to stdout."
    )(function)
    return click.option(
        "--format",
        "form",
        type=click.Choice(tables.FORMATS),
        default="table",
        show_default=True,
        help="A table to read, or a format for programs, with every row and digit.",
    )(function)


def report_option(function: _Decorated) -> _Decorated:
    """Add ``--format`` to a command that gives a report."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(reports.FORMATS),
        default="text",
        show_default=True,
        help="The report as text on stderr, or as a line of JSON on stdout.",
    )(function)


def session_range(function: _Decorated) -> _Decorated:
    """Add ``--from`` and ``--to``, dates of sessions, to a command that takes ``start`` and ``end``."""
    for name, parameter, said in (
        ("--to", "end", "First session date to leave out."),
        ("--from", "start", "First session date."),
    ):
        function = click.option(name, parameter, type=SESSION_DATE, callback=as_date, metavar="DATE", help=said)(
            function
        )
    return function


def as_date(ctx: click.Context, parameter: click.Parameter, given: datetime | None) -> date | None:
    """Take the day of what click reads as a date."""
    return None if given is None else given.date()


def yes_option(function: _Decorated) -> _Decorated:
    """Add ``--yes`` to a command that calls :func:`confirm`."""
    return click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")(function)


def split(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> list[str]:
    """Read an option that is repeatable, comma separated, or both."""
    return [one.strip() for text in given for one in text.split(",") if one.strip()]
