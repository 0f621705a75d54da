"""A report on its way out: a text on stderr, or a line of JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pydantic import BaseModel


def say(text: str) -> None:
    """Print a sentence on stderr; nothing for an empty one."""
    if text:
        click.echo(text, err=True)


def put(report: BaseModel | Sequence[BaseModel | str], text: str, *, as_json: bool) -> None:
    """Print a report: one line of JSON on stdout, or its ``text`` on stderr."""
    if not as_json:
        say(text)
    elif isinstance(report, Sequence):
        texts = (json.dumps(line) if isinstance(line, str) else line.model_dump_json() for line in report)
        click.echo("[" + ", ".join(texts) + "]")
    else:
        click.echo(report.model_dump_json())
