"""What commands share: the settings, common options, the store opened, a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from barhouse.coordinator.cli import formats, reports

if TYPE_CHECKING:
    from barhouse.store.session_store import SessionStore

DEFAULT_STORE = "barhouse.duckdb"
SESSION_DATE = click.DateTime(["%Y-%m-%d"])
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Settings:
    """What was said before the command's name."""

    store: str
    verbose: bool


def command(name: str, *, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command, with an example below its help."""
    return click.command(name, epilog=epilog(example))


def epilog(example: str) -> str:
    """Lay out the example below a command's help."""
    return f"\b\nExample:\n  {example}"


def data_options(function: _Decorated) -> _Decorated:
    """Add ``--format`` and ``--output`` to a command that gives a table."""
    function = click.option(
        "--output", type=click.Path(path_type=Path), help="Write to this file rather than to stdout."
    )(function)
    return click.option(
        "--format",
        "form",
        type=click.Choice(formats.FORMATS),
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


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal whether to go on; ends the command unless the answer is yes."""
    if yes:
        return
    if not _somebody_is_there():
        raise click.UsageError("nobody can be asked here; say --yes to go on")
    click.confirm(question, abort=True, err=True)


def split(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> list[str]:
    """Read an option that is repeatable, comma separated, or both."""
    return [one.strip() for text in given for one in text.split(",") if one.strip()]


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


@contextmanager
def opened(settings: Settings, *, read_only: bool = False, create: bool = False) -> Iterator[SessionStore]:
    """Open the store; only with ``create`` one that is not there, so that a mistyped path makes no store."""
    from barhouse.store.errors import StoreError
    from barhouse.store.session_store import open_store

    if not create and settings.store != ":memory:" and not Path(settings.store).expanduser().exists():
        named = "" if settings.store == DEFAULT_STORE else f"--store {settings.store} "
        raise StoreError(
            f"there is no store at {settings.store}; create it with `barhouse {named}init`, "
            f"or name another with --store"
        )
    with open_store(settings.store, read_only=read_only) as store:
        yield store


def check_registered(store: SessionStore, symbols: Sequence[str]) -> None:
    """Refuse symbols that the store does not have."""
    from barhouse.store.model.inputs import unknown_symbol
    from barhouse.store.model.symbol import canonical_symbol

    known = store.get_active_symbols()
    for name in map(canonical_symbol, symbols):
        if name not in known:
            raise unknown_symbol(name, known)


@contextmanager
def progress_bar(
    settings: Settings, description: str, unit: str = "symbols"
) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr while work lasts; none (None) where nobody looks at it, or the log is shown."""
    if settings.verbose or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(
            task, completed=done, total=total, description=f"{description} {done:,} of {total:,} {unit}"
        )
