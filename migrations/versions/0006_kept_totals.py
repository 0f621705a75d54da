"""Each interval says how many bars it has, and new bars are written without looking for how to compress them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = True

_TABLE = "interval_definition"
_OLD_INDEX, _NEW_INDEX = "interval_definition_key", "interval_definition_of_symbol"

# DuckDB tries every compression on every column it writes. Runs of one value, and whole numbers that go up, need no
# trying, which is a sixth of the cost of loading; prices and volumes do, for these differ from source to source.
_COMPRESSION = {
    "interval_id": "bitpacking",
    "bar_start": "bitpacking",
    **dict.fromkeys(("span_seconds", "session_date", "segment", "base_count", "expected_count", "batch_id"), "rle"),
}
_BAR = (
    "interval_id INTEGER NOT NULL",
    "bar_start TIMESTAMP WITH TIME ZONE NOT NULL",
    "span_seconds BIGINT NOT NULL",
    "session_date DATE",
    "segment TINYINT",
    "open DOUBLE NOT NULL",
    "high DOUBLE NOT NULL",
    "low DOUBLE NOT NULL",
    "close DOUBLE NOT NULL",
    "volume DOUBLE NOT NULL",
    "trade_count BIGINT",
    "vwap DOUBLE",
    "base_count INTEGER NOT NULL",
    "expected_count INTEGER NOT NULL",
    "batch_id BIGINT NOT NULL",
)


_DEFINITION = (
    *("interval_id", "symbol_id", "interval", "unit", "length", "derived", "base", "complete_through"),
    *("derived_through", "retained_from", "retained_date", "purged_before", "purged_by", "quality_pct", "next_close"),
    *("first_session", "expected_count", "present_count"),
)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_definition_anew(_OLD_INDEX, _NEW_INDEX, _totals())
    op.execute(
        """
        UPDATE interval_definition AS d SET bar_count = b.bar_count, first_bar = b.first_bar, last_bar = b.last_bar
        FROM (SELECT interval_id, count(*) AS bar_count, min(bar_start) AS first_bar, max(bar_start) AS last_bar
              FROM bar GROUP BY interval_id) AS b
        WHERE b.interval_id = d.interval_id
    """
    )
    _make_bar_anew(_COMPRESSION)
    change_views("0005", "0006")


def downgrade() -> None:
    change_views("0006", "0005")
    _make_bar_anew({})
    _make_definition_anew(_NEW_INDEX, _OLD_INDEX, [])


def _totals() -> list[sa.Column[Any]]:
    return [sa.Column("bar_count", sa.BigInteger()), sa.Column("first_bar", _INSTANT), sa.Column("last_bar", _INSTANT)]


def _make_definition_anew(old_index: str, new_index: str, more: list[sa.Column[Any]]) -> None:
    """Make the table of definitions anew: DuckDB 1.5 adds no column where the same transaction changed rows."""
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
        *more,
        sa.CheckConstraint("unit in ('second', 'day', 'week', 'month')"),
        sa.CheckConstraint("length > 0"),
        sa.CheckConstraint("derived = (base is not null)"),
        sa.PrimaryKeyConstraint("interval_id"),
    )
    columns = ", ".join(_DEFINITION)
    op.execute(f"INSERT INTO {_TABLE} ({columns}) SELECT {columns} FROM kept_definition ORDER BY interval_id")
    op.execute("DROP TABLE temp.kept_definition")
    op.create_index(new_index, _TABLE, ["symbol_id", "interval"], unique=True)


def _make_bar_anew(compression: dict[str, str]) -> None:
    """Make the table of bars anew while it is empty; where bars are, compaction does."""
    if op.get_bind().execute(sa.text("SELECT EXISTS (FROM bar)")).scalar():
        return
    columns = []
    for column in _BAR:
        name, kind = column.split(" ", 1)
        columns.append(f"{name} {kind}" + (f" USING COMPRESSION {compression[name]}" if name in compression else ""))
    op.drop_table("bar")
    op.execute(f"CREATE TABLE bar ({', '.join(columns)})")
