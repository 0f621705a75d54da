"""Bars have columns beyond the usual ones, which a store declares; their values are kept beside bars."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views
from barhouse.store.database.dialect import DoubleList

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False


def upgrade() -> None:
    op.create_table(
        "declared_column",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("aggregate", sa.String(), nullable=False),
        sa.Column("of_all", sa.Boolean(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("aggregate in ('sum', 'mean', 'min', 'max', 'first', 'last')"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "column_symbol",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("symbol_id", sa.Integer(), nullable=False),
    )
    op.create_table(
        "bar_values",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("declared", DoubleList(), nullable=False),
    )
    change_views("0014", "0015")


def downgrade() -> None:
    # Columns are gone, and the revisions of bars that differed in them alone stay, as equal values.
    change_views("0015", "0014")
    for table in ("bar_values", "column_symbol", "declared_column"):
        op.drop_table(table)
