"""Names that commands and options had before: they do for one more release, and say what to use now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

#: Commands by the name they had, as they are typed now.
COMMANDS: Mapping[str, tuple[str, ...]] = {"check": ("run", "--dry-run"), "sessions": ("runs",)}


class RenamedOption(click.Option):
    """An option, with the spellings it had before.

    Attributes
    ----------
    formerly
        Old spelling to new, such as ``{"--from": "--start"}``. One with a value stands for the option with just that
        value, and becomes nothing where it was the default: ``{"--format json": "--json", "--format text": ""}``.
    """

    def __init__(self, *declarations: Any, formerly: Mapping[str, str] | None = None, **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.formerly = dict(formerly or {})


class Command(click.Command):
    """A command that takes its options by their old names, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what was typed after the command's name."""
        formerly = {
            old: new
            for parameter in self.params
            if isinstance(parameter, RenamedOption)
            for old, new in parameter.formerly.items()
        }
        return super().parse_args(ctx, list(_renamed(args, formerly)) if formerly else args)


def renamed_command(args: Sequence[str]) -> list[str]:
    """Put a command's name of today in the place of the one it had."""
    now = COMMANDS.get(args[0])
    if now is None:
        return list(args)
    _tell(args[0], " ".join(now))
    return [*now, *args[1:]]


def _renamed(args: Sequence[str], formerly: Mapping[str, str]) -> Iterator[str]:
    """Put today's names of options in the place of those they had."""
    rest = list(args)
    while rest:
        text = rest.pop(0)
        if text == "--":
            yield from (text, *rest)
            return
        name, equals, value = text.partition("=")
        following = value if equals else (rest[0] if rest else "")
        if name in formerly:
            _tell(name, formerly[name])
            yield formerly[name] + equals + value
        elif f"{name} {following}" in formerly:
            now = formerly[f"{name} {following}"]
            _tell(f"{name} {following}", now)
            if not equals:
                rest.pop(0)
            if now:
                yield now
        else:
            yield text


def _tell(before: str, now: str) -> None:
    said = f"is called {now} now" if now else "is what comes without it"
    click.echo(f"barhouse: {before} {said}; the old name ends with the next release", err=True)
