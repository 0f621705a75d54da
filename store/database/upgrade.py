"""Bringing a store file to the current schema with Alembic; imported only when a file needs it."""

from __future__ import annotations

import logging
import threading
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from barhouse.store.database.dialect import joined
from barhouse.store.database.file_copy import copy_file
from barhouse.store.errors import StoreVersionError

if TYPE_CHECKING:
    from barhouse.store.database.database import Database

log = logging.getLogger("barhouse.store")

# Alembic keeps the migration that is running in globals: one at a time in a process, whatever the file.
_upgrading = threading.Lock()


def migrations_folder() -> Path:
    """Where the migrations are, in an installed wheel as in a checkout."""
    return Path(str(resources.files("barhouse"))) / "migrations"


def alembic_config() -> Config:
    """Alembic's settings for a store, without an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(database: Database, version: str, target: str = "head") -> None:
    """Run the migrations a file lacks, all in one transaction.

    Before a migration that says ``changes_data = True`` the file is copied aside, as ``NAME.before-REVISION``.
    """
    config = alembic_config()
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    if version not in known:
        raise StoreVersionError(
            f"the store {database.path} has schema {version}, newer than this Barhouse knows "
            f"({script.get_current_head()}); upgrade Barhouse"
        )
    waiting = list(script.iterate_revisions(target, version))
    changes_data = any(getattr(revision.module, "changes_data", False) for revision in waiting)
    if changes_data and database.path is not None:
        aside = database.path.with_name(f"{database.path.name}.before-{waiting[-1].revision}")
        copy_file(database, aside)
        log.info("copied %s to %s before changing its data", database.path, aside)
    with database.transaction() as transaction, joined(transaction.cursor) as connection, _upgrading:
        config.attributes["connection"] = connection
        command.upgrade(config, target)
    log.info("upgraded %s from schema %s to %s", database.path, version, script.get_current_head())
