"""The statements by room: what each is for, what it makes, takes, reads and writes; and who hands what to whom."""

from __future__ import annotations

from barhouse.store.sql import Statement
from tests.docs.pages import ROOT
from tests.docs.reference.markdown import HEADER, code, table

_INTRODUCTION = """# Statements

Every statement lies in `store/sql/`, in the folder of its room, and is called `room.name`. Its head says what it is for
and what it does: it *gives* rows, *makes* a temporary table, *writes* tables of the store, or is a *part* of other
statements. What it *takes* are temporary tables: whoever made one has a handle of it and hands that on, so a statement
sees what it is given and nothing else. `$named` values are parameters; `{named}` holes take handles, parts and whole
numbers, never text.

The views and macros that analysts rely on are in the [reference](reference/views.md).
"""


def statements() -> dict[str, dict[str, Statement]]:
    """Every statement, by room and own name; views and macros apart."""
    from barhouse.store import sql

    rooms = sorted({path.parent.name for path in (ROOT / "store" / "sql").glob("*/*.sql")} - {"schema"})
    return {room: sql.statements(room) for room in rooms}


def page() -> str:
    """The page."""
    rooms = statements()
    everything = [one for found in rooms.values() for one in found.values()]
    parts = [HEADER, _INTRODUCTION, "## Temporary tables\n", _tables(everything)]
    for room, found in rooms.items():
        parts += [f"## {room}\n", _room(list(found.values()))]
    return "\n".join(parts)


def _tables(everything: list[Statement]) -> str:
    """Each shape of temporary table: its columns, who makes it, and who takes it."""
    shapes: dict[str, tuple[set[str], list[str], list[str]]] = {}
    for one in everything:
        if one.kind == "makes":
            columns, makers, _ = shapes.setdefault(one.shape, (set(), [], []))
            columns.update(one.columns)
            makers.append(one.name)
    for one in everything:
        for shape in sorted(set(one.takes.values()) & shapes.keys()):
            shapes[shape][2].append(one.name)
    rows = [
        (code(shape), ", ".join(map(code, makers)), ", ".join(map(code, takers)))
        for shape, (_, makers, takers) in sorted(shapes.items())
    ]
    return table(("table", "made by", "taken by"), rows)


def _room(found: list[Statement]) -> str:
    rows = []
    for one in found:
        does = {
            "gives": f"gives {', '.join(one.columns)}",
            "makes": f"makes {one.shape}({', '.join(one.columns)})",
            "writes": f"writes {', '.join(one.writes)}",
            "part": f"part: {one.shape}" + (f"({', '.join(one.columns)})" if one.columns else ""),
        }[str(one.kind)]
        if one.takes:
            does += f"; takes {', '.join(sorted(set(one.takes.values())))}"
        if one.reads:
            does += f"; reads {', '.join(one.reads)}"
        rows.append((code(one.name.partition(".")[2]), one.purpose, does))
    return table(("statement", "what it is for", "what it does"), rows)
