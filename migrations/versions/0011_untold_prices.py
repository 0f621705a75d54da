"""Bars that begin before a dividend which says nothing of the price show none."""

from __future__ import annotations

from barhouse.migrations.view_changes import change_views

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False


def upgrade() -> None:
    change_views("0010", "0011")


def downgrade() -> None:
    change_views("0011", "0010")
