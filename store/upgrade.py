"""Bringing a store file to the current schema with Alembic; imported only when a file needs it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from store.dialect import joined
from store.errors import StoreVersionError
from store.snapshot import copy_file

if TYPE_CHECKING:
    from store.engine import Database

log = logging.getLogger("barhouse.store")

# Alembic keeps the migration that is running in globals: one at a time in a process, whatever the file.
_upgrading = threading.Lock()


def migrations_folder() -> Path:
    """Where the migrations are: inside the package in an installed wheel, beside it in a checkout."""
    inside = Path(__file__).parent / "migrations"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "migrations"


def alembic_config() -> Config:
    """Alembic's settings for a store, without an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(database: Database, version: str | None, target: str = "head") -> None:
    """Run the migrations a file lacks, all in one transaction.

    Before a migration that says ``changes_data = True`` the file is copied aside, as ``NAME.before-REVISION``.
    """
    config = alembic_config()
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    if version is not None and version not in known:
        raise StoreVersionError(
            f"the store {database.path} has schema {version}, newer than this Barhouse knows "
            f"({script.get_current_head()}); upgrade Barhouse"
        )
    waiting = list(script.iterate_revisions(target, version or "base"))
    changes_data = any(getattr(revision.module, "changes_data", False) for revision in waiting)
    if changes_data and database.path is not None and version is not None:
        aside = database.path.with_name(f"{database.path.name}.before-{waiting[-1].revision}")
        copy_file(database, aside)
        log.info("copied %s to %s before changing its data", database.path, aside)
    with database.transaction() as transaction, joined(transaction.cursor) as connection, _upgrading:
        config.attributes["connection"] = connection
        command.upgrade(config, target)
    log.info("upgraded %s from schema %s to %s", database.path, version, script.get_current_head())
