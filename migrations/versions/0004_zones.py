"""Each calendar says its time zone, and ``bars_as_of`` takes nothing for an instant that has no zone."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from barhouse.store.calendars.exchange import timezone_of
from barhouse.store.errors import CalendarError
from barhouse.store.sql import texts

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False

_VIEWS = Path(__file__).parent.parent / "views"


def upgrade() -> None:
    table = op.create_table(
        "calendar_timezone",
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("calendar"),
    )
    calendars = op.get_bind().execute(sa.text("SELECT calendar, definition FROM trading_calendar")).all()
    zones = {name: zone for name, definition in calendars if (zone := _timezone(name, definition)) is not None}
    op.bulk_insert(table, [{"calendar": name, "timezone": zone} for name, zone in zones.items()])
    _replace("0003.sql", "0004.sql")


def downgrade() -> None:
    _replace("0004.sql", "0003.sql")
    op.drop_table("calendar_timezone")


def _timezone(name: str, definition: str | None) -> str | None:
    if definition is not None:
        return str(json.loads(definition)["timezone"])
    try:
        return timezone_of(name)
    except CalendarError:  # an exchange that the installed library has given up
        return None


def _replace(old: str, new: str) -> None:
    for name, statement in reversed(texts((_VIEWS / old).read_text(encoding="utf-8")).items()):
        table = "MACRO TABLE" if " AS TABLE" in statement else "MACRO"
        op.execute(f"DROP {'VIEW' if statement.startswith('CREATE VIEW') else table} {name}")
    for statement in texts((_VIEWS / new).read_text(encoding="utf-8")).values():
        op.execute(sa.text(statement.replace(":", "\\:")))
