"""Views list the columns that they give: `health` of older stores lacked one where clients look for columns.

A view keeps the columns of what it reads as they were when it was made. Since this schema all views are made anew
after every migration, so that there is nothing more to do.
"""

from __future__ import annotations

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False


def upgrade() -> None:
    """Nothing but what follows every migration."""


def downgrade() -> None:
    """Nothing but what follows every migration."""
