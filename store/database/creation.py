"""A new store at the current schema, made whole at once: what its migrations come to, without going through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from barhouse.store.database.comments import say_what_there_is
from barhouse.store.database.dialect import joined
from barhouse.store.database.tables import metadata
from barhouse.store.sql import statements

if TYPE_CHECKING:
    from barhouse.store.database.database import Database

# Alembic's own, as it makes it.
_version = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))


def create(database: Database, version: str) -> None:
    """Make the tables, macros and views of an empty store in one transaction, at the version that they are of."""
    with database.transaction() as transaction, joined(transaction.cursor) as connection:
        _version.create(connection, checkfirst=True)
        connection.execute(_version.insert().values(version_num=version))
        metadata.create_all(connection, checkfirst=False)
        for view in statements("views").values():
            connection.exec_driver_sql(view.text)
        say_what_there_is(connection)
