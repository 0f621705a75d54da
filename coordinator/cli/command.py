"""What a command is made of: its help, the settings given before its name, the question before it goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from barhouse.coordinator.cli.errors import (
    CommandLine,
    ExitCode,
    chain,
    discard_stdout,
    explain,
    is_broken_pipe,
    is_interrupt,
)
from barhouse.coordinator.cli.interrupts import STOPPED
from barhouse.coordinator.cli.renames import Command, renamed_command
from barhouse.store.errors import speaking


@dataclass(frozen=True, slots=True)
class Settings:
    """What was said before the command's name.

    Attributes
    ----------
    store
        The store's file, by ``--store``, the environment or default.
    store_said
        Whether ``--store`` says so; otherwise a job's own store goes before it.
    verbose
        Whether the log is shown.
    """

    store: str
    store_said: bool
    verbose: bool


class Commands(click.Group):
    """A group of commands; turns what they raise into one message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of use, not of the alphabet."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command named, also by a name it had."""
        name, found, rest = super().resolve_command(ctx, renamed_command(args) if ctx.parent is None else args)
        CommandLine(ctx).named(found)
        return name, found, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command named; see :class:`ExitCode`."""
        with speaking(CommandLine(ctx)):
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if any(is_interrupt(cause) for cause in chain(error)):
                click.echo(STOPPED, err=True)
                ctx.exit(ExitCode.INTERRUPTED)
            if any(is_broken_pipe(cause) for cause in chain(error)):
                discard_stdout()
                ctx.exit(ExitCode.OK)
            ctx.exit(explain(error, verbose=bool(ctx.find_root().params.get("verbose"))))
        return result


def command(name: str, *, example: str, cls: type[Command] = Command) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command, with an example below its help."""
    return click.command(name, cls=cls, epilog=epilog(example))


def epilog(example: str) -> str:
    """Lay out the example below a command's help."""
    return f"\b\nExample:\n  {example}"


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal whether to go on; ends the command unless the answer is yes."""
    if yes:
        return
    if not _somebody_is_there():
        raise click.UsageError("nobody can be asked here; say --yes to go on")
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()
