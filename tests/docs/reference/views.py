"""The views that analysts rely on: what each is, from the statements; its columns, from the catalog of a store."""

from __future__ import annotations

import re
from functools import cache

from barhouse import open_store
from barhouse.store.database.comments import meaning, words
from tests.docs.pages import ROOT
from tests.docs.reference.markdown import HEADER, code, table

_INTRODUCTION = """# Views and columns

What analysts rely on. The names of these views and of their columns are a promise: one that changes keeps working under
its old name for one release, and the [changelog](../../CHANGELOG.md) says so. Whatever else a store's file holds may
change without a word.

Every instant is `TIMESTAMP WITH TIME ZONE` and means UTC; every stretch of time is half-open, `[start, end)`. What the
words mean is in the [glossary](../glossary.md), how to ask in [SQL for analysts](../guides/sql.md).
"""
_SHORT = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}


@cache
def columns() -> dict[str, list[tuple[str, str]]]:
    """The columns of each promised view, with their types, from the catalog of a store."""
    with open_store(":memory:") as store:
        return {
            view: [(row["column_name"], row["column_type"]) for row in store.sql(f"DESCRIBE {source}").to_pylist()]
            for view, source in ((view, _source(view)) for view in words()["one_row_for_each"])
        }


def _source(view: str) -> str:
    return f"FROM {view}(now())" if view == "bars_as_of" else f"FROM {view}"


def purpose(view: str) -> str:
    """What stands above a view's statement."""
    header = re.compile(rf"^-- (?:view|macro): {view}\n((?:-- .*\n)+)", re.MULTILINE)
    for path in sorted((ROOT / "store").rglob("*.sql")):
        found = header.search(path.read_text(encoding="utf-8"))
        if found:
            lines = [line[3:] for line in found[1].splitlines()]
            return " ".join(line for line in lines if not re.match(r"(?:takes|makes|reads|writes|part|gives):", line))
    raise LookupError(view)


def page() -> str:
    """The page of the views."""
    parts = [HEADER, _INTRODUCTION]
    rows = [
        (f"[`{_title(view)}`](#{view}{'moment' if view == 'bars_as_of' else ''})", one)
        for view, one in words()["one_row_for_each"].items()
    ]
    parts.append("\n" + table(("View", "One row for each"), rows))
    for view, found in columns().items():
        listed = [(code(name), _SHORT.get(kind, kind), meaning(view, name)) for name, kind in found]
        parts.append(f"\n## `{_title(view)}`\n\n{purpose(view)}\n\n{table(('Column', 'Type', 'Meaning'), listed)}")
    return "".join(parts)


def _title(view: str) -> str:
    return "bars_as_of(moment)" if view == "bars_as_of" else view
