"""Each interval says what its coverage comes to and when its next bucket closes, so that nobody has to ask for it all."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from barhouse.store.sql import texts

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: True has the file copied aside before this migration runs.
changes_data = True

_VIEWS = Path(__file__).parent.parent / "views"


_TABLE = "interval_definition"


def upgrade() -> None:
    # No column is added to a table while it has an index; and none of the same name comes back in one transaction.
    op.drop_index("interval_definition_name", table_name=_TABLE)
    op.add_column(_TABLE, sa.Column("next_close", sa.DateTime(timezone=True), nullable=True))
    op.add_column(_TABLE, sa.Column("first_session", sa.Date(), nullable=True))
    op.add_column(_TABLE, sa.Column("expected_count", sa.BigInteger(), nullable=True))
    op.add_column(_TABLE, sa.Column("present_count", sa.BigInteger(), nullable=True))
    op.execute(
        """
        UPDATE interval_definition AS d
        SET first_session = c.first_session, expected_count = c.expected_count, present_count = c.present_count
        FROM (SELECT interval_id, min(session_date) AS first_session, sum(expected_count)::BIGINT AS expected_count,
                     sum(present_count)::BIGINT AS present_count
              FROM session_coverage GROUP BY interval_id) AS c
        WHERE c.interval_id = d.interval_id
    """.replace("::", "\\:\\:")
    )
    op.create_index("interval_definition_key", _TABLE, ["symbol_id", "interval"], unique=True)
    _replace("0001.sql", "0003.sql")


def downgrade() -> None:
    _replace("0003.sql", "0001.sql")
    op.drop_index("interval_definition_key", table_name=_TABLE)
    for column in ("present_count", "expected_count", "first_session", "next_close"):
        op.drop_column(_TABLE, column)
    op.create_index("interval_definition_name", _TABLE, ["symbol_id", "interval"], unique=True)


def _replace(old: str, new: str) -> None:
    for name, statement in reversed(texts((_VIEWS / old).read_text(encoding="utf-8")).items()):
        table = "MACRO TABLE" if " AS TABLE" in statement else "MACRO"
        op.execute(f"DROP {'VIEW' if statement.startswith('CREATE VIEW') else table} {name}")
    for statement in texts((_VIEWS / new).read_text(encoding="utf-8")).values():
        op.execute(sa.text(statement.replace(":", "\\:")))
