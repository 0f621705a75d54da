"""Markdown that is made: tables, and docstrings in NumPy's style turned into it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

HEADER = "<!-- Made from the code by `python -m tests.docs --write`; what is written here by hand is lost. -->\n\n"

_UNDERLINED = re.compile(r"^(\S.*)\n-{3,}$", re.MULTILINE)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar inside of a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(one) for one in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Text as code in a line; nothing stays nothing."""
    return f"`{text}`" if text else ""


def from_rest(text: str) -> str:
    """Roles and doubled backquotes of reStructuredText, in Markdown."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def from_docstring(given: str | None) -> str:
    """A docstring in NumPy's style: its text, and its sections as lists."""
    text = inspect.cleandoc(given or "")
    if "::\n" in text:
        text = _with_blocks(text)
    parts = _UNDERLINED.split(text)
    made = [from_rest(parts[0].strip())]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        made.append(f"**{title}**\n\n{_items(body)}")
    return "\n\n".join(made) + "\n"


def _items(body: str) -> str:
    """The items of a section: a name on a line, and below, indented, what is said of it."""
    found: list[tuple[str, list[str]]] = []
    for line in body.strip("\n").splitlines():
        if line and not line.startswith(" "):
            found.append((line, []))
        elif found:
            found[-1][1].append(line.strip())
    return "\n".join(_item(name, " ".join(one for one in said if one)) for name, said in found)


def _item(name: str, said: str) -> str:
    if " : " in name:  # See Also
        name, _, said = name.partition(" : ")
    names = ", ".join(f"`{one.strip()}`" for one in name.split(","))
    return f"- {names}: {from_rest(said)}" if said else f"- {names}"


def _with_blocks(text: str) -> str:
    """Literal blocks, which are indented below ``::``, as fences."""

    def fenced(found: re.Match[str]) -> str:
        return f"{found[1]}{':' if found[1] else ''}\n\n```text\n{inspect.cleandoc(found[2])}\n```\n"

    return re.sub(r"^(.*)::\n\n((?:    .*\n|\n)+)", fenced, text + "\n", flags=re.MULTILINE)
