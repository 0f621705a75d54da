"""Intervals of several sessions are accounted for from their first block that is whole; calendars say their zones.

Views say what they mean, and ``bars_as_of`` takes nothing for an instant that has no zone.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views
from barhouse.store.calendars.exchange import timezone_of
from barhouse.store.errors import CalendarError

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = True

# The block that a base's first session lies in begins before it: nobody can fill what it lacks there.
_PARTIAL = """
    SELECT d.interval_id, coalesce(greatest(b.retained_date, d.retained_date), b.first_session) AS first_date
    FROM interval_definition AS d
    JOIN interval_definition AS b ON b.symbol_id = d.symbol_id AND b.interval = d.base
    WHERE d.derived AND d.unit <> 'second'
"""


def upgrade() -> None:
    for table in ("session_coverage", "gap"):
        op.execute(
            f"""
            DELETE FROM {table} AS c USING ({_PARTIAL}) AS p
            WHERE c.interval_id = p.interval_id AND c.session_date < p.first_date
        """
        )
    op.execute(
        """
        UPDATE interval_definition AS d
        SET first_session = c.first_session, expected_count = c.expected_count, present_count = c.present_count,
            quality_pct = CAST(100.0 AS DOUBLE) * c.present_count / nullif(c.expected_count, 0)
        FROM (SELECT d.interval_id, min(c.session_date) AS first_session,
                     CAST(sum(c.expected_count) AS BIGINT) AS expected_count,
                     CAST(sum(c.present_count) AS BIGINT) AS present_count
              FROM interval_definition AS d LEFT JOIN session_coverage AS c USING (interval_id)
              WHERE d.derived AND d.unit <> 'second' GROUP BY d.interval_id) AS c
        WHERE c.interval_id = d.interval_id
    """
    )
    _add_zones()
    change_views("0003", "0004")


def downgrade() -> None:
    # What the partial blocks had is told by the bars: `repair` of the older version counts them again.
    change_views("0004", "0003")
    op.drop_table("calendar_timezone")


def _add_zones() -> None:
    table = op.create_table(
        "calendar_timezone",
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("calendar"),
    )
    calendars = op.get_bind().execute(sa.text("SELECT calendar, definition FROM trading_calendar")).all()
    zones = {name: zone for name, definition in calendars if (zone := _zone(name, definition)) is not None}
    op.bulk_insert(table, [{"calendar": name, "timezone": zone} for name, zone in zones.items()])


def _zone(name: str, definition: str | None) -> str | None:
    if definition is not None:
        return str(json.loads(definition)["timezone"])
    try:
        return timezone_of(name)
    except CalendarError:  # an exchange that the installed library has given up
        return None
