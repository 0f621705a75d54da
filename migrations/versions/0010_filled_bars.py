"""Bars without holes are a view."""

from __future__ import annotations

from barhouse.migrations.view_changes import change_views

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False


def upgrade() -> None:
    change_views("0009", "0010")


def downgrade() -> None:
    change_views("0010", "0009")
