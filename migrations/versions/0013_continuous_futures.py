"""Futures that go on: contracts one after the other, and from which session on each counts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "continuous_future",
        sa.Column("future_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("roll_rule", sa.String(), nullable=False),
        sa.Column("sessions_before", sa.Integer()),
        sa.Column("adjustment", sa.String(), nullable=False),
        sa.Column("through_batch", sa.BigInteger(), nullable=False),
        sa.Column("look_at", _INSTANT),
        sa.Column("removed_at", _INSTANT),
        sa.CheckConstraint("roll_rule in ('volume', 'expiry', 'dates')"),
        sa.CheckConstraint("adjustment in ('none', 'difference', 'ratio')"),
        sa.PrimaryKeyConstraint("future_id"),
    )
    op.create_table(
        "future_contract",
        sa.Column("future_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("symbol_id", sa.Integer(), nullable=False),
        sa.Column("expires", sa.Date()),
        sa.Column("roll_date", sa.Date()),
    )
    op.create_table("roll", *_roll_columns())
    op.create_table("roll_revision", *_roll_columns(), sa.Column("replaced_by", sa.BigInteger(), nullable=False))
    change_views("0012", "0013")


def downgrade() -> None:
    change_views("0013", "0012")
    for table in ("roll_revision", "roll", "future_contract", "continuous_future"):
        op.drop_table(table)


def _roll_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("future_id", sa.Integer(), nullable=False),
        sa.Column("symbol_id", sa.Integer(), nullable=False),
        sa.Column("session_date", sa.Date()),
        sa.Column("decided_on", sa.Date()),
        sa.Column("difference", sa.Double()),
        sa.Column("ratio", sa.Double()),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
    ]
