"""The commands, from click: what each does, its options, and an example."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import click

from barhouse.coordinator.cli.errors import MEANINGS
from barhouse.coordinator.cli.main import cli
from tests.docs.reference.markdown import HEADER, code, table

_INTRODUCTION = """# Commands

`barhouse [--store PATH] COMMAND`. Each command wraps one call of the library. Data goes to stdout, everything else to
stderr; a progress bar is shown where stderr is a terminal. `barhouse COMMAND --help` says what is said here.

"""


def commands(group: click.Group = cli, path: str = "barhouse") -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it, groups left out, in the order of help."""
    for name, found in group.commands.items():
        if found.hidden:
            continue
        if isinstance(found, click.Group):
            yield from commands(found, f"{path} {name}")
        else:
            yield f"{path} {name}", found


def page() -> str:
    """The page of the commands."""
    listed = [(f"[`{path}`](#{path.replace(' ', '-')})", found.get_short_help_str(200)) for path, found in commands()]
    parts = [HEADER, _INTRODUCTION, table(("Command", ""), listed)]
    parts.append(f"\n## Options of all commands\n\nThey stand before the command.\n\n{_options(cli)}")
    codes = [(str(int(one)), meaning) for one, meaning in MEANINGS.items()]
    parts.append(f"\n## Exit codes\n\n{table(('Code', 'Meaning'), codes)}")
    parts += [_command(path, found) for path, found in commands()]
    return "".join(parts)


def _command(path: str, command: click.Command) -> str:
    usage = " ".join([path, *command.collect_usage_pieces(click.Context(command))])
    parts = [f"\n## `{path}`\n\n{_text(command.help or '')}\n```text\n{usage}\n```\n"]
    options = _options(command)
    if options:
        parts.append(f"\n{options}")
    if command.epilog:
        parts.append(f"\n{_text(command.epilog)}")
    return "".join(parts)


def _text(help_: str) -> str:
    """Paragraphs; those that click leaves as they are laid out become blocks."""
    made = []
    for paragraph in re.split(r"\n\s*\n", help_.strip()):
        lines = [line.rstrip() for line in paragraph.splitlines()]
        if lines[0].strip() != "\b":
            made.append(" ".join(line.strip() for line in lines) + "\n")
            continue
        title, *block = lines[1:]
        laid_out = textwrap.dedent("\n".join(block))
        made.append(f"{title.strip()}\n\n```text\n{laid_out}\n```\n")
    return "\n".join(made)


def _options(command: click.Command) -> str:
    rows = []
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            # What click says of an option, in two columns.
            said = option.get_help_record(click.Context(command))
            if said is not None:
                names, help_ = said
                rows.append((code(names), help_))
    return table(("Option", "Meaning"), rows) if rows else ""
