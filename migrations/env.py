"""How Alembic reaches a store: through the connection of an opening store, or by itself from the command line.

From the command line the store is named by ``-x store=PATH`` or BARHOUSE_STORE; the default is barhouse.duckdb.
"""

from __future__ import annotations

import os

import duckdb
import sqlalchemy as sa
from alembic import context
from sqlalchemy.pool import StaticPool

from barhouse.migrations.view_changes import make_views_anew
from barhouse.store.database.comments import say_what_there_is
from barhouse.store.database.dialect import ConnectionWrapper, register_alembic_impl
from barhouse.store.database.opening import connect
from barhouse.store.database.tables import metadata

register_alembic_impl()


def run(connection: sa.Connection) -> None:
    """Run the migrations asked for, all in one transaction; then the catalog says what there is."""
    applied: list[object] = []
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        on_version_apply=lambda **given: applied.append(given["step"]),
    )
    with context.begin_transaction():
        context.run_migrations()
        if applied:
            make_views_anew(connection, context.get_context().get_current_revision() or "")
            say_what_there_is(connection)


def run_alone() -> None:
    """Open the store for the command line."""
    path = context.get_x_argument(as_dictionary=True).get("store") or os.environ.get(
        "BARHOUSE_STORE", "barhouse.duckdb"
    )
    root: duckdb.DuckDBPyConnection = connect(path, read_only=False)
    engine = sa.create_engine("barhouse://", creator=lambda: ConnectionWrapper(root), poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            run(connection)
    finally:
        root.close()


given = context.config.attributes.get("connection")
if context.is_offline_mode():
    raise SystemExit("migrations read the store they change; run them without --sql")
if given is not None:
    run(given)
else:
    run_alone()
