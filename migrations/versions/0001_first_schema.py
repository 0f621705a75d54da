"""The first schema: every table, macro and view."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from barhouse.store.database.dialect import TinyInt
from barhouse.store.sql import texts

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False

# As they were at this revision; store/sql/views.sql goes on.
_VIEWS = Path(__file__).parent.parent / "views" / "0001.sql"


def upgrade() -> None:
    op.create_table(
        "bar",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("span_seconds", sa.BigInteger(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=True),
        sa.Column("segment", TinyInt(), nullable=True),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("trade_count", sa.BigInteger(), nullable=True),
        sa.Column("vwap", sa.Double(), nullable=True),
        sa.Column("base_count", sa.Integer(), nullable=False),
        sa.Column("expected_count", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "bar_revision",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("span_seconds", sa.BigInteger(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=True),
        sa.Column("segment", TinyInt(), nullable=True),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("trade_count", sa.BigInteger(), nullable=True),
        sa.Column("vwap", sa.Double(), nullable=True),
        sa.Column("base_count", sa.Integer(), nullable=False),
        sa.Column("expected_count", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("replaced_by", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("inserted", sa.BigInteger(), nullable=False),
        sa.Column("revised", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind in ('load', 'process', 'delete', 'remove', 'calendar', 'repair', 'retention')"),
        sa.PrimaryKeyConstraint("batch_id"),
    )
    op.create_table(
        "gap",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("segment", TinyInt(), nullable=False),
        sa.Column("gap_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gap_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_count", sa.Integer(), nullable=False),
        sa.Column("incomplete_count", sa.Integer(), nullable=False),
    )
    op.create_table(
        "interval_definition",
        sa.Column("interval_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("symbol_id", sa.Integer(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("derived", sa.Boolean(), nullable=False),
        sa.Column("base", sa.String(), nullable=True),
        sa.Column("complete_through", sa.DateTime(timezone=True), nullable=True),
        sa.Column("derived_through", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retained_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retained_date", sa.Date(), nullable=True),
        sa.Column("purged_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purged_by", sa.BigInteger(), nullable=True),
        sa.Column("quality_pct", sa.Double(), nullable=True),
        sa.CheckConstraint("unit in ('second', 'day', 'week', 'month')"),
        sa.CheckConstraint("derived = (base is not null)"),
        sa.CheckConstraint("length > 0"),
        sa.PrimaryKeyConstraint("interval_id"),
    )
    op.create_index("interval_definition_name", "interval_definition", ["symbol_id", "interval"], unique=True)
    op.create_table(
        "invalidation",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("range_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("range_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "session_coverage",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("expected_count", sa.Integer(), nullable=False),
        sa.Column("present_count", sa.Integer(), nullable=False),
    )
    op.create_table(
        "source_file",
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "session_run",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("config", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("cursor", sa.DateTime(timezone=True), nullable=True),
        sa.Column("position", sa.String(), nullable=True),
        sa.Column("pinned_batch", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("mode in ('backtest', 'live', 'nightly')"),
        sa.CheckConstraint("state in ('running', 'stopped', 'done', 'failed', 'crashed', 'closed')"),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table(
        "trade",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("trade_id", sa.String(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("traded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Double(), nullable=True),
        sa.Column("size", sa.Double(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "trade_bucket",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "trading_calendar",
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("definition", sa.String(), nullable=True),
        sa.Column("known_from", sa.Date(), nullable=False),
        sa.Column("known_through", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("calendar"),
    )
    op.create_table(
        "purge",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("of_batch", sa.BigInteger(), nullable=False),
        sa.Column("written", sa.BigInteger(), nullable=False),
        sa.Column("replaced", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "history_start",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("kept_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batch.batch_id"],
        ),
    )
    op.create_table(
        "rejected_bar",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("file_row", sa.BigInteger(), nullable=True),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batch.batch_id"],
        ),
    )
    op.create_table(
        "symbol",
        sa.Column("symbol_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("closing_bar", sa.String(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("closing_bar in ('outside', 'include')"),
        sa.ForeignKeyConstraint(
            ["calendar"],
            ["trading_calendar.calendar"],
        ),
        sa.PrimaryKeyConstraint("symbol_id"),
    )
    op.create_index(
        "symbol_active",
        "symbol",
        ["symbol", sa.literal_column("coalesce(epoch_us(removed_at), 9223372036854775807)")],
        unique=True,
    )
    op.create_table(
        "trading_session",
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("segment", TinyInt(), nullable=False),
        sa.Column("segment_open", sa.DateTime(timezone=True), nullable=False),
        sa.Column("segment_close", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("replaced_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("segment_open < segment_close"),
        sa.ForeignKeyConstraint(
            ["calendar"],
            ["trading_calendar.calendar"],
        ),
    )
    for statement in texts(_VIEWS.read_text(encoding="utf-8")).values():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    for name, statement in reversed(texts(_VIEWS.read_text(encoding="utf-8")).items()):
        table = "MACRO TABLE" if " AS TABLE" in statement else "MACRO"
        op.execute(f"DROP {'VIEW' if statement.startswith('CREATE VIEW') else table} {name}")
    op.drop_table("trading_session")
    op.drop_index("symbol_active", table_name="symbol")
    op.drop_table("symbol")
    op.drop_table("rejected_bar")
    op.drop_table("history_start")
    op.drop_table("purge")
    op.drop_table("trading_calendar")
    op.drop_table("trade_bucket")
    op.drop_table("trade")
    op.drop_table("session_run")
    op.drop_table("source_file")
    op.drop_table("session_coverage")
    op.drop_table("invalidation")
    op.drop_index("interval_definition_name", table_name="interval_definition")
    op.drop_table("interval_definition")
    op.drop_table("gap")
    op.drop_table("batch")
    op.drop_table("bar_revision")
    op.drop_table("bar")
