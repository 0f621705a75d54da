"""Splits and dividends are kept beside bars, with the values that they had before."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False

_TABLE = "corporate_action"


def upgrade() -> None:
    op.create_table(_TABLE, *_columns())
    op.create_table(f"{_TABLE}_revision", *_columns(), sa.Column("replaced_by", sa.BigInteger(), nullable=False))
    change_views("0006", "0007")


def downgrade() -> None:
    change_views("0007", "0006")
    op.drop_table(f"{_TABLE}_revision")
    op.drop_table(_TABLE)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("symbol_id", sa.Integer(), nullable=False),
        sa.Column("ex_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ratio", sa.Double()),
        sa.Column("amount", sa.Double()),
        sa.Column("currency", sa.String()),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
    ]
