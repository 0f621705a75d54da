"""The store's own file: queries may not use it as a file, and its lock is kept whatever this process does to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
from test_engine import add_run, elsewhere, holder, note, runs

from barhouse.store.database.database import Database
from barhouse.store.database.opening import open_database
from barhouse.store.errors import InputError, StoreBrokenError, StoreHeldError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "deep"
    folder.mkdir(parents=True)
    return folder / "bars.duckdb"


@pytest.fixture
def database(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    database = open_database(path)
    note(database, 1)
    monkeypatch.chdir(path.parent)
    yield database
    database.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT size FROM read_blob('{path}')",
        "SELECT size FROM READ_BLOB('bars.duckdb')",
        "SELECT size FROM read_text('../deep/bars.duckdb')",
        "SELECT size FROM read_blob('linked')",
        "SELECT size FROM read_blob('hard.duckdb')",
        "SELECT size FROM read_blob(['other.csv', 'bars.duckdb'])",
        "SELECT size FROM read_blob('*.duckdb')",
        "SELECT size FROM read_text('{folder}/../d?ep/*')",
        "SELECT size FROM read_text('{folder}/../../**')",
        "SELECT size FROM read_text('{folder}/../**/[a-c]*')",
        "SELECT size FROM read_blob($$bars.duckdb$$)",
        "SELECT size FROM read_blob('file:{path}')",
        "SELECT * FROM read_csv('bars.duckdb')",
        "SELECT * FROM 'bars.duckdb'",
        'SELECT * FROM "bars.duckdb"',
        "SELECT * FROM parquet_metadata('bars.duckdb')",
        "SELECT * FROM sniff_csv('bars.duckdb')",
        "FROM query('SELECT size FROM read_blob(''bars.duckdb'')')",
        "SELECT size FROM read_blob('bars.duckdb.wal')",
        "COPY session_run TO 'bars.duckdb'",
        "COPY session_run TO '{path}' (FORMAT csv)",
        "COPY session_run TO 'linked' (FORMAT csv)",
        "COPY session_run TO 'bars.duckdb.wal' (FORMAT csv)",
        "COPY session_run TO '..' (FORMAT csv, PARTITION_BY (mode), OVERWRITE)",
        "COPY session_run TO '{folder}' (FORMAT csv, PER_THREAD_OUTPUT)",
    ],
)
def test_a_query_does_not_use_the_stores_own_file(database: Database, path: Path, query: str) -> None:
    path.with_name("linked").symlink_to(path)
    path.with_name("hard.duckdb").hardlink_to(path)
    with pytest.raises(InputError, match=r"a query may not use the store's own file .*publish\(\) or backup\(\)"):
        database.query(query.format(path=path, folder=path.parent), reads_files=True)
    assert elsewhere(path).startswith("StoreHeldError")
    note(database, 2)
    assert runs(database) == [1, 2]


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("SELECT size FROM read_blob($name)", {"name": "bars.duckdb"}),
        ("SELECT size FROM read_blob(?)", ["bars.duckdb"]),
        ("SELECT size FROM read_blob($names)", {"names": ["other.csv", "bars.duckdb"]}),
        ("COPY session_run TO $name", {"name": "bars.duckdb"}),
    ],
)
def test_nor_by_a_parameter(database: Database, query: str, parameters: dict[str, object] | list[object]) -> None:
    with pytest.raises(InputError, match="a query may not use the store's own file"):
        database.query(query, parameters, reads_files=True)
    assert runs(database) == [1]


def test_other_files_and_any_text_are_fine(database: Database, path: Path) -> None:
    other = path.with_name("other.csv")
    other.write_text("a;b\n1;x\n")
    for query in (
        "SELECT a FROM read_csv('other.csv', delim = ';')",
        "SELECT a FROM 'other.csv'",
        "SELECT a FROM read_csv('*.csv')",
        f"SELECT a FROM read_csv('{path.parents[1]}/**/*.csv')",
        "SELECT size FROM read_text('other.*')",
        "SELECT 1 WHERE '*' = '*' AND 'bars' LIKE '%' AND '.' <> '/' AND '' = ''",
        "SELECT 1 FROM glob('*.duckdb')",
    ):
        assert database.query(query, reads_files=True).num_rows == 1, query
    assert database.query("SELECT $a AS a", {"a": "bars.duckdb"})["a"].to_pylist() == ["bars.duckdb"]
    with open_database(Path(":memory:")).reading() as view:
        assert view.execute("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT size FROM read_blob('bars' || '.duckdb')",
        "SELECT size FROM read_blob(e'bars\\x2educkdb')",
        "SELECT size FROM read_csv(concat('bars', '.duckdb'))",
    ],
)
def test_a_name_put_together_costs_the_lock_no_longer_than_the_query(
    database: Database, path: Path, query: str
) -> None:
    with suppress(duckdb.Error):  # it is no text, and no CSV; it was opened and closed all the same
        database.query(query, reads_files=True)
    assert elsewhere(path).startswith("StoreHeldError")
    note(database, 2)
    assert runs(database) == [1, 2]


needs_locks = pytest.mark.skipif(os.name == "nt", reason="locks belong to descriptors there and cannot be lost so")


@needs_locks
def test_a_lock_that_was_lost_is_taken_again(database: Database, path: Path) -> None:
    shutil.copyfile(path, path.with_name("copy"))  # closes a descriptor of the file
    assert elsewhere(path, "read-only") == "opened", "or this test would prove nothing"
    assert runs(database) == [1]
    assert elsewhere(path).startswith("StoreHeldError")
    shutil.copyfile(path, path.with_name("copy"))
    note(database, 2)
    assert elsewhere(path).startswith("StoreHeldError")


@needs_locks
def test_nothing_is_written_beside_another_process_that_has_the_lock(path: Path) -> None:
    database = open_database(path)
    note(database, 1)
    database.root.execute("CHECKPOINT")
    shutil.copyfile(path, path.with_name("copy"))
    with holder(path):
        content = path.read_bytes()
        with pytest.raises(
            StoreHeldError, match=r"the lock on .* was lost, .* another process has it now; nothing more"
        ):
            note(database, 2)
        for use in (lambda: note(database, 3), lambda: runs(database)):
            with pytest.raises(StoreBrokenError, match=r"cannot go on .*close it and open it again"):
                use()
        database.close()
        assert path.read_bytes() == content
        assert elsewhere(path).startswith("StoreHeldError"), "the other one still has it"
    with open_database(path).reading() as view:
        assert view.execute("SELECT run_id FROM session_run") == [(1,)]


@needs_locks
def test_a_lock_lost_during_a_transaction_rolls_it_back(path: Path) -> None:
    database = open_database(path)
    note(database, 1)
    with pytest.raises(StoreHeldError, match="another process has it now"), database.transaction() as transaction:
        add_run(transaction.execute, 2)
        shutil.copyfile(path, path.with_name("copy"))
        held = holder(path)
        held.__enter__()
    database.close()
    held.__exit__(None, None, None)
    again = open_database(path)
    assert runs(again) == [1]
    again.close()


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_a_file_that_is_not_the_one_opened_is_not_written_to(database: Database, path: Path, how: str) -> None:
    path.rename(path.with_name("moved.duckdb"))
    if how == "replaced":
        path.write_text("something else")
    with pytest.raises(StoreHeldError, match="is another file than the one that was opened: replaced or removed"):
        note(database, 2)
    with pytest.raises(StoreBrokenError, match="open it again"):
        runs(database)
    if how == "replaced":
        assert path.read_text() == "something else"
