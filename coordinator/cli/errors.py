"""How a command fails: its exit code, and the message for whoever typed it."""

from __future__ import annotations

import enum
import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator

import click


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


#: What each code means, for ``--help``.
MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "an unexpected error, or you said no",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.BAD_INPUT: "a file, symbol, interval, calendar or query cannot be used; nothing was written",
    ExitCode.STORE: "the store cannot be opened, or is held by another process",
    ExitCode.REJECTS: "loaded, but some rows or files were rejected",
    ExitCode.DIFFERENCES: "verify found differences, or some are left after its repair",
    ExitCode.THRESHOLDS: "the job is done, but rejects, gaps or quality are past its thresholds",
    ExitCode.FILES: "the job is done, but for files that failed or symbols without files",
}

#: Parameters of the library, as the options that set them.
_OPTIONS = {
    "available": "--available",
    "ambiguous": "--ambiguous",
    "base": "--base",
    "before": "--before",
    "closing_bar": "--closing-bar",
    "columns": "--column",
    "end": "--end",
    "intervals": "--intervals",
    "header": "--header",
    "label": "--label",
    "name": "--name",
    "now": "--now",
    "on_missing": "--on-missing",
    "replace": "--replace",
    "skip_rows": "--skip-rows",
    "speed": "--speed",
    "start": "--start",
    "symbol": "--symbol",
    "symbols": "--symbols",
    "timestamp_format": "--timestamp-format",
    "timezone": "--timezone",
    "volume_column": "--volume-column",
    "warm_up": "--warm-up",
}
_COLUMN = re.compile(r'\bcolumns=\{"(\w+)": (?:"(\w+)"|(None)|\.\.\.)\}')
_PARAMETER = re.compile(r"(?<!--column )(?<![\w-])(" + "|".join(_OPTIONS) + r""")=(?:'([^']*)'|"([^"]*)"|(\w+))?""")
_PHRASES = (
    (re.compile(r"without strict=True"), "without --strict"),
    (re.compile(r"\bstrict=True"), "--strict"),
    (re.compile(r"\brestart=True"), "--restart"),
    (re.compile(r"run DataProcessor\(store\)\.process\(\) first"), "run `barhouse process` first, or say --name"),
    (re.compile(r"open it once without read_only=True to upgrade it"), "`barhouse init` upgrades it"),
    (re.compile(r", or open it with read_only=True$"), ""),
    (re.compile(r"open it with read_only=True, or change who may use it"), "change who may use it, or read only"),
    (re.compile(r", or None$"), ", or leave it out"),
    (re.compile(r"\bwith check=False"), "with --no-check"),
    (re.compile(r"\bwith full=True"), "with --full"),
    (re.compile(r"\bwith force=True"), "with --force"),
    (re.compile(r"\bremove_symbol\('([^']*)'\)"), r"`barhouse remove \1`"),
    (re.compile(r"\buse remove_symbol\b"), "use `barhouse remove`"),
    (re.compile(r"\bdelete_bars needs start, end or both"), "say --start, --end or both"),
    (re.compile(r" \(delete_bars\)"), " with `barhouse delete`"),
    (re.compile(r"\bbase and available exclude each other"), "--base and --available exclude each other"),
    (re.compile(r"\ba store is changed through its coordinator"), "other commands change the store"),
)


def in_options(message: str) -> str:
    """Spell a message of the library with its Python parameters as command-line options."""
    for pattern, replacement in _PHRASES:
        message = pattern.sub(replacement, message)
    message = _COLUMN.sub(lambda found: f"--column {found[1]}={'' if found[3] else found[2] or 'NAME'}", message)
    return _PARAMETER.sub(_as_option, message)


def _as_option(found: re.Match[str]) -> str:
    value = next((one for one in found.groups()[1:] if one is not None), None)
    if value is None:
        return _OPTIONS[found[1]]
    return f"{_OPTIONS[found[1]]} {repr(value) if not value or ' ' in value else value}"


def explain(error: Exception, *, verbose: bool) -> ExitCode:
    """Print an error on stderr, with its causes if ``verbose``; returns the code to exit with."""
    from barhouse.store.errors import BarhouseError, InputError

    expected = isinstance(error, BarhouseError)
    message = in_options(str(error)) if expected else f"unexpected error: {type(error).__name__}: {error}"
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


def is_broken_pipe(error: BaseException) -> bool:
    """Whether whoever read the output has left."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def discard_stdout() -> None:
    """Write nothing more to a reader that is gone; the interpreter flushes once more at its end."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
    except (OSError, ValueError):
        return
