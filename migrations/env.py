"""How Alembic reaches a store: through the connection of an opening store, or by itself from the command line.

From the command line the store is named by ``-x store=PATH`` or BARHOUSE_STORE; the default is barhouse.duckdb.
"""

from __future__ import annotations

import os
from typing import Any

import duckdb
import sqlalchemy as sa
from alembic import context
from sqlalchemy.pool import StaticPool

from barhouse.migrations.view_changes import make_views_anew
from barhouse.store.database.comments import say_what_there_is
from barhouse.store.database.declared_views import show_columns
from barhouse.store.database.dialect import ConnectionWrapper, register_alembic_impl
from barhouse.store.database.opening import SCHEMA_VERSION, connect
from barhouse.store.database.tables import metadata
from barhouse.store.sql import Sql

register_alembic_impl()


def run(connection: sa.Connection) -> None:
    """Run the migrations asked for, all in one transaction; then the catalog says what there is."""
    applied: list[object] = []

    def ran(text: Sql) -> list[Any]:
        return [tuple(row) for row in connection.exec_driver_sql(text).fetchall()]

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
            revision = context.get_context().get_current_revision() or ""
            make_views_anew(connection, revision)
            if revision == SCHEMA_VERSION:
                show_columns(ran)
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
