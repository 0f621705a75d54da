"""What came of a loaded file, so that the same file need not be read again. Of files loaded before nothing is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = False


def upgrade() -> None:
    op.add_column("source_file", sa.Column("outcome", sa.String(), nullable=True))
    op.add_column("source_file", sa.Column("read_with", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("source_file", "read_with")
    op.drop_column("source_file", "outcome")
