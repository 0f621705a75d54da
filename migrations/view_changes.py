"""Views and macros in migrations: each migration has a file in ``views/`` with those that it changes, and no others."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from barhouse.store.sql import texts

_VIEWS = Path(__file__).parent / "views"


def views_at(revision: str) -> dict[str, str]:
    """The views and macros of a schema, by name, in an order in which they can be made."""
    found: dict[str, str] = {}
    for file in sorted(_VIEWS.glob("*.sql")):
        if file.stem <= revision:
            changed = texts(file.read_text(encoding="utf-8"))
            found = {name: statement for name, statement in found.items() if name not in changed} | changed
    return found


def change_views(old: str, new: str) -> None:
    """Make the views and macros that differ between two schemas anew, as the second has them."""
    before, after = views_at(old), views_at(new)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    for name, statement in reversed(before.items()):
        if name in changed:
            table = "MACRO TABLE" if " AS TABLE" in statement else "MACRO"
            op.execute(f"DROP {'VIEW' if statement.startswith('CREATE VIEW') else table} {name}")
    for name, statement in after.items():
        if name in changed:
            op.execute(sa.text(statement.replace(":", "\\:")))


def make_views_anew(connection: sa.Connection, revision: str) -> None:
    """Make all views of a schema anew: one keeps the columns of what it reads as they were when it was made."""
    for statement in views_at(revision).values():
        if statement.startswith("CREATE VIEW"):
            connection.exec_driver_sql(statement.replace("CREATE", "CREATE OR REPLACE", 1))
