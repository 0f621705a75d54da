"""Where weeks of a unit begin is found once for each length, not for each session: queries of blocks are planned sooner."""

from __future__ import annotations

from barhouse.migrations.view_changes import change_views

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False


def upgrade() -> None:
    change_views("0016", "0017")


def downgrade() -> None:
    change_views("0017", "0016")
