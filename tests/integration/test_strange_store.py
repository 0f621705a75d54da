"""A store that somebody else made: to open it runs nothing that they wrote, and what it computes is not believed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest
from load_kit import Bench, lines, minutes

from barhouse import open_store
from barhouse.store.database import opening
from barhouse.store.errors import StoreError, StoreVersionError
from barhouse.store.sql import sql

#: Statements that are run whenever a store is opened.
AT_OPENING = (
    "database.path",
    "database.table_names",
    "database.schema_version",
    "database.memory_limit",
    "database.store_options",
    "database.has_symbols",
)


@pytest.fixture
def stranger(bench: Bench, tmp_path: Path) -> Path:
    bench.load_lines(*lines(minutes("2024-11-26 14:30", "2024-11-26 14:40")), timezone="UTC")
    bench.store.close()
    return Path(shutil.copy(str(bench.store.path), tmp_path / "stranger.duckdb"))


def called() -> set[str]:
    """The functions that statements call when a store is opened."""
    return {name for one in AT_OPENING for name in re.findall(r"(\w+)\(", sql(one))}


def test_what_is_run_at_opening_is_what_is_looked_at(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = set()
    monkeypatch.setattr(opening, "sql", lambda name, **places: (named.add(name), sql(name, **places))[1])
    open_store(stranger, read_only=True).close()
    assert {name for name in named if name.startswith("database.")} <= set(AT_OPENING)


@pytest.mark.parametrize("read_only", [True, False])
def test_opening_runs_no_macro_of_a_stranger(stranger: Path, read_only: bool) -> None:
    """Each would read a file that is not there, and fail."""
    names = called() | {"count", "max", "min", "coalesce", "lower"}
    secret = stranger.with_name("secret.csv")
    secret.write_text("a\n1\n")
    with duckdb.connect(str(stranger)) as connection:
        for name in names:
            rows = f"TABLE FROM read_csv('{secret}')" if name.startswith("duckdb_") else "error('it was run')"
            connection.execute(f"CREATE MACRO {name}(a := 1) AS {rows}")
    secret.unlink()
    with open_store(stranger, read_only=read_only) as store:
        assert not store.case_sensitive
        with pytest.raises(StoreError, match=r"has macros by the names of DuckDB's own functions .*DROP MACRO"):
            store.verify()


@pytest.mark.parametrize("table", ["store_option", "alembic_version"])
def test_opening_runs_no_view_of_a_stranger(stranger: Path, table: str) -> None:
    secret = stranger.with_name("secret.csv")
    secret.write_text("a\n1\n")
    with duckdb.connect(str(stranger)) as connection:
        for view in connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            connection.execute(f"DROP VIEW IF EXISTS {view[0]} CASCADE")
        connection.execute(f"ALTER TABLE {table} RENAME TO once")
        connection.execute(f"CREATE VIEW {table} AS FROM read_csv('{secret}')")
    secret.unlink()
    with pytest.raises(StoreVersionError, match="not a Barhouse store"):
        open_store(stranger, read_only=True)
