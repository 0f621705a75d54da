"""How a command fails: its exit code, and the message for whoever typed it."""

from __future__ import annotations

import enum
import errno
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Mapping

import click

from barhouse.coordinator.cli.interrupts import STOPPED_CODE
from barhouse.store.hints import UNSAID, Action, Option, Wording, as_command


class ExitCode(enum.IntEnum):
    """Every exit code of ``barhouse``."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BAD_INPUT = 3
    STORE = 4
    REJECTS = 5
    DIFFERENCES = 6
    THRESHOLDS = 7
    FILES = 8
    INTERRUPTED = STOPPED_CODE


#: What each code means, for ``--help``.
MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "an unexpected error, or you said no",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.BAD_INPUT: "a file, symbol, interval, calendar or query cannot be used; nothing was written",
    ExitCode.STORE: "the store cannot be opened or is held by another process, or a bucket cannot be reached",
    ExitCode.REJECTS: "loaded, but some rows or files were rejected",
    ExitCode.DIFFERENCES: "verify found differences, or some are left after its repair",
    ExitCode.THRESHOLDS: "the job is done, but rejects, gaps or quality are past its thresholds",
    ExitCode.FILES: "the job is done, but for files that failed, or folders or symbols without files",
    ExitCode.INTERRUPTED: "stopped with Ctrl-C; what was written until then stays",
}


#: Which command was named, in the context of the command line.
_COMMAND = "barhouse.command"


class CommandLine(Wording):
    """Parameters are the options of the command at hand."""

    def __init__(self, ctx: click.Context) -> None:
        self._ctx = ctx

    def named(self, command: click.Command | None) -> None:
        """Take note of the command that was named."""
        self._ctx.meta[_COMMAND] = command

    def option(self, option: Option) -> str:
        """Spell a parameter as the command's option, or as its argument."""
        flag, is_flag = self._flag(option.name)
        if option.value is UNSAID or is_flag:
            return flag
        if option.value == {"volume": None} and self._flag("volume")[1]:
            return self._flag("volume")[0]  # --no-volume, which is short for it
        if isinstance(option.value, Mapping):
            pairs = (f"{part}={_column(name)}" for part, name in option.value.items())
            return " ".join(f"{flag} {shlex.quote(pair)}" for pair in pairs)
        if isinstance(option.value, list | tuple):
            return f"{flag} {shlex.quote(','.join(map(str, option.value)))}"
        return f"{flag} {shlex.quote(str(option.value))}"

    def action(self, action: Action) -> str:
        """Spell what can be done as the command that does it."""
        return as_command(action)

    def _flag(self, name: str) -> tuple[str, bool]:
        """Look up how the command spells a parameter, and whether it takes no value."""
        command: click.Command | None = self._ctx.meta.get(_COMMAND)
        for parameter in command.params if command is not None else ():
            if parameter.name in (name, f"no_{name}"):
                if isinstance(parameter, click.Option):
                    return max(parameter.opts, key=len), parameter.is_flag
                return parameter.human_readable_name, False
        return "--" + name.replace("_", "-"), False


def _column(name: object) -> str:
    """Spell a column, none, or two of them."""
    return "+".join(map(str, name)) if isinstance(name, list | tuple) else "" if name is None else str(name)


def explain(error: BaseException, *, verbose: bool) -> ExitCode:
    """Print an error on stderr, with its causes if ``verbose``; returns the code to exit with."""
    from barhouse.store.errors import BarhouseError, InputError

    expected = isinstance(error, BarhouseError) or _is_of_disk(error)
    message = str(error) if expected else f"unexpected error: {type(error).__name__}: {error}"
    if _is_of_disk(error):
        message = f"what is to be written cannot be: {error}; make room or look after the disk, then do it again"
    click.echo(f"barhouse: {message}", err=True)
    if verbose:
        for cause in list(chain(error))[1:]:
            click.echo(f"  caused by {type(cause).__name__}: {cause}", err=True)
        if not expected:
            click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if not expected:
        return ExitCode.FAILED
    return ExitCode.BAD_INPUT if isinstance(error, InputError) else ExitCode.STORE


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and its causes, the nearest first."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def is_interrupt(error: BaseException) -> bool:
    """Whether somebody pressed Ctrl-C; only a process that has DuckDB can have it say so in a way of its own."""
    if isinstance(error, KeyboardInterrupt):
        return True
    if "duckdb" not in sys.modules:
        return False
    from barhouse.store.database import failures

    return failures.is_interrupt(error)


def is_broken_pipe(error: BaseException) -> bool:
    """Whether whoever read the output has left."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _is_of_disk(error: BaseException) -> bool:
    """Whether a disk, or what takes the output, has no room or does not do what it is told."""
    if not isinstance(error, OSError):
        return False
    from barhouse.store.database.failures import is_of_disk

    return is_of_disk(error)


def discard_stdout() -> None:
    """Write nothing more to a reader that is gone; the interpreter flushes once more at its end."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
    except (OSError, ValueError):
        return
