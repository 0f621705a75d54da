"""Blocks of sessions say where they count from, and years and quarters have spellings of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = True

_TABLE = "interval_definition"
_OLD_INDEX, _NEW_INDEX = "interval_definition_of_symbol", "interval_definition_named"
_OLD_UNITS = "unit in ('second', 'day', 'week', 'month')"
_NEW_UNITS = "regexp_full_match(unit, 'second|(day|week|month)(@[a-z]+)?')"

_DEFINITION = (
    *("interval_id", "symbol_id", "interval", "unit", "length", "derived", "base", "complete_through"),
    *("derived_through", "retained_from", "retained_date", "purged_before", "purged_by", "quality_pct", "next_close"),
    *("first_session", "expected_count", "present_count", "bar_count", "first_bar", "last_bar"),
)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_definition_anew(_OLD_INDEX, _NEW_INDEX, _NEW_UNITS)
    for column in ("interval", "base"):
        op.execute(_spelling(column, "text", "new_text"))
    change_views("0013", "0014")


def downgrade() -> None:
    anchored = (
        op.get_bind()
        .execute(
            sa.text("SELECT string_agg(DISTINCT interval, ', ') FROM interval_definition WHERE contains(unit, '@')")
        )
        .scalar()
    )
    if anchored:
        raise RuntimeError(f"schema 0013 has no intervals such as {anchored}; take a copy of before")
    change_views("0014", "0013")
    for column in ("interval", "base"):
        op.execute(_spelling(column, "new_text", "text"))
    _make_definition_anew(_NEW_INDEX, _OLD_INDEX, _OLD_UNITS)


def _spelling(column: str, old: str, new: str) -> str:
    """Three months are a quarter and twelve a year: each length has one spelling."""
    return f"""
        UPDATE interval_definition AS d SET {column} = s.{new}
        FROM (SELECT length || 'mo' AS text,
                     CASE WHEN length % 12 = 0 THEN length // 12 || 'y' ELSE length // 3 || 'q' END AS new_text
              FROM range(3, 1001, 3) AS l(length)) AS s
        WHERE d.{column} = s.{old}
    """


def _make_definition_anew(old_index: str, new_index: str, units: str) -> None:
    """Make the table of definitions anew: DuckDB takes no check away from a table that is there."""
    op.execute("CREATE OR REPLACE TEMP TABLE kept_definition AS FROM interval_definition")
    op.drop_index(old_index, table_name=_TABLE)
    op.drop_table(_TABLE)
    op.create_table(
        _TABLE,
        sa.Column("interval_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("symbol_id", sa.Integer(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("derived", sa.Boolean(), nullable=False),
        sa.Column("base", sa.String()),
        sa.Column("complete_through", _INSTANT),
        sa.Column("derived_through", _INSTANT),
        sa.Column("retained_from", _INSTANT),
        sa.Column("retained_date", sa.Date()),
        sa.Column("purged_before", _INSTANT),
        sa.Column("purged_by", sa.BigInteger()),
        sa.Column("quality_pct", sa.Double()),
        sa.Column("next_close", _INSTANT),
        sa.Column("first_session", sa.Date()),
        sa.Column("expected_count", sa.BigInteger()),
        sa.Column("present_count", sa.BigInteger()),
        sa.Column("bar_count", sa.BigInteger()),
        sa.Column("first_bar", _INSTANT),
        sa.Column("last_bar", _INSTANT),
        sa.CheckConstraint(units),
        sa.CheckConstraint("length > 0"),
        sa.CheckConstraint("derived = (base is not null)"),
        sa.PrimaryKeyConstraint("interval_id"),
    )
    columns = ", ".join(_DEFINITION)
    op.execute(f"INSERT INTO {_TABLE} ({columns}) SELECT {columns} FROM kept_definition ORDER BY interval_id")
    op.execute("DROP TABLE temp.kept_definition")
    op.create_index(new_index, _TABLE, ["symbol_id", "interval"], unique=True)
