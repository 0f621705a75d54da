"""Prices as of the shares of the newest bar are a view."""

from __future__ import annotations

from barhouse.migrations.view_changes import change_views

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False


def upgrade() -> None:
    change_views("0007", "0008")


def downgrade() -> None:
    change_views("0008", "0007")
