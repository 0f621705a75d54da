"""What files of any vendor need: see each step."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = True


def upgrade() -> None:
    _add_vendors()
    _add_followed()
    change_views("0004", "0005")


def downgrade() -> None:
    change_views("0005", "0004")
    _drop_followed()
    _drop_vendors()


_KINDS = ("load", "process", "delete", "remove", "calendar", "repair", "retention")
_COUNTS = ("inserted", "revised", "unchanged", "rejected", "deleted")
_BATCH = ("batch_id", "kind", "source", "started_at", "committed_at", *_COUNTS)


def _add_vendors() -> None:
    """Batches say whose bars they loaded, and may undo others; vendors have a priority, and offer other bars."""
    _make_batch_anew((*_KINDS, "revert"), [sa.Column("vendor", sa.String(), nullable=True)], "kind")
    op.create_table(
        "vendor",
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("vendor"),
    )
    op.create_table(
        "bar_vendor",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=True),
    )
    op.create_table(
        "offered_bar",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("open", "high", "low", "close", "volume")),
        sa.Column("trade_count", sa.BigInteger(), nullable=True),
        sa.Column("vwap", sa.Double(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
    )


def _drop_vendors() -> None:
    # Without a kind of its own, an undo is what mends a store.
    for table in ("offered_bar", "bar_vendor", "vendor"):
        op.drop_table(table)
    _make_batch_anew(_KINDS, [], "CASE kind WHEN 'revert' THEN 'repair' ELSE kind END")


def _make_batch_anew(kinds: tuple[str, ...], more: list[sa.Column[str]], kind: str) -> None:
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
        *more,
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
    columns = ", ".join(_BATCH)
    values = columns.replace("kind", kind, 1)
    op.execute(f"INSERT INTO batch ({columns}) SELECT {values} FROM kept_batch ORDER BY batch_id")
    for table in ("rejected_bar", "history_start"):
        op.execute(f"INSERT INTO {table} BY NAME FROM kept_{table}")
    for table in ("batch", "rejected_bar", "history_start"):
        op.execute(f"DROP TABLE temp.kept_{table}")


def _add_followed() -> None:
    """Which symbols' trades are followed, and from when."""
    op.create_table(
        "followed_symbol",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("followed_from", sa.DateTime(timezone=True), nullable=False),
    )


def _drop_followed() -> None:
    # Older versions know no bars that lack trades; `repair` of theirs counts anew what these are part of.
    op.execute(
        """
        UPDATE bar SET base_count = CASE WHEN session_date IS NOT NULL AND expected_count = 0 THEN 0 ELSE 1 END
        WHERE interval_id IN (SELECT interval_id FROM interval_definition WHERE NOT derived)
          AND base_count < CASE WHEN session_date IS NOT NULL AND expected_count = 0 THEN 0 ELSE 1 END
    """
    )
    op.drop_table("followed_symbol")
