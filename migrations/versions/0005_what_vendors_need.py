"""What files of any vendor need: see each step."""

from __future__ import annotations

from barhouse.migrations.view_changes import change_views

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = True


def upgrade() -> None:
    change_views("0004", "0005")


def downgrade() -> None:
    change_views("0005", "0004")
