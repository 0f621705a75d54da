"""Continuous futures may be rolled by open interest, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = True

_TABLE = "continuous_future"
_BEFORE = ("volume", "expiry", "dates")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_anew((*_BEFORE, "open_interest"))


def downgrade() -> None:
    op.execute(f"DELETE FROM {_TABLE} WHERE roll_rule = 'open_interest'")
    _make_anew(_BEFORE)


def _make_anew(rules: tuple[str, ...]) -> None:
    op.execute(f"CREATE TEMP TABLE kept_future AS FROM {_TABLE}")
    op.drop_table(_TABLE)
    op.create_table(
        _TABLE,
        sa.Column("future_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("roll_rule", sa.String(), nullable=False),
        sa.Column("sessions_before", sa.Integer()),
        sa.Column("adjustment", sa.String(), nullable=False),
        sa.Column("through_batch", sa.BigInteger(), nullable=False),
        sa.Column("look_at", _INSTANT),
        sa.Column("removed_at", _INSTANT),
        sa.CheckConstraint(f"roll_rule in ({', '.join(map(repr, rules))})"),
        sa.CheckConstraint("adjustment in ('none', 'difference', 'ratio')"),
        sa.PrimaryKeyConstraint("future_id"),
    )
    op.execute(f"INSERT INTO {_TABLE} FROM kept_future ORDER BY future_id")
    op.execute("DROP TABLE temp.kept_future")
