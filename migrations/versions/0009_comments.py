"""The catalog says what views and columns are: whatever brings a store to a schema says it, see ``env.py``."""

from __future__ import annotations

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False


def upgrade() -> None:
    """Change no table and no view: comments are said after all migrations."""


def downgrade() -> None:
    """Leave the comments: they are true of the views before as well."""
