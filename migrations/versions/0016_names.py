"""Symbols have names over time, and names that sources may call them by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = True

_KINDS = ("load", "process", "delete", "remove", "calendar", "repair", "retention", "revert")
_COUNTS = ("inserted", "revised", "unchanged", "rejected", "deleted")


def upgrade() -> None:
    _make_batch_anew((*_KINDS, "name"), "kind")
    op.create_table(
        "symbol_name",
        sa.Column("symbol_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_alias", sa.Boolean(), nullable=False),
        sa.Column("vendor", sa.String()),
        sa.Column("valid_from", sa.Date()),
        sa.Column("valid_to", sa.Date()),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("replaced_by", sa.BigInteger()),
        sa.CheckConstraint("valid_from < valid_to"),
        sa.CheckConstraint("is_alias or vendor is null"),
    )
    change_views("0015", "0016")


def downgrade() -> None:
    # Symbols keep their names of today. An older version knows of no kind for what changed names, and wrote no bars.
    change_views("0016", "0015")
    op.drop_table("symbol_name")
    _make_batch_anew(_KINDS, "CASE kind WHEN 'name' THEN 'repair' ELSE kind END")


def _make_batch_anew(kinds: tuple[str, ...], kind: str) -> None:
    """Make the table of batches anew, and those that refer to it: no check of a table that is there can be changed."""
    for table in ("batch", "rejected_bar", "history_start"):
        op.execute(f"CREATE OR REPLACE TEMP TABLE kept_{table} AS FROM {table}")
    for table in ("rejected_bar", "history_start", "batch"):
        op.drop_table(table)
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("started_at", "committed_at")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column("vendor", sa.String(), nullable=True),
        sa.Column("reverts", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind in ({})".format(", ".join(f"'{name}'" for name in kinds))),
        sa.PrimaryKeyConstraint("batch_id"),
    )
    op.create_table(
        "history_start",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("kept_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.batch_id"]),
    )
    op.create_table(
        "rejected_bar",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("file_row", sa.BigInteger(), nullable=True),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.batch_id"]),
    )
    op.execute(f"INSERT INTO batch BY NAME SELECT * REPLACE ({kind} AS kind) FROM kept_batch ORDER BY batch_id")
    for table in ("rejected_bar", "history_start"):
        op.execute(f"INSERT INTO {table} BY NAME FROM kept_{table}")
    for table in ("batch", "rejected_bar", "history_start"):
        op.execute(f"DROP TABLE temp.kept_{table}")
