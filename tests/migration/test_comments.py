"""The catalog of a store says what its promised views and their columns are: a new one, and one that was brought up."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import duckdb
import pytest

from barhouse import compact, open_store

ROOT = Path(__file__).parents[2]
STORES = sorted((ROOT / "tests" / "migration" / "stores").glob("*.duckdb"))
SAID = tomllib.loads((ROOT / "store" / "sql" / "columns.toml").read_text(encoding="utf-8"))
PROMISED = set(SAID["one_row_for_each"])


def check(path: Path) -> None:
    """As any client of DuckDB's sees it."""
    with duckdb.connect(str(path), read_only=True) as client:
        views = dict(client.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
        macro = client.execute("SELECT comment FROM duckdb_functions() WHERE function_name = 'bars_as_of'").fetchall()
        columns = client.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE table_name IN "
            "(SELECT view_name FROM duckdb_views() WHERE NOT internal)"
        ).fetchall()
    for name in PROMISED - {"bars_as_of"}:
        assert views[name] == f"One row for each {SAID['one_row_for_each'][name]}."
    assert macro == [(f"One row for each {SAID['one_row_for_each']['bars_as_of']}.",)]
    assert {name for name, said in views.items() if said.startswith("Of Barhouse itself")} == views.keys() - PROMISED
    for view, column, comment in columns:
        own = SAID["of"].get(view, {}).get(column) or SAID["columns"].get(column)
        assert comment == (own if view in PROMISED else None), f"{view}.{column}"
    assert len([one for one in columns if one[0] in PROMISED]) > 150


def test_a_new_store_says_what_it_holds(tmp_path: Path) -> None:
    open_store(tmp_path / "bars.duckdb").close()
    check(tmp_path / "bars.duckdb")


@pytest.mark.parametrize("kept", STORES, ids=[path.stem for path in STORES])
def test_a_store_of_every_schema_says_it_once_it_is_open(tmp_path: Path, kept: Path) -> None:
    path = Path(shutil.copy(kept, tmp_path / "bars.duckdb"))
    open_store(path).close()
    check(path)


def test_copies_say_it_too(tmp_path: Path) -> None:
    path = Path(shutil.copy(STORES[-1], tmp_path / "bars.duckdb"))
    with open_store(path) as store:
        store.publish(tmp_path / "copy.duckdb")
    check(tmp_path / "copy.duckdb")
    compact(path)
    check(path)


def test_opening_a_store_that_is_up_to_date_writes_nothing(tmp_path: Path) -> None:
    path = Path(shutil.copy(STORES[-1], tmp_path / "bars.duckdb"))
    open_store(path).close()
    before = path.read_bytes()
    open_store(path).close()
    assert path.read_bytes() == before


def test_an_attached_file_is_asked_as_of_a_moment_once_it_is_used(tmp_path: Path) -> None:
    """A macro looks for its tables where the query stands, on every DuckDB so far; views know their own file."""
    path = Path(shutil.copy(STORES[-1], tmp_path / "bars.duckdb"))
    with duckdb.connect() as client:
        client.execute(f"ATTACH '{path}' AS b (READ_ONLY)")
        bars = client.execute("SELECT * FROM b.bars ORDER BY ALL").fetchall()
        with pytest.raises(duckdb.CatalogException, match="Table with name bar does not exist"):
            client.execute("FROM b.bars_as_of(now())")
        client.execute("USE b")
        assert client.execute("SELECT * FROM bars_as_of(now()) ORDER BY ALL").fetchall() == bars
