"""Named SQL statements: a folder for each room, in it ``.sql`` files by subject.

A statement starts at a line ``-- name: ...``, goes on with what it is for, in sentences, and with what it declares:

``-- gives: a, b``
    It reads; these are the columns of its rows.
``-- makes: table(a, b)``
    It makes a temporary table of this shape, of which the caller gets a handle.
``-- writes: table, table``
    It changes these tables; its only row says how many rows.
``-- part: table(a, b)``, ``-- part: condition``, ``-- part: columns``, ...
    It is no statement but a piece of one.

and with what it needs:

``-- takes: hole, hole: shape``
    Temporary tables, handed over by the caller into holes; ``hole: shape`` where the hole is named otherwise, and
    ``hole: any`` where it takes tables of several shapes for the columns they share.
``-- reads: table, view``
    Tables and views of the store.

Values are DuckDB's ``$named`` parameters; ``{named}`` holes take tables, pieces of SQL and whole numbers.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal

from barhouse.store.sql.text import Sql

Kind = Literal["gives", "makes", "writes", "part"]

_HEADER = re.compile(r"^-- (?:name|view|macro): ([a-z_0-9]+)$", re.MULTILINE)
_KINDS: tuple[Kind, ...] = ("gives", "makes", "writes", "part")
_SHAPE = re.compile(r"([a-z_0-9]+)\((.*)\)")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and what it declares.

    Attributes
    ----------
    name
        ``room.own_name``.
    purpose
        What it is for.
    kind
        What it does; None for views and macros, which the catalog describes.
    shape
        What a table that it makes, or a part that stands for one, is called; or the kind of part.
    columns
        Of its rows, or of the table it makes; () where there are none to tell.
    takes
        Each hole that takes a temporary table, with the shape that table must have.
    reads, writes
        Tables and views of the store.
    text
        The statement itself.
    """

    name: str
    purpose: str
    kind: Kind | None
    shape: str
    columns: tuple[str, ...]
    takes: dict[str, str]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    text: Sql


def parse(text: str, room: str = "") -> dict[str, Statement]:
    """The statements of a text, by their own name, in order.

    Raises
    ------
    LookupError
        When a name comes twice, or a statement declares more than one kind.
    """
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    found: dict[str, Statement] = {}
    for header, end in zip(headers, ends, strict=True):
        if header[1] in found:
            raise LookupError(f"two statements are named {header[1]!r}")
        full = f"{room}.{header[1]}" if room else header[1]
        found[header[1]] = _statement(full, text[header.end() : end].lstrip("\n"))
    return found


def _statement(name: str, text: str) -> Statement:
    purpose: list[str] = []
    declared: dict[str, str] = {}
    at = None
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        said = line.removeprefix("--").strip()
        key = re.match(r"(gives|makes|writes|part|takes|reads):(.*)", said)
        if key:
            at = key[1]
            declared[at] = key[2].strip()
        elif at is not None:  # a long list goes on in the next line
            declared[at] += " " + said
        else:
            purpose.append(said)
    kinds = [kind for kind in _KINDS if kind in declared]
    if len(kinds) > 1:
        raise LookupError(f"{name} declares {' and '.join(kinds)}; a statement has one kind")
    kind = kinds[0] if kinds else None
    shape, columns = _shaped(kind, declared.get(kind, "") if kind else "")
    body = re.sub(r"^--.*(?:\n|\Z)", "", text, flags=re.MULTILINE).strip().removesuffix(";")
    return Statement(
        name=name,
        purpose=" ".join(purpose),
        kind=kind,
        shape=shape,
        columns=columns,
        takes=dict(_hole(hole) for hole in _listed(declared.get("takes", ""))),
        reads=_listed(declared.get("reads", "")),
        writes=_listed(declared.get("writes", "")),
        text=Sql(body),
    )


def _shaped(kind: Kind | None, said: str) -> tuple[str, tuple[str, ...]]:
    if kind == "gives":
        return "", _listed(said)
    found = _SHAPE.fullmatch(said)
    if kind in ("makes", "part") and found:
        return found[1], _listed(found[2])
    return (said, ()) if kind == "part" else ("", ())


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _hole(text: str) -> tuple[str, str]:
    hole, _, shape = text.partition(":")
    return hole.strip(), shape.strip() or hole.strip()


def texts(text: str) -> dict[str, str]:
    """The texts of the statements of a text, such as one of views, by name, in order."""
    return {name: str(found.text) for name, found in parse(text).items()}


@functools.cache
def statements(room: str) -> dict[str, Statement]:
    """All statements of one room, by their own name, file by file.

    Raises
    ------
    LookupError
        When two of its files have statements of one name.
    """
    found: dict[str, Statement] = {}
    for file in _files(resources.files(__package__), room):
        more = parse(file.read_text(encoding="utf-8"), room)
        twice = found.keys() & more.keys()
        if twice:
            raise LookupError(f"two statements of {room} are named {sorted(twice)}")
        found |= more
    return found


def _files(root: Traversable, room: str) -> list[Traversable]:
    folder = root / room
    if folder.is_dir():
        return sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    return [root / f"{room}.sql"]


def statement(name: str) -> Statement:
    """The statement ``room.own_name``."""
    room, _, own = name.partition(".")
    return statements(room)[own]


def sql(name: str, /, **places: object) -> Sql:
    """The text of a statement, or of a piece of one, its holes filled."""
    found = statement(name)
    check_takes(found, places)
    return found.text.fill(places, found.name)


def check_takes(found: Statement, places: dict[str, object]) -> None:
    """Refuse a temporary table of another shape than the statement takes.

    Raises
    ------
    TypeError
        Naming both shapes.
    """
    for hole, shape in found.takes.items():
        given = getattr(places.get(hole), "shape", shape)
        if shape not in (given, "any"):
            raise TypeError(f"{found.name}: {{{hole}}} takes a table of shape {shape}, not {given}")
